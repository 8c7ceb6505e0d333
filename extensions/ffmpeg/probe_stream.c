/* SPDX-License-Identifier: Apache-2.0 */
/* One stream of a media file as JSON. */
#include "extensions/ffmpeg/probe_stream.h"

#include <libavcodec/avcodec.h>
#include <libavutil/channel_layout.h>
#include <libavutil/dovi_meta.h>
#include <libavutil/mastering_display_metadata.h>
#include <libavutil/pixdesc.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/text.h"
#include "extensions/ffmpeg/media_picture.h"

#define TEXT_SIZE 256

struct disposition_row {
	int flag;
	const char *name;
};

static const struct disposition_row dispositions[] = {
	{AV_DISPOSITION_DEFAULT,          "default"         },
	{AV_DISPOSITION_FORCED,           "forced"          },
	{AV_DISPOSITION_DUB,              "dub"             },
	{AV_DISPOSITION_ORIGINAL,         "original"        },
	{AV_DISPOSITION_COMMENT,          "comment"         },
	{AV_DISPOSITION_HEARING_IMPAIRED, "hearing_impaired"},
	{AV_DISPOSITION_VISUAL_IMPAIRED,  "visual_impaired" },
	{AV_DISPOSITION_ATTACHED_PIC,     "attached_picture"},
	{AV_DISPOSITION_CAPTIONS,         "captions"        },
};

/* Foreign text is sanitized before it becomes JSON. */
static void set_text(json_t *object, const char *key, const char *text)
{
	char clean[TEXT_SIZE];

	if (!text)
		return;
	(void)text_sanitize(text, strlen(text), clean, sizeof(clean));
	(void)json_object_set_new(object, key, json_string(clean));
}

static void set_rational(json_t *object, const char *key, AVRational value)
{
	if (value.num > 0 && value.den > 0)
		(void)json_object_set_new(object, key, json_sprintf("%d/%d", value.num, value.den));
}

static void set_number(json_t *object, const char *key, double value)
{
	if (isfinite(value))
		(void)json_object_set_new(object, key, json_real(round(value * 1e6) / 1e6));
}

static void set_positive(json_t *object, const char *key, int64_t value)
{
	if (value > 0)
		(void)json_object_set_new(object, key, json_integer(value));
}

static const void *side_data(const AVStream *stream, enum AVPacketSideDataType type, size_t least)
{
	size_t size = 0;
	const uint8_t *data = av_stream_get_side_data(stream, type, &size);

	return size >= least ? data : NULL;
}

static const char *hdr_kind(const AVStream *stream)
{
	if (side_data(stream, AV_PKT_DATA_DOVI_CONF, sizeof(AVDOVIDecoderConfigurationRecord)))
		return "Dolby Vision";
	if (stream->codecpar->color_trc == AVCOL_TRC_SMPTE2084)
		return "HDR10";
	if (stream->codecpar->color_trc == AVCOL_TRC_ARIB_STD_B67)
		return "HLG";
	return NULL;
}

static void set_mastering(json_t *hdr, const AVStream *stream)
{
	const AVMasteringDisplayMetadata *mastering =
		side_data(stream, AV_PKT_DATA_MASTERING_DISPLAY_METADATA, sizeof(*mastering));
	const AVContentLightMetadata *light =
		side_data(stream, AV_PKT_DATA_CONTENT_LIGHT_LEVEL, sizeof(*light));

	if (mastering && mastering->has_luminance) {
		set_number(hdr, "max_luminance", av_q2d(mastering->max_luminance));
		set_number(hdr, "min_luminance", av_q2d(mastering->min_luminance));
	}
	if (light) {
		set_positive(hdr, "max_content_light", light->MaxCLL);
		set_positive(hdr, "max_average_light", light->MaxFALL);
	}
}

static void set_colours(json_t *object, const AVStream *stream)
{
	const AVCodecParameters *codec = stream->codecpar;
	const char *kind = hdr_kind(stream);
	json_t *hdr;

	if (codec->color_range != AVCOL_RANGE_UNSPECIFIED)
		set_text(object, "color_range", av_color_range_name(codec->color_range));
	if (codec->color_space != AVCOL_SPC_UNSPECIFIED)
		set_text(object, "color_space", av_color_space_name(codec->color_space));
	if (codec->color_trc != AVCOL_TRC_UNSPECIFIED)
		set_text(object, "color_transfer", av_color_transfer_name(codec->color_trc));
	if (codec->color_primaries != AVCOL_PRI_UNSPECIFIED)
		set_text(object, "color_primaries",
			 av_color_primaries_name(codec->color_primaries));
	if (!kind)
		return;
	hdr = json_pack("{ss}", "kind", kind);
	if (hdr)
		set_mastering(hdr, stream);
	(void)json_object_set_new(object, "hdr", hdr);
}

