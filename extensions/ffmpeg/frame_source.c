/* SPDX-License-Identifier: Apache-2.0 */
/* The pictures of one video stream in display order, from any point, exactly. */
#include "extensions/ffmpeg/frame_source.h"

#include <errno.h>
#include <libavutil/mathematics.h>
#include <stddef.h>

#include "base/clock.h"
#include "extensions/ffmpeg/media_decoder.h"
#include "extensions/ffmpeg/media_error.h"
#include "extensions/ffmpeg/media_formats_table.h"

#define DAMAGE_FREE    16 /* packets that may be damaged in any file */
#define DAMAGE_PERCENT 10 /* of all packets, beyond which the file is refused */

/* How far before the wanted time a seek aims, in seconds, until it lands on a keyframe that is
 * shown no later; the last resort is the beginning. */
static const int seek_back_s[] = {0, 1, 4, 16, 64};

static int open_file(struct frame_source *source, struct berth_error *err)
{
	struct media_decoder_options options = {.threads = source->threads,
						.skip = AVDISCARD_DEFAULT};
	const AVStream *stream;

	if (media_input_init(&source->input, source->path, MEDIA_STREAMS, source->guard, err) < 0)
		return -1;
	source->stream = media_input_best_stream(&source->input, AVMEDIA_TYPE_VIDEO);
	if (source->stream < 0)
		return berth_fail(err, BERTH_INVALID, 0, "the file has no video stream");
	media_input_select(&source->input, source->stream);
	stream = source->input.format->streams[source->stream];
	source->nominal =
		av_rescale_q(1,
			     av_inv_q(stream->avg_frame_rate.num > 0 ? stream->avg_frame_rate
								     : (AVRational){25, 1}),
			     stream->time_base);
	if (source->nominal < 1)
		source->nominal = 1;
	return media_decoder_open(stream, &options, &source->decoder, err);
}

static void close_file(struct frame_source *source)
{
	avcodec_free_context(&source->decoder);
	media_input_finish(&source->input);
}

int frame_source_init(struct frame_source *source, const char *path, int threads,
		      struct media_guard *guard, struct berth_error *err)
{
	*source = (struct frame_source){.path = path,
					.guard = guard,
					.threads = threads,
					.last_pts = INT64_MIN,
					.skip_pts = INT64_MIN};
	source->packet = av_packet_alloc();
	source->pending = av_frame_alloc();
	if (!source->packet || !source->pending)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "frame source");
	return open_file(source, err);
}

void frame_source_finish(struct frame_source *source)
{
	av_packet_free(&source->packet);
	av_frame_free(&source->pending);
	close_file(source);
}

static int check_damage(const struct frame_source *source, struct berth_error *err)
{
	if (source->damaged <= DAMAGE_FREE ||
	    source->damaged * 100 <= source->packets * DAMAGE_PERCENT)
		return 0;
	return berth_fail(err, BERTH_INVALID, 0, "%lld of %lld packets are damaged",
			  (long long)source->damaged, (long long)source->packets);
}

/* Frames that nothing depends on need not be decoded on the way to the wanted one. */
static void choose_skip(struct frame_source *source)
{
	bool before = source->packet->pts != AV_NOPTS_VALUE &&
		      source->packet->pts < source->skip_pts && source->skip_pts != INT64_MIN;

	source->decoder->skip_frame = before ? AVDISCARD_NONREF : AVDISCARD_DEFAULT;
}

static int send_packet(struct frame_source *source, struct berth_error *err)
{
	int result;

	choose_skip(source);
	result = avcodec_send_packet(source->decoder, source->packet);
	av_packet_unref(source->packet);
	source->packets++;
	source->moved = true;
	if (result == 0)
		return 0;
	if (result == AVERROR(ENOMEM))
		return media_fail(err, result, "decode a packet");
	source->damaged++;
	return check_damage(source, err);
}

/* Gives the decoder its next packet, or the end. */
static int feed(struct frame_source *source, struct berth_error *err)
{
	int result;

	if (source->packet->size == 0 || !source->packet->data) {
		result = media_input_read(&source->input, source->packet, err);
		if (result < 0)
			return -1;
		if (result > 0) {
			source->draining = true;
			(void)avcodec_send_packet(source->decoder, NULL); /* the end is no error */
			return 0;
		}
	}
	if (source->packet->stream_index != source->stream) {
		av_packet_unref(source->packet);
		return 0;
	}
	return send_packet(source, err);
}

