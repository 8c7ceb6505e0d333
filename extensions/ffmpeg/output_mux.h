/* SPDX-License-Identifier: Apache-2.0 */
/* Writing one or two tracks as an MP4 file that appears under its name only when it is whole. */
#pragma once

#include <libavformat/avformat.h>
#include <stdbool.h>

#include "base/error.h"
#include "extensions/ffmpeg/media_guard.h"
#include "extensions/ffmpeg/packet_source.h"

#define OUTPUT_TRACKS_MAX 2

struct output_track {
	struct packet_source source;
	AVCodecParameters *codec; /* what the track holds */
	AVRational frame_rate;    /* video; 0/0: unknown */
	const AVStream *like;     /* its display matrix and language are kept */
};

struct output_mux {
	const char *path;
	struct output_track tracks[OUTPUT_TRACKS_MAX];
	int track_count;
	const AVDictionary *metadata; /* of the file: title and the like; may be NULL */
	bool faststart;
	struct media_guard *guard;
};

/* Reads every track to its end. An existing file of that name is replaced. */
int output_mux_write(struct output_mux *mux, struct berth_error *err);
/* Frees the tracks; accepts a zeroed one. */
void output_mux_finish(struct output_mux *mux);
