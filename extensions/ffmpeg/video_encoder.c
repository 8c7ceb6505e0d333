/* SPDX-License-Identifier: Apache-2.0 */
/* One x264 instance with the payload's settings. */
#include "extensions/ffmpeg/video_encoder.h"

#include <errno.h>
#include <libavutil/opt.h>

#include "extensions/ffmpeg/media_error.h"

static void set_picture(AVCodecContext *encoder, const struct transcode_picture *picture)
{
	encoder->width = picture->width;
	encoder->height = picture->height;
	encoder->sample_aspect_ratio = picture->aspect;
	/* the stream's headers name the nominal rate; the track keeps every frame's own time */
	encoder->time_base = av_inv_q(picture->fps);
	encoder->framerate = picture->fps;
	encoder->pix_fmt = AV_PIX_FMT_YUV420P;
	encoder->color_range = picture->color_range;
	encoder->colorspace = picture->color_space;
	encoder->color_trc = picture->color_transfer;
	encoder->color_primaries = picture->color_primaries;
	encoder->level = picture->level;
}

static void set_rates(AVCodecContext *encoder, const struct transcode_settings *settings)
{
	encoder->bit_rate = settings->bitrate;
	encoder->rc_max_rate = settings->maxrate;
	encoder->rc_buffer_size = (int)settings->bufsize;
}

static int set_options(AVCodecContext *encoder, const struct transcode_settings *settings)
{
	int result;

	result = av_opt_set(encoder->priv_data, "preset", transcode_preset_name(settings), 0);
	if (result >= 0)
		result = av_opt_set(encoder->priv_data, "profile", transcode_profile_name(settings),
				    0);
	/* a keyframe that is asked for starts a closed group of pictures: an IDR frame */
	if (result >= 0)
		result = av_opt_set_int(encoder->priv_data, "forced-idr", 1, 0);
	if (result >= 0)
		result = av_opt_set_int(encoder, "sc_threshold", settings->sc_threshold,
					AV_OPT_SEARCH_CHILDREN);
	return result;
}

int video_encoder_open(const struct transcode_settings *settings,
		       const struct transcode_picture *picture, int gop_frames, int threads,
		       AVCodecContext **ret_encoder, struct berth_error *err)
{
	const AVCodec *codec = avcodec_find_encoder_by_name("libx264");
	AVCodecContext *encoder;
	int result;

	if (!codec)
		return berth_fail(err, BERTH_UNSUPPORTED, 0,
				  "libavcodec was built without libx264");
	encoder = avcodec_alloc_context3(codec);
	if (!encoder)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "encoder");
	set_picture(encoder, picture);
	set_rates(encoder, settings);
	encoder->gop_size = gop_frames;
	encoder->thread_count = threads;
	encoder->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
	result = set_options(encoder, settings);
	if (result >= 0)
		result = avcodec_open2(encoder, codec, NULL);
	if (result < 0) {
		avcodec_free_context(&encoder);
		return media_fail(err, result, "open x264 for %dx%d", picture->width,
				  picture->height);
	}
	*ret_encoder = encoder;
	return 0;
}
