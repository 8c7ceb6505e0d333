/* SPDX-License-Identifier: Apache-2.0 */
/* Finding the picture of a moment: the nearest keyframe, or exactly the frame shown then. */
#include "extensions/ffmpeg/thumbnail_frame.h"

#include <errno.h>
#include <libavutil/mathematics.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "extensions/ffmpeg/frame_source.h"
#include "extensions/ffmpeg/media_decoder.h"
#include "extensions/ffmpeg/media_error.h"
#include "extensions/ffmpeg/media_formats_table.h"
#include "extensions/ffmpeg/media_input.h"

#define KEYFRAME_TRIES 8 /* keyframes that may be damaged */
#define END_SECONDS    3 /* before the end, where the last frame is looked for */

/* How far before the moment a container without an index is read from, in seconds. */
static const int scan_back_s[] = {12, 60, 600};

struct search {
	struct media_input *input;
	AVStream *stream;
	const struct thumbnail_moment *moment;
	int64_t wanted; /* in the stream's time base */
	int threads;
};

static int64_t first_pts(const AVStream *stream)
{
	return stream->start_time == AV_NOPTS_VALUE ? 0 : stream->start_time;
}

static double duration_of(const struct media_input *input, const AVStream *stream)
{
	if (stream->duration != AV_NOPTS_VALUE && stream->duration > 0)
		return (double)stream->duration * av_q2d(stream->time_base);
	return (double)media_input_duration(input) / AV_TIME_BASE;
}

static void aim(struct search *search, struct thumbnail_frame *frame)
{
	double duration = duration_of(search->input, search->stream);
	double seconds = search->moment->percent >= 0 ? duration * search->moment->percent / 100
						      : search->moment->seconds;

	frame->requested = seconds;
	if (duration > 0 && seconds > duration)
		seconds = duration;
	search->wanted =
		first_pts(search->stream) + llround(seconds / av_q2d(search->stream->time_base));
}

/* The index may hold decode timestamps: keyframes are shown this much later. */
static int64_t index_delay(const struct search *search)
{
	const AVIndexEntry *first = avformat_index_get_entry(search->stream, 0);

	if (!first || search->stream->start_time == AV_NOPTS_VALUE ||
	    first->timestamp > search->stream->start_time)
		return 0;
	return search->stream->start_time - first->timestamp;
}

/* Where to seek for the nearer one of the keyframes around the moment, as far as the container has
 * an index. A seek to the decode timestamp of a keyframe would land on the one before it: half the
 * way to the next keyframe is added. */
static int64_t nearest_keyframe(const struct search *search)
{
	int64_t wanted = search->wanted - index_delay(search);
	const AVIndexEntry *before, *after, *nearest, *next;

	before = avformat_index_get_entry_from_timestamp(search->stream, wanted,
							 AVSEEK_FLAG_BACKWARD);
	after = avformat_index_get_entry_from_timestamp(search->stream, wanted, 0);
	nearest = before;
	if (after && (!before || after->timestamp - wanted < wanted - before->timestamp))
		nearest = after;
	if (!nearest)
		return search->wanted;
	next = avformat_index_get_entry_from_timestamp(search->stream, nearest->timestamp + 1, 0);
	if (!next || next->timestamp <= nearest->timestamp)
		return nearest->timestamp +
		       av_rescale_q(1, (AVRational){1, 1}, search->stream->time_base);
	return nearest->timestamp + (next->timestamp - nearest->timestamp) / 2;
}

/* Decodes one keyframe by itself: the decoder is told that nothing follows. 0: *frame is filled;
 * 1: the packet is damaged. */
static int decode_keyframe(const struct search *search, AVCodecContext *decoder,
			   const AVPacket *packet, AVFrame *frame, struct berth_error *err)
{
	int result;

	if (media_guard_cancelled(search->input->guard))
		return media_fail_cancelled(err);
	result = avcodec_send_packet(decoder, packet);
	if (result == AVERROR(ENOMEM))
		return media_fail(err, result, "decode a keyframe");
	(void)avcodec_send_packet(decoder, NULL); /* the end is no error */
	result = avcodec_receive_frame(decoder, frame);
	avcodec_flush_buffers(decoder);
	if (result < 0)
		return 1;
	if (frame->pts == AV_NOPTS_VALUE)
		frame->pts = packet->pts != AV_NOPTS_VALUE ? packet->pts : packet->dts;
	return 0;
}

