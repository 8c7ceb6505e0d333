/* SPDX-License-Identifier: Apache-2.0 */
/* A decoded frame as an upright JPEG, PNG or WebP image of a given size. */
#include "extensions/ffmpeg/thumbnail_image.h"

#include <errno.h>
#include <libavcodec/avcodec.h>
#include <libavutil/imgutils.h>
#include <libavutil/mathematics.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
#include <string.h>

#include "extensions/ffmpeg/media_error.h"

#define HD_HEIGHT     720 /* untagged pictures from here on are BT.709, as players assume */
#define JPEG_BEST     2   /* quantiser scales of libavcodec's mjpeg */
#define JPEG_WORST    31
#define WEBP_SIDE_MAX 16383

struct format_row {
	const char *extension;
	const char *encoder;
	enum AVPixelFormat pixels;
	int side_max;
};

static const struct format_row formats[THUMBNAIL_FORMATS] = {
	[THUMBNAIL_JPEG] = {"jpg",  "mjpeg",   AV_PIX_FMT_YUVJ420P, 65535        },
	[THUMBNAIL_PNG] = {"png",  "png",     AV_PIX_FMT_RGB24,    65535        },
	[THUMBNAIL_WEBP] = {"webp", "libwebp", AV_PIX_FMT_YUV420P,  WEBP_SIDE_MAX},
};

const char *thumbnail_extension(enum thumbnail_format format)
{
	return formats[format].extension;
}

void thumbnail_size(const struct media_picture *picture, const struct thumbnail_options *options,
		    int *ret_width, int *ret_height)
{
	int64_t width = picture->display_width, height = picture->display_height;
	int64_t most_wide = options->max_width > 0 ? options->max_width : width;
	int64_t most_high = options->max_height > 0 ? options->max_height : height;

	if (most_wide > formats[options->format].side_max)
		most_wide = formats[options->format].side_max;
	if (most_high > formats[options->format].side_max)
		most_high = formats[options->format].side_max;
	if (width > most_wide) {
		height = av_rescale(height, most_wide, width);
		width = most_wide;
	}
	if (height > most_high) {
		width = av_rescale(width, most_high, height);
		height = most_high;
	}
	*ret_width = width < 1 ? 1 : (int)width;
	*ret_height = height < 1 ? 1 : (int)height;
}

static int create_frame(enum AVPixelFormat pixels, int width, int height, AVFrame **ret_frame,
			struct berth_error *err)
{
	AVFrame *frame = av_frame_alloc();

	if (!frame)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "image");
	frame->format = pixels;
	frame->width = width;
	frame->height = height;
	if (av_frame_get_buffer(frame, 0) < 0) {
		av_frame_free(&frame);
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "image of %dx%d", width, height);
	}
	*ret_frame = frame;
	return 0;
}

static bool is_full_range(const AVFrame *frame)
{
	const AVPixFmtDescriptor *pixel = av_pix_fmt_desc_get(frame->format);

	return frame->color_range == AVCOL_RANGE_JPEG || frame->format == AV_PIX_FMT_YUVJ420P ||
	       frame->format == AV_PIX_FMT_YUVJ422P || frame->format == AV_PIX_FMT_YUVJ444P ||
	       (pixel && (pixel->flags & AV_PIX_FMT_FLAG_RGB));
}

/* JPEG and WebP are BT.601 by definition (JFIF 1.02; RFC 9649), whatever the video was. */
static void set_colours(struct SwsContext *context, const AVFrame *frame, enum AVPixelFormat pixels)
{
	int space = frame->colorspace == AVCOL_SPC_UNSPECIFIED && frame->height >= HD_HEIGHT
			    ? AVCOL_SPC_BT709
			    : (int)frame->colorspace;
	bool full = pixels != AV_PIX_FMT_YUV420P;

	/* a pair of formats without adjustable colours answers -1 and needs none */
	(void)sws_setColorspaceDetails(context, sws_getCoefficients(space), is_full_range(frame),
				       sws_getCoefficients(SWS_CS_ITU601), full, 0, 1 << 16,
				       1 << 16);
}

static int scale(const AVFrame *frame, AVFrame *target, struct berth_error *err)
{
	struct SwsContext *context =
		sws_getContext(frame->width, frame->height, frame->format, target->width,
			       target->height, target->format, SWS_BICUBIC, NULL, NULL, NULL);
	int result;

	if (!context)
		return berth_fail(err, BERTH_UNSUPPORTED, 0, "cannot convert %s of %dx%d",
				  av_get_pix_fmt_name(frame->format) ?: "pixels", frame->width,
				  frame->height);
	set_colours(context, frame, target->format);
	result = sws_scale(context, (const uint8_t *const *)frame->data, frame->linesize, 0,
			   frame->height, target->data, target->linesize);
	sws_freeContext(context);
	return result < 0 ? media_fail(err, result, "scale the frame") : 0;
}

