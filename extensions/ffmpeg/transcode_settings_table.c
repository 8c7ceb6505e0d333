/* SPDX-License-Identifier: Apache-2.0 */
/* The payload of video.transcode: one row a setting. */
#include <stdlib.h>

#include "extensions/ffmpeg/transcode_settings.h"

static const char *const profiles[] = {"baseline", "main", "high", NULL};
static const char *const presets[] = {"ultrafast", "superfast", "veryfast", "faster",   "fast",
				      "medium",    "slow",      "slower",   "veryslow", NULL};
static const char *const levels[] = {"3.0", "3.1", "3.2", "4.0", "4.1",
				     "4.2", "5.0", "5.1", "5.2", NULL};
static const char *const deinterlaces[] = {"auto", "on", "off", NULL};
static const char *const rates[] = {"22050", "24000", "32000", "44100", "48000", NULL};

#define ROW(field) .name = #field, .offset = offsetof(struct transcode_settings, field)
#define ENUM_ROW(field, texts, fallback, unit_text, help_text)                                     \
	{                                                                                          \
		ROW(field), .type = FIELD_ENUM, .choices = (texts), .default_text = (fallback),    \
			    .unit = (unit_text), .help = (help_text)                               \
	}
#define INTEGER_ROW(field, least, most, fallback, unit_text, help_text)                            \
	{                                                                                          \
		ROW(field), .type = FIELD_INTEGER, .min = (least), .max = (most),                  \
			    .default_text = (fallback), .unit = (unit_text), .help = (help_text)   \
	}
#define BOOL_ROW(field, fallback, help_text)                                                       \
	{                                                                                          \
		ROW(field), .type = FIELD_BOOL, .default_text = (fallback), .help = (help_text)    \
	}

const struct field_row transcode_rows[] = {
	ENUM_ROW(profile, profiles, "high", "", "H.264 profile"),
	ENUM_ROW(level, levels, "4.1", "",
		 "H.264 level; raised, with a warning, when the picture needs a higher one"),
	ENUM_ROW(preset, presets, "medium", "",
		 "x264 preset: slower is smaller at the same quality"),
	INTEGER_ROW(bitrate, 50000, 200000000, "6000000", "bit/s", "average rate of the video"),
	INTEGER_ROW(maxrate, 50000, 400000000, "12000000", "bit/s", "peak rate of the video"),
	INTEGER_ROW(bufsize, 50000, 800000000, "12000000", "bits",
		    "decoder buffer that the peak rate is measured with"),
	{
           ROW(gop_seconds),
           .type = FIELD_NUMBER,
           .min = 0.25,
           .max = 20,
           .default_text = "2",
           .unit = "seconds",
           .help = "longest distance of two keyframes",
	   },
	INTEGER_ROW(sc_threshold, 0, 100, "0", "",
		    "keyframes at scene cuts: 0 never, 40 as x264 does by itself"),
	INTEGER_ROW(audio_bitrate, 16000, 512000, "128000", "bit/s", "rate of the AAC audio"),
	ENUM_ROW(audio_rate, rates, "48000", "Hz", "sample rate of the audio"),
	INTEGER_ROW(audio_channels, 1, 2, "2", "",
		    "most channels of the audio; more are mixed down"),
	INTEGER_ROW(max_width, 16, 8192, "1920", "pixels",
		    "a wider picture, as displayed, is scaled down"),
	ENUM_ROW(deinterlace, deinterlaces, "auto", "",
		 "auto: frames that the decoder calls interlaced; on: every frame; off: none"),
	INTEGER_ROW(segment_gops, 1, 256, "4", "",
		    "keyframe distances in one independently encoded segment; short files get "
		    "shorter ones"),
	BOOL_ROW(faststart, "true", "put the index first, for playing while downloading"),
	BOOL_ROW(force, "false", "encode even when the input already meets all of this"),
	BOOL_ROW(allow_truncated, "false", "accept a file that ends long before its header says"),
	{
           .name = "max_duration",
           .offset = offsetof(struct transcode_settings,                   max_duration_ms),
           .type = FIELD_DURATION_MS,
           .min = 1000,
           .max = 604800000,
           .default_text = "24h",
           .help = "a longer input is refused",
	   },
	{
           ROW(name),
           .type = FIELD_STRING,
           .min = 1,
           .max = 200,
           .help = "the output's file name without .mp4; the input's when absent",
	   },
};
const size_t transcode_row_count = sizeof(transcode_rows) / sizeof(transcode_rows[0]);

const char *transcode_profile_name(const struct transcode_settings *settings)
{
	return profiles[settings->profile];
}

const char *transcode_preset_name(const struct transcode_settings *settings)
{
	return presets[settings->preset];
}

int transcode_level_number(const struct transcode_settings *settings)
{
	const char *text = levels[settings->level];

	return (text[0] - '0') * 10 + (text[2] - '0');
}

int transcode_audio_rate(const struct transcode_settings *settings)
{
	return (int)strtol(rates[settings->audio_rate], NULL, 10);
}
