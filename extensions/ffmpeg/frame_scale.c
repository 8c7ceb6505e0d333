/* SPDX-License-Identifier: Apache-2.0 */
/* Turning any decoded picture into the encoder's size and YUV 4:2:0 of 8 bits. */
#include "extensions/ffmpeg/frame_scale.h"

#include <errno.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>

#include "extensions/ffmpeg/media_error.h"

static AVFrame *create_frame(const struct transcode_picture *target)
{
	AVFrame *frame = av_frame_alloc();

	if (!frame)
		return NULL;
	frame->format = AV_PIX_FMT_YUV420P;
	frame->width = target->width;
	frame->height = target->height;
	if (av_frame_get_buffer(frame, 0) < 0)
		av_frame_free(&frame);
	return frame;
}

void frame_scale_init(struct frame_scale *scale, const struct transcode_picture *target)
{
	*scale = (struct frame_scale){.target = target};
}

void frame_scale_finish(struct frame_scale *scale)
{
	sws_freeContext(scale->context);
	scale->context = NULL;
	for (int i = 0; i < FRAME_SCALE_FRAMES; i++)
		av_frame_free(&scale->scaled[i]);
}

/* A frame nobody refers to: the encoder copies what it is given, and the queue is shorter. */
static AVFrame *take_frame(struct frame_scale *scale, struct berth_error *err)
{
	for (int i = 0; i < FRAME_SCALE_FRAMES; i++) {
		if (!scale->scaled[i])
			scale->scaled[i] = create_frame(scale->target);
		if (!scale->scaled[i]) {
			(void)berth_fail(err, BERTH_MEMORY, ENOMEM, "frame of %dx%d",
					 scale->target->width, scale->target->height);
			return NULL;
		}
		if (av_frame_is_writable(scale->scaled[i]))
			return scale->scaled[i];
	}
	(void)berth_fail(err, BERTH_LIMIT, 0, "the encoder holds %d frames", FRAME_SCALE_FRAMES);
	return NULL;
}

static bool fits(const struct frame_scale *scale, const AVFrame *frame)
{
	return frame->width == scale->target->width && frame->height == scale->target->height &&
	       (frame->format == AV_PIX_FMT_YUV420P || frame->format == AV_PIX_FMT_YUVJ420P);
}

static bool is_current(const struct frame_scale *scale, const AVFrame *frame)
{
	return scale->context && scale->source_width == frame->width &&
	       scale->source_height == frame->height && scale->source_format == frame->format &&
	       scale->source_space == (int)frame->colorspace &&
	       scale->source_range == (int)frame->color_range;
}

/* RGB has no coefficients of its own: they are the target's; YUV keeps its own. */
static void set_colours(struct frame_scale *scale, const AVFrame *frame)
{
	const AVPixFmtDescriptor *pixel = av_pix_fmt_desc_get(frame->format);
	bool rgb = pixel && (pixel->flags & AV_PIX_FMT_FLAG_RGB);
	int space = rgb ? (int)scale->target->color_space : (int)frame->colorspace;
	bool full = rgb || frame->color_range == AVCOL_RANGE_JPEG ||
		    frame->format == AV_PIX_FMT_YUVJ422P || frame->format == AV_PIX_FMT_YUVJ444P ||
		    frame->format == AV_PIX_FMT_YUVJ420P;
	const int *table =
		sws_getCoefficients(space == AVCOL_SPC_UNSPECIFIED ? SWS_CS_DEFAULT : space);

	/* a pair of formats without adjustable colours answers -1 and needs none */
	(void)sws_setColorspaceDetails(scale->context, table, full, table,
				       scale->target->color_range == AVCOL_RANGE_JPEG, 0, 1 << 16,
				       1 << 16);
}

static int prepare(struct frame_scale *scale, const AVFrame *frame, struct berth_error *err)
{
	sws_freeContext(scale->context);
	scale->context = sws_getContext(frame->width, frame->height, frame->format,
					scale->target->width, scale->target->height,
					AV_PIX_FMT_YUV420P, SWS_BICUBIC, NULL, NULL, NULL);
	if (!scale->context)
		return berth_fail(err, BERTH_UNSUPPORTED, 0, "cannot convert %s of %dx%d",
				  av_get_pix_fmt_name(frame->format) ?: "pixels", frame->width,
				  frame->height);
	set_colours(scale, frame);
	scale->source_width = frame->width;
	scale->source_height = frame->height;
	scale->source_format = frame->format;
	scale->source_space = (int)frame->colorspace;
	scale->source_range = (int)frame->color_range;
	return 0;
}

int frame_scale_apply(struct frame_scale *scale, AVFrame *frame, AVFrame **ret_frame,
		      struct berth_error *err)
{
	AVFrame *scaled;
	int result;

	if (fits(scale, frame)) {
		*ret_frame = frame;
		return 0;
	}
	if (!is_current(scale, frame) && prepare(scale, frame, err) < 0)
		return -1;
	scaled = take_frame(scale, err);
	if (!scaled)
		return -1;
	result = sws_scale(scale->context, (const uint8_t *const *)frame->data, frame->linesize, 0,
			   frame->height, scaled->data, scaled->linesize);
	if (result < 0)
		return media_fail(err, result, "scale a frame");
	scaled->pts = frame->pts;
	scaled->pkt_duration = frame->pkt_duration;
	*ret_frame = scaled;
	return 0;
}
