/* SPDX-License-Identifier: Apache-2.0 */
/* The containers and decoders a task may hand foreign bytes to; everything else is refused. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct media_format {
	const char *name;  /* as the demuxer calls itself, without the other names of its list */
	bool header_tells; /* the header describes every stream; packets need not be read for it */
	bool exact_seek; /* timestamps come from the container, so every seek finds the same frames
			  */
};

/* NULL when the demuxer (AVInputFormat.name) is not in the table. */
const struct media_format *media_format_find(const char *demuxer_name);

/* Comma-separated, for AVFormatContext.codec_whitelist and AVCodecContext.codec_whitelist. */
extern const char media_decoder_whitelist[];

#define MEDIA_FORMAT_LIST_SIZE 512

/* The table's names, comma-separated, for AVFormatContext.format_whitelist. */
void media_format_list(char ret_list[MEDIA_FORMAT_LIST_SIZE]);
