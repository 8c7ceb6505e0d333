/* SPDX-License-Identifier: Apache-2.0 */
/* What the engine reads of a task's definition: the fields of berth.json that decide how its runs
 * are queued, retried and ended. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/field.h"
#include "runner/run/limit_overrides.h"

#define TASK_NAME_MAX        128
#define DEFINITION_MAX       (256 * 1024)   /* bytes of one task's JSON */
#define RETRY_TIMEOUT_MAX_MS 315360000000.0 /* ten years */
#define RETRY_FACTOR_MAX     1000.0

struct retry_policy {
	int64_t max_attempts;
	int64_t min_ms, max_ms;
	double factor;
	bool is_random;
	json_t *out_of_memory; /* {"machine":"…"} or {"ladder":true} */
};

struct definition_queue {
	char *name;                           /* NULL: the task's own */
	int64_t limit, key_limit, size_limit; /* -1: none */
};

enum definition_interrupted { INTERRUPTED_RETRY, INTERRUPTED_FAIL };
enum definition_resume { RESUME_CHECKPOINT, RESUME_RESTART };

struct definition {
	char *machine;          /* NULL: the default */
	json_t *queue, *retry;  /* as written; parsed below */
	json_t *payload_schema; /* NULL: any payload */
	uint64_t max_duration_ms, ttl_ms;
	char *dead_letter;
	int interrupted; /* enum definition_interrupted */
	int resume;      /* enum definition_resume */
	/* not fields */
	bool has_ttl, has_retry, has_queue;
	struct limit_overrides limits; /* in place of the machine's, whichever it is */
	struct definition_queue own_queue;
	struct retry_policy policy; /* the defaults when there is none */
	int64_t version_id;
};

extern const struct field_row definition_rows[];
extern const size_t definition_row_count;
extern const struct field_row definition_queue_rows[];
extern const size_t definition_queue_row_count;
extern const struct field_row definition_retry_rows[];
extern const size_t definition_retry_row_count;

/* Reads a task object; members that are not the engine's are passed over. BERTH_INVALID names the
 * field. */
int definition_parse(const json_t *object, struct definition *ret_definition,
		     struct berth_error *err);
/* Accepts a zeroed one. */
void definition_finish(struct definition *definition);