/* Copies one plane of `bytes` bytes a pixel, turned clockwise; the sizes are the source's. */
static void turn_plane(const uint8_t *source, int source_stride, int width, int height, int bytes,
		       int rotation, uint8_t *target, int target_stride)
{
	int to_x, to_y;

	for (int y = 0; y < height; y++) {
		for (int x = 0; x < width; x++) {
			to_x = rotation == 90    ? height - 1 - y
			       : rotation == 180 ? width - 1 - x
						 : y;
			to_y = rotation == 90    ? x
			       : rotation == 180 ? height - 1 - y
						 : width - 1 - x;
			memcpy(target + (ptrdiff_t)to_y * target_stride + (ptrdiff_t)to_x * bytes,
			       source + (ptrdiff_t)y * source_stride + (ptrdiff_t)x * bytes,
			       (size_t)bytes);
		}
	}
}

static int turn(AVFrame **frame, int rotation, struct berth_error *err)
{
	const AVPixFmtDescriptor *pixel = av_pix_fmt_desc_get((*frame)->format);
	bool sideways = rotation % 180 != 0;
	AVFrame *source = *frame, *target;
	int planes = av_pix_fmt_count_planes(source->format), width, height;

	if (rotation == 0)
		return 0;
	if (create_frame(source->format, sideways ? source->height : source->width,
			 sideways ? source->width : source->height, &target, err) < 0)
		return -1;
	for (int i = 0; i < planes; i++) {
		width = i == 0 ? source->width
			       : AV_CEIL_RSHIFT(source->width, pixel->log2_chroma_w);
		height = i == 0 ? source->height
				: AV_CEIL_RSHIFT(source->height, pixel->log2_chroma_h);
		turn_plane(source->data[i], source->linesize[i], width, height, pixel->comp[i].step,
			   rotation, target->data[i], target->linesize[i]);
	}
	av_frame_free(frame);
	*frame = target;
	return 0;
}

static int configure(AVCodecContext *encoder, const AVFrame *frame,
		     const struct thumbnail_options *options)
{
	encoder->width = frame->width;
	encoder->height = frame->height;
	encoder->pix_fmt = frame->format;
	encoder->time_base = (AVRational){1, 1};
	encoder->thread_count = 1;
	switch (options->format) {
	case THUMBNAIL_JPEG:
		encoder->flags |= AV_CODEC_FLAG_QSCALE;
		encoder->global_quality =
			FF_QP2LAMBDA *
			(int)(JPEG_BEST + (100 - options->quality) * (JPEG_WORST - JPEG_BEST) / 99);
		encoder->color_range = AVCOL_RANGE_JPEG;
		return 0;
	case THUMBNAIL_WEBP:
		return av_opt_set_double(encoder->priv_data, "quality", (double)options->quality,
					 0);
	case THUMBNAIL_PNG:
	case THUMBNAIL_FORMATS:
	default:
		return 0;
	}
}

static int compress(AVFrame *frame, const struct thumbnail_options *options, AVPacket *image,
		    struct berth_error *err)
{
	const char *name = formats[options->format].encoder;
	const AVCodec *codec = avcodec_find_encoder_by_name(name);
	AVCodecContext *encoder;
	int result;

	if (!codec)
		return berth_fail(err, BERTH_UNSUPPORTED, 0, "libavcodec was built without %s",
				  name);
	encoder = avcodec_alloc_context3(codec);
	if (!encoder)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "encoder");
	result = configure(encoder, frame, options);
	if (result >= 0)
		result = avcodec_open2(encoder, codec, NULL);
	frame->pts = 0;
	frame->quality = encoder->global_quality;
	if (result >= 0)
		result = avcodec_send_frame(encoder, frame);
	if (result >= 0)
		result = avcodec_send_frame(encoder, NULL);
	if (result >= 0)
		result = avcodec_receive_packet(encoder, image);
	avcodec_free_context(&encoder);
	return result < 0 ? media_fail(err, result, "encode the image as %s", name) : 0;
}

int thumbnail_encode(const AVFrame *frame, const struct media_picture *picture,
		     const struct thumbnail_options *options, AVPacket *image,
		     struct berth_error *err)
{
	bool sideways = picture->rotation % 180 != 0;
	AVFrame *small = NULL;
	int width, height, result;

	thumbnail_size(picture, options, &width, &height);
	/* turned when it is small: fewer pixels to move */
	if (create_frame(formats[options->format].pixels, sideways ? height : width,
			 sideways ? width : height, &small, err) < 0)
		return -1;
	result = scale(frame, small, err);
	if (result == 0)
		result = turn(&small, picture->rotation, err);
	if (result == 0)
		result = compress(small, options, image, err);
	av_frame_free(&small);
	return result;
}
