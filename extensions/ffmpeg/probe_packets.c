/* SPDX-License-Identifier: Apache-2.0 */
/* Facts that only the packets know: counts, bytes, real durations, keyframe distances. */
#include "extensions/ffmpeg/probe_packets.h"

#include <errno.h>

#include "extensions/ffmpeg/media_error.h"

#define RENEW_EVERY 4096 /* packets */

struct packet_count {
	int64_t packets, keyframes, bytes;
	int64_t first, last; /* pts, in the stream's time base; last includes the duration */
	int64_t last_keyframe, keyframe_distance;
	bool timed;
};

static void count_packet(struct packet_count *count, const AVPacket *packet)
{
	int64_t time = packet->pts != AV_NOPTS_VALUE ? packet->pts : packet->dts;

	count->packets++;
	count->bytes += packet->size;
	if (packet->flags & AV_PKT_FLAG_KEY)
		count->keyframes++;
	if (time == AV_NOPTS_VALUE)
		return;
	if (!count->timed || time < count->first)
		count->first = time;
	if (!count->timed || time + packet->duration > count->last)
		count->last = time + packet->duration;
	if (packet->flags & AV_PKT_FLAG_KEY) {
		if (count->keyframes > 1 && time - count->last_keyframe > count->keyframe_distance)
			count->keyframe_distance = time - count->last_keyframe;
		count->last_keyframe = time;
	}
	count->timed = true;
}

static int read_all(struct media_input *input, struct packet_count *counts, struct berth_error *err)
{
	AVPacket *packet = av_packet_alloc();
	int64_t total = 0;
	int result;

	if (!packet)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "packet");
	while ((result = media_input_read(input, packet, err)) == 0) {
		/* a stream that appeared later has no row */
		if (packet->stream_index < MEDIA_STREAMS_MAX)
			count_packet(&counts[packet->stream_index], packet);
		av_packet_unref(packet);
		if (++total % RENEW_EVERY == 0)
			media_guard_renew(input->guard);
	}
	av_packet_free(&packet);
	return result < 0 ? -1 : 0;
}

static json_t *format_count(const struct packet_count *count, AVRational time_base)
{
	double seconds = (double)(count->last - count->first) * av_q2d(time_base);
	json_t *object;

	object = json_pack("{sI sI sI}", "count", (json_int_t)count->packets, "keyframes",
			   (json_int_t)count->keyframes, "bytes", (json_int_t)count->bytes);
	if (!object || !count->timed || seconds <= 0)
		return object;
	(void)json_object_set_new(object, "duration", json_real(seconds));
	(void)json_object_set_new(object, "bit_rate",
				  json_integer((json_int_t)((double)count->bytes * 8 / seconds)));
	if (count->keyframe_distance > 0)
		(void)json_object_set_new(
			object, "longest_keyframe_distance",
			json_real((double)count->keyframe_distance * av_q2d(time_base)));
	return object;
}

int probe_packets(struct media_input *input, json_t *streams, struct berth_error *err)
{
	struct packet_count counts[MEDIA_STREAMS_MAX] = {0};
	unsigned count = (unsigned)json_array_size(streams);

	/* the packets that were read to know the streams are counted too */
	(void)avformat_seek_file(input->format, -1, INT64_MIN, 0, INT64_MAX, 0);
	if (read_all(input, counts, err) < 0)
		return -1;
	for (unsigned i = 0; i < count && i < MEDIA_STREAMS_MAX; i++)
		(void)json_object_set_new(
			json_array_get(streams, i), "packets",
			format_count(&counts[i], input->format->streams[i]->time_base));
	return 0;
}
