/* SPDX-License-Identifier: Apache-2.0 */
/* What the output's picture is, given the input's stream and the payload. */
#include "extensions/ffmpeg/transcode_picture.h"

#include <libavutil/mathematics.h>
#include <libavutil/pixdesc.h>
#include <stdint.h>

#include "extensions/ffmpeg/media_picture.h"

#define FPS_MAX         240
#define HD_HEIGHT_LEAST 577 /* RGB sources of HD size are converted with BT.709's coefficients */

struct level_row {
	int level;
	int64_t macroblocks; /* a frame */
	int64_t macroblocks_per_second;
};

/* ITU-T H.264, table A-1 */
static const struct level_row levels[] = {
	{30, 1620,   40500   },
        {31, 3600,   108000  },
        {32, 5120,   216000  },
        {40, 8192,   245760  },
	{42, 8704,   522240  },
        {50, 22080,  589824  },
        {51, 36864,  983040  },
        {52, 36864,  2073600 },
	{60, 139264, 4177920 },
        {61, 139264, 8355840 },
        {62, 139264, 16711680},
};

int transcode_picture_least_level(int width, int height, AVRational fps)
{
	int64_t macroblocks = (int64_t)((width + 15) / 16) * ((height + 15) / 16);
	int64_t rate = av_rescale(macroblocks, fps.num, fps.den);

	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if (macroblocks <= levels[i].macroblocks &&
		    rate <= levels[i].macroblocks_per_second)
			return levels[i].level;
	return levels[sizeof(levels) / sizeof(levels[0]) - 1].level;
}

static int even(int64_t value)
{
	return value < 2 ? 2 : (int)(value & ~INT64_C(1));
}

static AVRational nominal_rate(const AVStream *stream)
{
	AVRational fps = stream->avg_frame_rate;

	if (fps.num <= 0 || fps.den <= 0)
		fps = stream->r_frame_rate;
	if (fps.num <= 0 || fps.den <= 0 || av_q2d(fps) < 1.0 / 60)
		fps = (AVRational){25, 1};
	if (av_q2d(fps) > FPS_MAX)
		fps = (AVRational){FPS_MAX, 1};
	/* x264 counts in 32 bits */
	(void)av_reduce(&fps.num, &fps.den, fps.num, fps.den, 1000000);
	return fps;
}

/* Downscale only, by the width that a viewer sees; aspect and rotation are kept. */
static void choose_size(struct transcode_picture *picture, const struct media_picture *seen,
			const struct transcode_settings *settings)
{
	int64_t width = seen->width, height = seen->height;

	if (seen->display_width > settings->max_width) {
		width = av_rescale(width, settings->max_width, seen->display_width);
		height = av_rescale(height, settings->max_width, seen->display_width);
		/* rounding to even must not lose a pixel of the side that was asked for */
		if (seen->rotation % 180 == 0 && seen->aspect.num == seen->aspect.den)
			width = settings->max_width;
	}
	picture->width = even(width);
	picture->height = even(height);
	/* the pixel's shape takes up what rounding changed, when it was not square already */
	picture->aspect = seen->aspect;
}

const char *transcode_picture_hdr(enum AVColorTransferCharacteristic transfer)
{
	if (transfer == AVCOL_TRC_SMPTE2084)
		return "PQ";
	return transfer == AVCOL_TRC_ARIB_STD_B67 ? "HLG" : NULL;
}

/* BT.2020's where the file names none: HDR has no others by default. */
static void choose_tone_map(struct transcode_picture *picture, const AVCodecParameters *codec,
			    bool rgb)
{
	enum AVColorSpace space = rgb ? AVCOL_SPC_RGB : codec->color_space;

	picture->tone_map = true;
	picture->source_transfer = codec->color_trc;
	picture->source_primaries = codec->color_primaries == AVCOL_PRI_UNSPECIFIED
					    ? AVCOL_PRI_BT2020
					    : codec->color_primaries;
	picture->source_space = space == AVCOL_SPC_UNSPECIFIED ? AVCOL_SPC_BT2020_NCL : space;
	picture->color_range = AVCOL_RANGE_MPEG;
	picture->color_space = AVCOL_SPC_BT709;
	picture->color_transfer = AVCOL_TRC_BT709;
	picture->color_primaries = AVCOL_PRI_BT709;
}

static void choose_colours(struct transcode_picture *picture, const AVCodecParameters *codec)
{
	const AVPixFmtDescriptor *pixel = av_pix_fmt_desc_get(codec->format);
	bool rgb = pixel && (pixel->flags & AV_PIX_FMT_FLAG_RGB);

	if (transcode_picture_hdr(codec->color_trc)) {
		choose_tone_map(picture, codec, rgb);
		return;
	}
	picture->color_range = codec->color_range;
	picture->color_space = codec->color_space;
	picture->color_transfer = codec->color_trc;
	picture->color_primaries = codec->color_primaries;
	if (rgb) {
		picture->color_range = AVCOL_RANGE_MPEG;
		picture->color_space =
			picture->height >= HD_HEIGHT_LEAST ? AVCOL_SPC_BT709 : AVCOL_SPC_SMPTE170M;
	}
	if (codec->format == AV_PIX_FMT_YUVJ420P)
		picture->color_range = AVCOL_RANGE_JPEG;
}

void transcode_picture_init(struct transcode_picture *picture, AVFormatContext *format,
			    const AVStream *stream, const struct transcode_settings *settings)
{
	/* the guess only reads its AVStream argument (libavformat/avformat.h, 5.1) */
	AVRational aspect =
		av_guess_sample_aspect_ratio(format, (AVStream *)(uintptr_t)stream, NULL);
	struct media_picture seen;
	int least;

	media_picture_init(&seen, stream->codecpar->width, stream->codecpar->height, aspect,
			   media_picture_rotation(stream));
	*picture = (struct transcode_picture){
		.fps = nominal_rate(stream),
		.time_base = stream->time_base,
		.rotation = seen.rotation,
		.level = transcode_level_number(settings),
	};
	choose_size(picture, &seen, settings);
	choose_colours(picture, stream->codecpar);
	least = transcode_picture_least_level(picture->width, picture->height, picture->fps);
	if (least > picture->level)
		picture->level = least;
}
