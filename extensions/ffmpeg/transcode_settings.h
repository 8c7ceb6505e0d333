/* SPDX-License-Identifier: Apache-2.0 */
/* The payload of video.transcode: one row a setting. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/field.h"

enum transcode_deinterlace {
	TRANSCODE_DEINTERLACE_AUTO, /* frames that say they are interlaced */
	TRANSCODE_DEINTERLACE_ON,   /* every frame */
	TRANSCODE_DEINTERLACE_OFF,
};

struct transcode_settings {
	int profile;
	int level;
	int preset;
	int64_t bitrate;
	int64_t maxrate;
	int64_t bufsize;
	double gop_seconds;
	int64_t sc_threshold;
	int64_t audio_bitrate;
	int audio_rate;
	int64_t audio_channels;
	int64_t max_width;
	int deinterlace; /* enum transcode_deinterlace */
	int64_t segment_gops;
	bool faststart;
	bool force;
	bool allow_truncated;
	uint64_t max_duration_ms;
	char *name;
};

extern const struct field_row transcode_rows[];
extern const size_t transcode_row_count;

/* The texts of the enumerations. */
const char *transcode_profile_name(const struct transcode_settings *settings);
const char *transcode_preset_name(const struct transcode_settings *settings);
/* 41 for "4.1". */
int transcode_level_number(const struct transcode_settings *settings);
int transcode_audio_rate(const struct transcode_settings *settings);
