/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the input's tracks are already what the payload asks for, so that they can be copied. */
#include "extensions/ffmpeg/profile_match.h"

#include <errno.h>
#include <libavcodec/avcodec.h>
#include <libavutil/mathematics.h>
#include <libavutil/pixdesc.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "extensions/ffmpeg/decode_times.h"
#include "extensions/ffmpeg/media_error.h"
#include "extensions/ffmpeg/media_formats_table.h"
#include "extensions/ffmpeg/media_picture.h"
#include "extensions/ffmpeg/transcode_picture.h"

#define RATE_TOLERANCE 1.25 /* short clips miss their average by this much; peaks are checked */
#define BUFFER_START   0.9  /* x264 begins with a decoder buffer this full */
#define RENEW_EVERY    4096 /* packets */

/* The profiles of the payload, in their order, as H.264 numbers them. */
static const int profile_numbers[] = {FF_PROFILE_H264_BASELINE, FF_PROFILE_H264_MAIN,
				      FF_PROFILE_H264_HIGH};

/* Says why and returns false. */
static bool differs(char *reason, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool differs(char *reason, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(reason, PROFILE_REASON_SIZE, format, args);
	va_end(args);
	return false;
}

static bool profile_fits(int profile, int most)
{
	/* constrained profiles and high without interlacing are subsets */
	return (profile & ~FF_PROFILE_H264_CONSTRAINED) <= profile_numbers[most] && profile > 0;
}

static bool parameters_match(const struct media_input *input, const AVStream *stream,
			     const struct transcode_settings *settings, char *reason)
{
	const AVCodecParameters *codec = stream->codecpar;
	struct media_picture seen;

	media_picture_init(&seen, codec->width, codec->height, stream->sample_aspect_ratio,
			   media_picture_rotation(stream));
	if (!input->kind->exact_seek)
		return differs(reason, "container %s", input->format->iformat->name);
	if (codec->codec_id != AV_CODEC_ID_H264)
		return differs(reason, "codec %s", avcodec_get_name(codec->codec_id));
	if (!profile_fits(codec->profile, settings->profile))
		return differs(reason, "profile %s",
			       avcodec_profile_name(codec->codec_id, codec->profile) ?: "unknown");
	if (codec->level <= 0 || codec->level > transcode_level_number(settings))
		return differs(reason, "level %d", codec->level);
	if (codec->format != AV_PIX_FMT_YUV420P)
		return differs(reason, "pixel format %s",
			       av_get_pix_fmt_name(codec->format) ?: "unknown");
	if (seen.display_width > settings->max_width)
		return differs(reason, "%d pixels wide", seen.display_width);
	if (transcode_picture_hdr(codec->color_trc))
		return differs(reason, "HDR (%s)", transcode_picture_hdr(codec->color_trc));
	if (settings->deinterlace == TRANSCODE_DEINTERLACE_ON)
		return differs(reason, "deinterlacing is asked for");
	if (codec->field_order != AV_FIELD_PROGRESSIVE && codec->field_order != AV_FIELD_UNKNOWN)
		return differs(reason, "interlaced");
	return true;
}

struct packet_scan {
	int64_t packets, bytes;
	struct decode_times times;
	int64_t last_dts, last_keyframe;
	int64_t first_pts, end_pts;
	int64_t keyframe_distance;
	double buffer, buffer_least; /* bits in a decoder's buffer, and the least there ever was */
	bool discarded, untimed;
};

static void scan_packet(struct packet_scan *scan, const AVPacket *packet, AVRational time_base,
			const struct transcode_settings *settings)
{
	int64_t dts;
	double gone;

	if (packet->pts == AV_NOPTS_VALUE ||
	    decode_times_next(&scan->times, packet->pts, &dts) != 0) {
		scan->untimed = true;
		return;
	}
	if (packet->flags & (AV_PKT_FLAG_DISCARD | AV_PKT_FLAG_CORRUPT))
		scan->discarded = true;
	if (scan->packets == 0) {
		scan->first_pts = scan->last_keyframe = packet->pts;
		scan->buffer = scan->buffer_least = BUFFER_START * (double)settings->bufsize;
		scan->discarded |= !(packet->flags & AV_PKT_FLAG_KEY);
	} else {
		gone = (double)(dts - scan->last_dts) * av_q2d(time_base);
		scan->buffer = fmin((double)settings->bufsize,
				    scan->buffer + gone * (double)settings->maxrate);
	}
	scan->buffer -= 8.0 * packet->size;
	scan->buffer_least = fmin(scan->buffer_least, scan->buffer);
	if ((packet->flags & AV_PKT_FLAG_KEY) && packet->pts > scan->last_keyframe) {
		if (packet->pts - scan->last_keyframe > scan->keyframe_distance)
			scan->keyframe_distance = packet->pts - scan->last_keyframe;
		scan->last_keyframe = packet->pts;
	}
	if (packet->pts + packet->duration > scan->end_pts)
		scan->end_pts = packet->pts + packet->duration;
	scan->last_dts = dts;
	scan->bytes += packet->size;
	scan->packets++;
}

static int scan_stream(struct media_input *input, int stream,
		       const struct transcode_settings *settings, struct packet_scan *scan,
		       struct berth_error *err)
{
	const AVStream *from = input->format->streams[stream];
	AVPacket *packet = av_packet_alloc();
	int result;

	if (!packet)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "packet");
	decode_times_init(&scan->times, from->codecpar->video_delay,
			  from->avg_frame_rate.num > 0
				  ? av_rescale_q(1, av_inv_q(from->avg_frame_rate), from->time_base)
				  : 1);
	media_input_select(input, stream);
	while ((result = media_input_read(input, packet, err)) == 0) {
		if (packet->stream_index == stream)
			scan_packet(scan, packet, from->time_base, settings);
		av_packet_unref(packet);
		if (scan->packets % RENEW_EVERY == 0)
			media_guard_renew(input->guard);
	}
	av_packet_free(&packet);
	return result < 0 ? -1 : 0;
}

