/* SPDX-License-Identifier: Apache-2.0 */
/* Facts that only the packets know: counts, bytes, real durations, keyframe distances. */
#pragma once

#include <jansson.h>

#include "base/error.h"
#include "extensions/ffmpeg/media_input.h"

/* Reads every packet and adds a "packets" object to each stream's JSON, in stream order. */
int probe_packets(struct media_input *input, json_t *streams, struct berth_error *err);
