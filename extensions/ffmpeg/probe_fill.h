/* SPDX-License-Identifier: Apache-2.0 */
/* What a container's header leaves open about a stream (pixel format, colours, profile) is read
 * from the stream's first packet. */
#pragma once

#include "base/error.h"
#include "extensions/ffmpeg/media_input.h"

/* Fills the streams' codec parameters. 0: everything is known; 1: some stream stayed unknown and
 * avformat_find_stream_info() has to look further. */
int probe_fill(struct media_input *input, struct berth_error *err);
