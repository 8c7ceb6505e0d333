/* SPDX-License-Identifier: Apache-2.0 */
/* What the output's picture is, given the input's stream and the payload: size, rate, level,
 * colours. The same input and payload always give the same. */
#pragma once

#include <libavformat/avformat.h>
#include <stdbool.h>

#include "base/error.h"
#include "extensions/ffmpeg/transcode_settings.h"

struct transcode_picture {
	int width, height; /* as coded, even */
	AVRational aspect; /* of one pixel */
	AVRational fps;    /* nominal */
	AVRational time_base;
	int level; /* 41 for 4.1 */
	enum AVColorRange color_range;
	enum AVColorSpace color_space;
	enum AVColorTransferCharacteristic color_transfer;
	enum AVColorPrimaries color_primaries;
	int rotation; /* of the display matrix, which is kept */

	/* The input is HDR: it becomes SDR, from these colours. */
	bool tone_map;
	enum AVColorTransferCharacteristic source_transfer;
	enum AVColorPrimaries source_primaries;
	enum AVColorSpace source_space;
};

void transcode_picture_init(struct transcode_picture *picture, AVFormatContext *format,
			    const AVStream *stream, const struct transcode_settings *settings);

/* "PQ", "HLG" or NULL: whether a transfer characteristic is HDR. */
const char *transcode_picture_hdr(enum AVColorTransferCharacteristic transfer);

/* The lowest level number (41 for 4.1) whose frame size and macroblock rate hold this picture. */
int transcode_picture_least_level(int width, int height, AVRational fps);
