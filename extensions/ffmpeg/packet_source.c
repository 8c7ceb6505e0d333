/* SPDX-License-Identifier: Apache-2.0 */
/* Where a track of the output comes from: the joined segments, a packet file, or the input's own
 * packets. */
#include "extensions/ffmpeg/packet_source.h"

#include <libavutil/mathematics.h>
#include <string.h>

#include "extensions/ffmpeg/audio_encode.h"
#include "extensions/ffmpeg/segment_encode.h"

static void count_packet(struct packet_source *source, const AVPacket *packet)
{
	int64_t end = packet->pts + packet->duration;

	if (source->packets == 0 || packet->pts < source->start_pts)
		source->start_pts = packet->pts;
	if (source->packets == 0 || end > source->end_pts)
		source->end_pts = end;
	source->packets++;
}

static int open_segment(struct packet_source *source, struct berth_error *err)
{
	const struct packet_file_format *format = &source->reader.format;
	char name[SEGMENT_NAME_SIZE];

	segment_name(source->segment, name);
	if (packet_file_open(source->directory, name, &source->reader, err) < 0)
		return -1;
	source->opened = true;
	/* an empty segment has no header */
	if (format->extradata_size != 0 &&
	    (format->extradata_size != (uint32_t)source->encoder->extradata_size ||
	     memcmp(format->extradata, source->encoder->extradata, format->extradata_size) != 0))
		return berth_fail(err, BERTH_PROTOCOL, 0, "segment %lld has another stream header",
				  (long long)source->segment);
	return 0;
}

static void close_file(struct packet_source *source)
{
	if (source->opened)
		packet_file_reader_finish(&source->reader);
	source->opened = false;
}

static int assign_dts(struct packet_source *source, AVPacket *packet, struct berth_error *err)
{
	if (decode_times_next(&source->times, packet->pts, &packet->dts) != 0)
		return berth_fail(err, BERTH_PROTOCOL, 0, "a frame comes more than %d frames late",
				  source->times.delay);
	return 0;
}

static int next_of_segments(struct packet_source *source, AVPacket *packet, struct berth_error *err)
{
	int result;

	for (;;) {
		if (source->segment == source->segment_count)
			return 1;
		if (!source->opened && open_segment(source, err) < 0)
			return -1;
		result = packet_file_next(&source->reader, packet, err);
		if (result < 0)
			return -1;
		if (result == 0)
			break;
		close_file(source);
		source->segment++;
	}
	packet->pts -= source->origin;
	if (assign_dts(source, packet, err) < 0)
		return -1;
	count_packet(source, packet);
	return 0;
}

static int next_of_file(struct packet_source *source, AVPacket *packet, struct berth_error *err)
{
	int result;

	if (!source->opened) {
		if (packet_file_open(source->directory, AUDIO_NAME, &source->reader, err) < 0)
			return -1;
		source->opened = true;
	}
	result = packet_file_next(&source->reader, packet, err);
	if (result != 0)
		return result;
	packet->dts = packet->pts;
	count_packet(source, packet);
	return 0;
}

static int next_of_stream(struct packet_source *source, AVPacket *packet, struct berth_error *err)
{
	int result;

	while ((result = media_input_read(source->input, packet, err)) == 0) {
		media_guard_renew(source->input->guard);
		if (packet->stream_index == source->stream && packet->size > 0)
			break;
		av_packet_unref(packet);
	}
	if (result != 0)
		return result;
	if (packet->pts == AV_NOPTS_VALUE)
		return berth_fail(err, BERTH_INVALID, 0, "a packet has no timestamp");
	packet->pts -= source->origin;
	packet->dts = packet->pts;
	/* Matroska does not store the video's */
	if (source->video && assign_dts(source, packet, err) < 0)
		return -1;
	count_packet(source, packet);
	return 0;
}

void packet_source_segments(struct packet_source *source, int directory, int64_t count,
			    const AVCodecContext *encoder, AVRational time_base)
{
	*source = (struct packet_source){.next = next_of_segments,
					 .directory = directory,
					 .segment_count = count,
					 .encoder = encoder,
					 .time_base = time_base};
	decode_times_init(&source->times, encoder->has_b_frames,
			  av_rescale_q(1, av_inv_q(encoder->framerate), time_base));
}

void packet_source_file(struct packet_source *source, int directory, AVRational time_base)
{
	*source = (struct packet_source){
		.next = next_of_file, .directory = directory, .time_base = time_base};
}

void packet_source_stream(struct packet_source *source, struct media_input *input, int stream,
			  int64_t origin)
{
	const AVStream *from = input->format->streams[stream];

	*source = (struct packet_source){.next = next_of_stream,
					 .input = input,
					 .stream = stream,
					 .time_base = from->time_base,
					 .origin = origin};
	source->video = from->codecpar->codec_type == AVMEDIA_TYPE_VIDEO;
	decode_times_init(&source->times, from->codecpar->video_delay,
			  from->avg_frame_rate.num > 0
				  ? av_rescale_q(1, av_inv_q(from->avg_frame_rate), from->time_base)
				  : 1);
}

void packet_source_finish(struct packet_source *source)
{
	close_file(source);
}