/* 0: *frame is filled; 1: no keyframe from here on could be decoded. */
static int read_keyframe(const struct search *search, AVCodecContext *decoder, AVPacket *packet,
			 AVFrame *frame, struct berth_error *err)
{
	int result, tries = 0;

	while (tries < KEYFRAME_TRIES &&
	       (result = media_input_read(search->input, packet, err)) == 0) {
		if (packet->stream_index == search->stream->index &&
		    (packet->flags & AV_PKT_FLAG_KEY)) {
			tries++;
			result = decode_keyframe(search, decoder, packet, frame, err);
			if (result <= 0) {
				av_packet_unref(packet);
				return result;
			}
		}
		av_packet_unref(packet);
	}
	return tries < KEYFRAME_TRIES && result < 0 ? -1 : 1;
}

/* Without an index: reads from about `from` on, up to the first keyframe behind the moment, and
 * keeps the nearest one in *packet. *ret_before: there was one at or before it. */
static int scan_keyframes(const struct search *search, int64_t from, AVPacket *packet,
			  bool *ret_before, struct berth_error *err)
{
	AVPacket *next = av_packet_alloc();
	int result;

	if (!next)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "packet");
	/* where it fails reading goes on from where it is: a container that cannot seek */
	(void)avformat_seek_file(search->input->format, search->stream->index, INT64_MIN, from,
				 search->wanted, 0);
	*ret_before = false;
	while ((result = media_input_read(search->input, next, err)) == 0) {
		if (next->pts == AV_NOPTS_VALUE)
			next->pts = next->dts; /* AVI has no other */
		if (next->stream_index != search->stream->index ||
		    !(next->flags & AV_PKT_FLAG_KEY) || next->pts == AV_NOPTS_VALUE) {
			av_packet_unref(next);
			continue;
		}
		if (!packet->data ||
		    llabs(next->pts - search->wanted) < llabs(packet->pts - search->wanted)) {
			av_packet_unref(packet);
			av_packet_move_ref(packet, next);
			next->pts = packet->pts;
		}
		if (next->pts > search->wanted)
			break;
		*ret_before = true;
		av_packet_unref(next);
	}
	av_packet_free(&next);
	return result < 0 ? -1 : 0;
}

/* 0: *frame is filled; 1: no keyframe was found, or it is damaged. */
static int scan_and_decode(const struct search *search, AVCodecContext *decoder, AVPacket *packet,
			   AVFrame *frame, struct berth_error *err)
{
	bool before = false;
	int64_t back;
	int result = 0;

	for (size_t i = 0; i < sizeof(scan_back_s) / sizeof(scan_back_s[0]) && !before; i++) {
		back = av_rescale_q(scan_back_s[i], (AVRational){1, 1}, search->stream->time_base);
		if (scan_keyframes(search, search->wanted - back, packet, &before, err) < 0)
			return -1;
	}
	result = packet->data ? decode_keyframe(search, decoder, packet, frame, err) : 1;
	av_packet_unref(packet);
	return result;
}

static int seek_and_read(const struct search *search, AVCodecContext *decoder, AVPacket *packet,
			 AVFrame *frame, struct berth_error *err)
{
	AVFormatContext *format = search->input->format;
	int64_t target = nearest_keyframe(search);
	int result = 1;

	if (search->input->kind->exact_seek) {
		/* Matroska reads its index when the first seek asks for it */
		if (av_seek_frame(format, search->stream->index, target, AVSEEK_FLAG_BACKWARD) >=
			    0 &&
		    nearest_keyframe(search) != target)
			(void)av_seek_frame(format, search->stream->index, nearest_keyframe(search),
					    AVSEEK_FLAG_BACKWARD);
		result = read_keyframe(search, decoder, packet, frame, err);
	} else {
		result = scan_and_decode(search, decoder, packet, frame, err);
	}
	if (result <= 0)
		return result;
	/* nothing there, or the container cannot seek: the first one of the file */
	(void)avformat_seek_file(format, -1, INT64_MIN, 0, INT64_MAX, AVSEEK_FLAG_ANY);
	result = read_keyframe(search, decoder, packet, frame, err);
	return result > 0 ? berth_fail(err, BERTH_INVALID, 0, "no keyframe could be decoded")
			  : result;
}

