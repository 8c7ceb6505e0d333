/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a decoder for a stream of somebody's file, within the input's limits. */
#pragma once

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <stdbool.h>

#include "base/error.h"

struct media_decoder_options {
	int threads;         /* from 1 */
	enum AVDiscard skip; /* AVDISCARD_DEFAULT, or AVDISCARD_NONKEY for a poster */
	bool low_delay;      /* one frame in, one frame out: no frame threads */
};

/* The caller frees *ret_decoder with avcodec_free_context(). */
int media_decoder_open(const AVStream *stream, const struct media_decoder_options *options,
		       AVCodecContext **ret_decoder, struct berth_error *err);