/* Any frame, as the decoder gives it. */
static int decode(struct frame_source *source, AVFrame *frame, struct berth_error *err)
{
	int result;

	for (;;) {
		if (media_guard_cancelled(source->guard))
			return media_fail_cancelled(err);
		if (media_guard_expired(source->guard))
			return berth_fail(err, BERTH_LIMIT, 0, "decoding made no progress");
		result = avcodec_receive_frame(source->decoder, frame);
		if (result == 0)
			return 0;
		if (result == AVERROR_EOF || (result == AVERROR(EAGAIN) && source->draining))
			return 1;
		if (result == AVERROR(ENOMEM))
			return media_fail(err, result, "decode");
		if (result != AVERROR(EAGAIN)) {
			source->damaged++;
			if (check_damage(source, err) < 0)
				return -1;
			continue;
		}
		if (feed(source, err) < 0)
			return -1;
	}
}

static int64_t frame_time(const struct frame_source *source, const AVFrame *frame)
{
	if (frame->pts != AV_NOPTS_VALUE)
		return frame->pts;
	if (frame->best_effort_timestamp != AV_NOPTS_VALUE)
		return frame->best_effort_timestamp;
	return source->last_pts == INT64_MIN ? 0 : source->last_pts + source->nominal;
}

int frame_source_next(struct frame_source *source, AVFrame *frame, struct berth_error *err)
{
	int result;

	if (source->has_pending) {
		av_frame_move_ref(frame, source->pending);
		source->has_pending = false;
		source->previous_pts = source->last_pts;
		source->last_pts = frame->pts;
		return 0;
	}
	for (;;) {
		result = decode(source, frame, err);
		if (result != 0)
			return result;
		frame->pts = frame_time(source, frame);
		media_guard_renew(source->guard);
		/* a picture that is not after the last one cannot be shown: the file repeats itself
		 */
		if (frame->pts > source->last_pts && frame->pts >= source->skip_pts)
			break;
		av_frame_unref(frame);
	}
	source->previous_pts = source->last_pts;
	source->last_pts = frame->pts;
	return 0;
}

void frame_source_push_back(struct frame_source *source, AVFrame *frame)
{
	source->last_pts = source->previous_pts;
	av_frame_unref(source->pending);
	av_frame_move_ref(source->pending, frame);
	source->has_pending = true;
}

static int rewind_file(struct frame_source *source, struct berth_error *err)
{
	av_packet_unref(source->packet);
	if (!source->moved)
		return 0;
	close_file(source);
	source->moved = false;
	return open_file(source, err);
}

/* Aims at pts. 0: the next packet is a keyframe shown at or before pts; 1: it is not. */
static int try_seek(struct frame_source *source, int64_t pts, int64_t aim, struct berth_error *err)
{
	int result;

	if (avformat_seek_file(source->input.format, source->stream, INT64_MIN, aim, aim, 0) < 0)
		return 1;
	avcodec_flush_buffers(source->decoder);
	do {
		av_packet_unref(source->packet);
		result = media_input_read(&source->input, source->packet, err);
		if (result != 0)
			return result;
	} while (source->packet->stream_index != source->stream);
	return (source->packet->flags & AV_PKT_FLAG_KEY) && source->packet->pts != AV_NOPTS_VALUE &&
			       source->packet->pts <= pts
		       ? 0
		       : 1;
}

static int seek(struct frame_source *source, int64_t pts, struct berth_error *err)
{
	AVRational time_base = source->input.format->streams[source->stream]->time_base;
	int result;

	source->draining = false;
	for (size_t i = 0; i < sizeof(seek_back_s) / sizeof(seek_back_s[0]); i++) {
		source->moved = true;
		result = try_seek(source, pts,
				  pts - av_rescale_q(seek_back_s[i], (AVRational){1, 1}, time_base),
				  err);
		if (result <= 0)
			return result;
	}
	return rewind_file(source, err);
}

int frame_source_start(struct frame_source *source, int64_t pts, struct berth_error *err)
{
	bool ahead = source->has_pending && source->pending->pts >= pts;

	/* nothing lies between the frame delivered last and the one that was pushed back */
	if (ahead && source->last_pts < pts && source->skip_pts <= pts)
		return 0;
	if (source->has_pending)
		av_frame_unref(source->pending);
	source->has_pending = false;
	source->skip_pts = pts;
	if (pts != INT64_MIN && source->input.kind->exact_seek) {
		source->last_pts = INT64_MIN;
		return seek(source, pts, err);
	}
	if (!ahead && source->last_pts < pts)
		return 0; /* forward by decoding */
	source->last_pts = INT64_MIN;
	source->draining = false;
	return rewind_file(source, err);
}