static int find_keyframe(const struct search *search, AVFrame *frame, struct berth_error *err)
{
	struct media_decoder_options options = {
		.threads = search->threads, .skip = AVDISCARD_DEFAULT, .low_delay = true};
	AVCodecContext *decoder = NULL;
	AVPacket *packet = av_packet_alloc();
	int result;

	if (!packet)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "packet");
	media_input_select(search->input, search->stream->index);
	result = media_decoder_open(search->stream, &options, &decoder, err);
	if (result == 0)
		result = seek_and_read(search, decoder, packet, frame, err);
	avcodec_free_context(&decoder);
	av_packet_free(&packet);
	return result;
}

/* The last frame at or after `from`. 0: *frame is filled; 1: there is none. */
static int find_last(struct frame_source *source, int64_t from, AVFrame *frame,
		     struct berth_error *err)
{
	AVFrame *next = av_frame_alloc();
	int result, found = 1;

	if (!next)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "frame");
	result = frame_source_start(source, from, err);
	while (result == 0 && (result = frame_source_next(source, next, err)) == 0) {
		av_frame_unref(frame);
		av_frame_move_ref(frame, next);
		found = 0;
	}
	av_frame_free(&next);
	return result < 0 ? -1 : found;
}

static int read_exact(struct frame_source *source, const struct search *search, AVFrame *frame,
		      struct berth_error *err)
{
	int64_t back = av_rescale_q(END_SECONDS, (AVRational){1, 1}, search->stream->time_base);
	int result;

	/* the frame nearest to the moment, at a constant rate */
	if (frame_source_start(source, search->wanted - source->nominal / 2, err) < 0)
		return -1;
	result = frame_source_next(source, frame, err);
	if (result <= 0)
		return result;
	result = find_last(source, search->wanted - back, frame, err);
	if (result > 0)
		result = find_last(source, INT64_MIN, frame, err);
	return result > 0 ? berth_fail(err, BERTH_INVALID, 0, "not one frame could be decoded")
			  : result;
}

static int find_exact(const char *path, const struct search *search, AVFrame *frame,
		      struct berth_error *err)
{
	struct frame_source source = {0};
	int result = frame_source_init(&source, path, search->threads, search->input->guard, err);

	if (result == 0)
		result = read_exact(&source, search, frame, err);
	frame_source_finish(&source);
	return result;
}

static int find(struct media_input *input, const char *path, struct search *search,
		struct thumbnail_frame *found, struct berth_error *err)
{
	int index = av_find_best_stream(input->format, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
	bool cover;

	if (index < 0)
		return berth_fail(err, BERTH_INVALID, 0, "the file has no video");
	search->stream = input->format->streams[index];
	cover = search->stream->disposition & AV_DISPOSITION_ATTACHED_PIC;
	aim(search, found);
	if (search->moment->exact && !cover ? find_exact(path, search, found->frame, err) < 0
					    : find_keyframe(search, found->frame, err) < 0)
		return -1;
	found->actual = (double)(found->frame->pts - first_pts(search->stream)) *
			av_q2d(search->stream->time_base);
	found->keyframe = found->frame->key_frame;
	found->aspect = found->frame->sample_aspect_ratio.num > 0
				? found->frame->sample_aspect_ratio
				: av_guess_sample_aspect_ratio(input->format, search->stream, NULL);
	found->rotation = media_picture_rotation(search->stream);
	return 0;
}

int thumbnail_frame_find(const char *path, const struct thumbnail_moment *moment, int threads,
			 struct media_guard *guard, struct thumbnail_frame *ret_frame,
			 struct berth_error *err)
{
	struct thumbnail_frame found = {.frame = av_frame_alloc()};
	struct media_input input = {0};
	struct search search = {.input = &input, .moment = moment, .threads = threads};
	int result;

	if (!found.frame)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "frame");
	result = media_input_init(&input, path, MEDIA_HEADER, guard, err);
	if (result == 0)
		result = find(&input, path, &search, &found, err);
	media_input_finish(&input);
	if (result < 0)
		av_frame_free(&found.frame);
	else
		*ret_frame = found;
	return result;
}
