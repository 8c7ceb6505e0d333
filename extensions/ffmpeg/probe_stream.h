/* SPDX-License-Identifier: Apache-2.0 */
/* One stream of a media file as JSON. */
#pragma once

#include <jansson.h>
#include <libavformat/avformat.h>

/* A new reference; NULL when out of memory. */
json_t *probe_stream(AVFormatContext *format, const AVStream *stream);