static void set_picture(json_t *object, AVFormatContext *format, const AVStream *stream)
{
	const AVCodecParameters *codec = stream->codecpar;
	const AVPixFmtDescriptor *pixel = av_pix_fmt_desc_get(codec->format);
	struct media_picture picture;
	/* the guess only reads its AVStream argument (libavformat/avformat.h, 5.1) */
	AVRational aspect =
		av_guess_sample_aspect_ratio(format, (AVStream *)(uintptr_t)stream, NULL);

	media_picture_init(&picture, codec->width, codec->height, aspect,
			   media_picture_rotation(stream));
	(void)json_object_set_new(object, "width", json_integer(codec->width));
	(void)json_object_set_new(object, "height", json_integer(codec->height));
	(void)json_object_set_new(object, "rotation", json_integer(picture.rotation));
	(void)json_object_set_new(object, "display_width", json_integer(picture.display_width));
	(void)json_object_set_new(object, "display_height", json_integer(picture.display_height));
	set_rational(object, "sample_aspect_ratio", aspect);
	if (pixel) {
		set_text(object, "pixel_format", pixel->name);
		(void)json_object_set_new(object, "bit_depth", json_integer(pixel->comp[0].depth));
	}
	set_rational(object, "average_frame_rate", stream->avg_frame_rate);
	set_rational(object, "real_frame_rate", stream->r_frame_rate);
	if (stream->avg_frame_rate.num > 0 && stream->avg_frame_rate.den > 0)
		set_number(object, "fps", av_q2d(stream->avg_frame_rate));
	set_colours(object, stream);
}

static void set_sound(json_t *object, const AVCodecParameters *codec)
{
	char layout[64];

	(void)json_object_set_new(object, "sample_rate", json_integer(codec->sample_rate));
	(void)json_object_set_new(object, "channels", json_integer(codec->ch_layout.nb_channels));
	if (av_channel_layout_describe(&codec->ch_layout, layout, sizeof(layout)) > 0)
		set_text(object, "channel_layout", layout);
	if (av_get_sample_fmt_name(codec->format))
		set_text(object, "sample_format", av_get_sample_fmt_name(codec->format));
}

static void set_codec(json_t *object, const AVCodecParameters *codec)
{
	set_text(object, "type", av_get_media_type_string(codec->codec_type) ?: "unknown");
	set_text(object, "codec",
		 codec->codec_id == AV_CODEC_ID_NONE ? "unknown"
						     : avcodec_get_name(codec->codec_id));
	set_text(object, "profile", avcodec_profile_name(codec->codec_id, codec->profile));
	if (codec->level > 0)
		(void)json_object_set_new(object, "level", json_integer(codec->level));
	set_positive(object, "bit_rate", codec->bit_rate);
}

static void set_dispositions(json_t *object, int flags)
{
	json_t *names = json_array();

	for (size_t i = 0; i < sizeof(dispositions) / sizeof(dispositions[0]); i++)
		if (flags & dispositions[i].flag)
			(void)json_array_append_new(names, json_string(dispositions[i].name));
	(void)json_object_set_new(object, "disposition", names);
}

json_t *probe_stream(AVFormatContext *format, const AVStream *stream)
{
	json_t *object = json_object();
	const AVDictionaryEntry *language;

	if (!object)
		return NULL;
	(void)json_object_set_new(object, "index", json_integer(stream->index));
	set_codec(object, stream->codecpar);
	if (stream->duration > 0)
		set_number(object, "duration",
			   (double)stream->duration * av_q2d(stream->time_base));
	if (stream->start_time != AV_NOPTS_VALUE)
		set_number(object, "start", (double)stream->start_time * av_q2d(stream->time_base));
	set_positive(object, "frames", stream->nb_frames);
	if (stream->codecpar->codec_type == AVMEDIA_TYPE_VIDEO)
		set_picture(object, format, stream);
	if (stream->codecpar->codec_type == AVMEDIA_TYPE_AUDIO)
		set_sound(object, stream->codecpar);
	language = av_dict_get(stream->metadata, "language", NULL, 0);
	if (language && strcmp(language->value, "und") != 0)
		set_text(object, "language", language->value);
	set_dispositions(object, stream->disposition);
	return object;
}