static bool packets_match(const struct packet_scan *scan, const AVStream *stream,
			  const struct transcode_settings *settings, char *reason)
{
	double tick = av_q2d(stream->time_base);
	double seconds = (double)(scan->end_pts - scan->first_pts) * tick;
	double frame = seconds / (double)(scan->packets > 0 ? scan->packets : 1);
	int64_t last = scan->end_pts - scan->last_keyframe;
	double distance = (double)(last > scan->keyframe_distance ? last : scan->keyframe_distance);

	if (scan->untimed || scan->packets == 0 || seconds <= 0)
		return differs(reason, "timestamps out of order");
	if (scan->discarded)
		return differs(reason, "an edit list or damage");
	/* half a frame: containers round */
	if (distance * tick > settings->gop_seconds + frame / 2)
		return differs(reason, "keyframes up to %.1f s apart", distance * tick);
	if ((double)scan->bytes * 8 / seconds > RATE_TOLERANCE * (double)settings->bitrate)
		return differs(reason, "%.0f bit/s", (double)scan->bytes * 8 / seconds);
	if (scan->buffer_least < 0)
		return differs(reason, "peaks above %lld bit/s", (long long)settings->maxrate);
	return true;
}

static bool audio_matches(const AVCodecParameters *codec, const struct transcode_settings *settings,
			  char *reason)
{
	if (codec->codec_id != AV_CODEC_ID_AAC)
		return differs(reason, "codec %s", avcodec_get_name(codec->codec_id));
	if (codec->profile != FF_PROFILE_AAC_LOW)
		return differs(reason, "profile %s",
			       avcodec_profile_name(codec->codec_id, codec->profile) ?: "unknown");
	if (codec->sample_rate != transcode_audio_rate(settings))
		return differs(reason, "%d Hz", codec->sample_rate);
	if (codec->ch_layout.nb_channels > settings->audio_channels)
		return differs(reason, "%d channels", codec->ch_layout.nb_channels);
	if (codec->bit_rate <= 0 ||
	    (double)codec->bit_rate > RATE_TOLERANCE * (double)settings->audio_bitrate)
		return differs(reason, "%lld bit/s", (long long)codec->bit_rate);
	return true;
}

int profile_match(struct media_input *input, int video, int audio,
		  const struct transcode_settings *settings, struct profile_match *ret_match,
		  struct berth_error *err)
{
	const AVStream *stream = input->format->streams[video];
	struct packet_scan scan = {0};
	struct profile_match match = {.audio = true};

	if (audio >= 0 && input->kind->exact_seek)
		match.audio = audio_matches(input->format->streams[audio]->codecpar, settings,
					    match.audio_reason);
	else if (audio >= 0)
		match.audio =
			differs(match.audio_reason, "container %s", input->format->iformat->name);
	match.video = parameters_match(input, stream, settings, match.video_reason);
	if (match.video) {
		if (scan_stream(input, video, settings, &scan, err) < 0)
			return -1;
		match.video = packets_match(&scan, stream, settings, match.video_reason);
	}
	*ret_match = match;
	return 0;
}
