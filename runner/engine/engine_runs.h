/* SPDX-License-Identifier: Apache-2.0 */
/* Accepting, changing and ending runs. All times in requests are CLOCK_REALTIME nanoseconds. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/field.h"
#include "runner/engine/engine.h"

#define RUN_PAYLOAD_MAX         (3 * 1024 * 1024)
#define RUN_METADATA_MAX        (256 * 1024)
#define RUN_OUTPUT_MAX          (10 * 1024 * 1024)
#define RUN_TAGS_MAX            10
#define RUN_TAG_MAX             128 /* characters */
#define RUN_KEY_MAX             2048 /* idempotency key as given; kept as its SHA-256 when not 64 hex */
#define RUN_CONCURRENCY_KEY_MAX 256
#define RUN_ATTEMPTS_LIMIT      250
#define RUN_DEBOUNCE_KEY_MAX    512
#define RUN_DEBOUNCE_MIN_MS     1000
#define RUN_PAYLOAD_TYPE_MAX    128
#define RUN_INPUTS_MAX          128
#define RUN_PATH_MAX            4095     /* of an input or the output directory */
#define RUN_PRIORITY_MAX        31536000 /* seconds: a year */
#define RUN_DEPTH_MAX           1000     /* parents above a run */
#define RUN_CANCEL_GRACE_MS     30000    /* what a cancelled task gets to clean up */
#define RUN_KEY_TTL_MS          (UINT64_C(30) * 24 * 3600 * 1000)
#define RUN_TIME_MAX_MS         (UINT64_C(10) * 366 * 24 * 3600 * 1000) /* any ttl or duration */

enum run_debounce { RUN_DEBOUNCE_NONE, RUN_DEBOUNCE_LEADING, RUN_DEBOUNCE_TRAILING };

/* A trigger as asked; strings are the caller's. Zero and NULL: not given. The field table over this
 * record is engine_trigger_rows: the command line, the socket, the task channel and HTTP share it.
 */
struct run_trigger {
	char *task;
	char *payload; /* text as given, UTF-8: JSON unless payload_type says otherwise, which is
			  the caller's to check */
	char *payload_type;     /* NULL: application/json */
	json_t *metadata;       /* object */
	json_t *tags;           /* array of strings, or a string */
	json_t *inputs;         /* array of absolute paths of the host, read at /input/NAME */
	char *output_directory; /* absolute; what the task writes to /output */
	char *queue;
	char *concurrency_key;
	char *machine;
	char *version;               /* lock to it */
	char *idempotency_key;       /* already scoped and hashed by those who scope */
	uint64_t idempotency_ttl_ms; /* 0: 30 days */
	char *delay;                 /* duration as "1h30m", or an RFC 3339 date */
	uint64_t ttl_ms;
	bool has_ttl;     /* ttl_ms 0 was asked for: never expires */
	int64_t priority; /* seconds */
	int64_t max_attempts;
	uint64_t max_duration_ms;
	char *debounce_key;
	uint64_t debounce_delay_ms;
	int debounce_mode; /* enum run_debounce */
	uint64_t debounce_max_ms;
	bool is_test;
	/* not fields: set by who calls for a run */
	int64_t environment_id; /* 0: 1 */
	int64_t parent_id;      /* the run that asks; its token was checked */
	int64_t batch_id, batch_index;
	bool parent_waits; /* inherits the parent's position and version */
	int64_t replay_of, dead_letter_of;
};

/* The rows over struct run_trigger. */
extern const struct field_row engine_trigger_rows[];
extern const size_t engine_trigger_row_count;

/* Sets *request, which is zeroed, from a JSON object of those fields; strings are then the
 * request's, until run_trigger_finish(). */
int run_trigger_parse(const json_t *object, struct run_trigger *request, struct berth_error *err);
/* Only of one that was parsed. */
void run_trigger_finish(struct run_trigger *request);

struct run_accepted {
	int64_t run_id;
	bool is_cached; /* an idempotency key or a debounce found it */
};

/* BERTH_INVALID, BERTH_NOT_FOUND (task, version, machine), BERTH_LIMIT (sizes, a full queue). */
int engine_trigger(struct engine *engine, const struct run_trigger *request,
		   struct run_accepted *ret_accepted, struct berth_error *err);

/* Cancels: at once when no attempt lives, else the task is asked and has grace_ms
 * (RUN_CANCEL_GRACE_MS); 0 kills it, also when it was asked before. Descendants that are not final
 * follow, by a timer that is due at once. Final already: 0, nothing changes. */
int engine_cancel(struct engine *engine, int64_t run_id, uint64_t grace_ms,
		  struct berth_error *err);

/* A new run of the current version with an old one's payload, metadata, tags and options, or what
 * overrides (NULL: nothing) gives. Not its delay, idempotency key, debounce, parent or batch. */
int engine_replay(struct engine *engine, int64_t run_id, const struct run_trigger *overrides,
		  struct run_accepted *ret_accepted, struct berth_error *err);

/* Only of a DELAYED run; BERTH_INVALID otherwise. delay as in struct run_trigger. */
int engine_reschedule(struct engine *engine, int64_t run_id, const char *delay,
		      struct berth_error *err);

int engine_add_tags(struct engine *engine, int64_t run_id, const json_t *tags,
		    struct berth_error *err);
int engine_set_metadata(struct engine *engine, int64_t run_id, const char *token, const json_t *set,
			struct berth_error *err);

/* Forgets a key, so that the next trigger makes a run. 0 also when there is none. Environment 0: 1.
 */
int engine_reset_key(struct engine *engine, int64_t environment_id, const char *task,
		     const char *key, struct berth_error *err);
