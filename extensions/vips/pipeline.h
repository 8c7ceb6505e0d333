/* SPDX-License-Identifier: Apache-2.0 */
/* The work itself in its own threads: one decode, then every variant as soon as the picture it is
 * made from is there. The owner's thread only watches. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "extensions/vips/output.h"
#include "extensions/vips/plan.h"
#include "extensions/vips/request.h"
#include "extensions/vips/source.h"

#define PIPELINE_WORKERS_MAX 16
#define PIPELINE_LOG_SIZE    512
#define PIPELINE_LOG_LINES   16

struct pipeline;

struct pipeline_spec {
	const struct request *request; /* outlives the pipeline */
	struct source source;          /* opened; taken over */
	int output_directory;          /* stays the caller's */
	unsigned workers;              /* 1 to PIPELINE_WORKERS_MAX */
	uint64_t memory_bytes;         /* what the run may use; 0: not limited */
};

/* A snapshot. */
struct pipeline_status {
	bool idle;    /* nothing runs any more: finished, failed or stopped */
	bool decoded; /* the input has been dealt with */
	int decode_percent;
	double encoded;     /* share of the pixels to write that are written, 0 to 1 */
	const char *newest; /* name of the variant that was written last, or NULL */
	bool failed;
	struct berth_error error; /* when failed */
	size_t log_count;         /* lines of pipeline_log_line() so far */
	size_t log_lost;          /* beyond PIPELINE_LOG_LINES */
};

/* Valid when the pipeline is idle and has not failed. */
struct pipeline_result {
	const struct source *source;
	const struct source_decoded *decoded;
	const struct plan *plan;
	const struct output *outputs; /* by index of the request's variants */
};

int pipeline_start(struct pipeline_spec *spec, struct pipeline **ret_pipeline,
		   struct berth_error *err);
/* Returns when something changed or the time is over. */
void pipeline_watch(struct pipeline *pipeline, unsigned timeout_ms,
		    struct pipeline_status *ret_status);
/* One of the log_count lines of the last snapshot; they do not change any more. */
const char *pipeline_log_line(const struct pipeline *pipeline, size_t index);
/* Asks the threads to end: decoding stops at once, an encoder comes to its end. */
void pipeline_stop(struct pipeline *pipeline);
struct pipeline_result pipeline_result(const struct pipeline *pipeline);
/* Joins the threads; call it only when idle. Accepts NULL. */
void pipeline_destroy(struct pipeline *pipeline);

/* Takes a line from libvips, in any thread; owner is a struct pipeline. */
void pipeline_log(void *owner, const char *text);
