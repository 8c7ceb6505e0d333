/* SPDX-License-Identifier: Apache-2.0 */
/* The task channel's messages as data: one row per message, from which validation, replies and
 * docs/protocol.md are made. Change a row, bump PROTOCOL_VERSION; raise PROTOCOL_VERSION_MIN with
 * it unless clients of the versions before see no difference. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/field.h"

#define PROTOCOL_VERSION             2 /* 2 only adds: requests, and members of fail and hello */
#define PROTOCOL_VERSION_MIN         1
#define PROTOCOL_LINE_MAX            (4 * 1024 * 1024)        /* bytes, newline included */
#define PROTOCOL_ID_MAX              (INT64_C(1) << 53)       /* what a double holds exactly */
#define PROTOCOL_CONNECTIONS_MAX     64                       /* at once, per run */
#define PROTOCOL_CHECKPOINT_MAX      (256 * 1024)             /* bytes of one checkpoint's JSON */
#define PROTOCOL_CHECKPOINT_NAME_MAX 64                       /* bytes */
#define PROTOCOL_METADATA_MAX        (256 * 1024)             /* bytes, merged */
#define PROTOCOL_MESSAGE_MAX         (64 * 1024)              /* bytes of one log message */
#define PROTOCOL_FIELDS_MAX          (64 * 1024)              /* bytes of one log line's fields */
#define PROTOCOL_PAYLOAD_MAX         (3 * 1024 * 1024)        /* bytes */
#define PROTOCOL_OUTPUT_MAX          (PROTOCOL_LINE_MAX - 64) /* bytes: what a line can carry */
#define PROTOCOL_NAME_MAX            63   /* bytes of a request's own name, see `wait` and `once` */
#define PROTOCOL_WAITS_MAX           64   /* requests that wait at once, per run */
#define PROTOCOL_WAIT_ITEMS_MAX      1000 /* things that one request waits for */
#define PROTOCOL_BATCH_MAX           1000 /* runs in a batch */
#define PROTOCOL_HELD_MS             5000 /* a shorter wait for a time is over before it is noted */
#define PROTOCOL_FOREVER_MS          INT64_C(315360000000) /* ten years: the longest time asked for */

enum protocol_op {
	PROTOCOL_HELLO,
	PROTOCOL_LOG,
	PROTOCOL_PROGRESS,
	PROTOCOL_METADATA,
	PROTOCOL_CHECKPOINT,
	PROTOCOL_RESTORE,
	PROTOCOL_OUTPUT,
	PROTOCOL_FAIL,
	PROTOCOL_USAGE,
	PROTOCOL_WAIT,
	PROTOCOL_TRIGGER,
	PROTOCOL_TRIGGER_AND_WAIT,
	PROTOCOL_BATCH,
	PROTOCOL_BATCH_AND_WAIT,
	PROTOCOL_TOKEN_CREATE,
	PROTOCOL_TOKEN_COMPLETE,
	PROTOCOL_RUN_GET,
	PROTOCOL_CANCEL,
	PROTOCOL_OP_COUNT, /* not a message */
};

enum protocol_direction {
	PROTOCOL_FROM_TASK, /* a request: "op" */
	PROTOCOL_TO_TASK,   /* an event: "event" */
};

/* Index into the level's choices, mildest first; the same order as enum berth_task_level. */
enum protocol_level {
	PROTOCOL_TRACE,
	PROTOCOL_DEBUG,
	PROTOCOL_PLAIN, /* "log" */
	PROTOCOL_INFO,
	PROTOCOL_WARN,
	PROTOCOL_ERROR,
};

enum protocol_failure {
	PROTOCOL_RETRYABLE,
	PROTOCOL_PERMANENT,
};

struct protocol_hello {
	int64_t protocol;
	char *sdk;
	bool payload;
};
struct protocol_hello_reply {
	int64_t protocol;
	char *run;
	int64_t attempt;
	char *attempt_id;
	char *task;
	json_t *payload;
	json_t *inputs;
	char *output;
	char *checkpoint;
	uint64_t cpu_millis;
	uint64_t memory_bytes;
	bool cancelled;
	char *queue, *concurrency_key, *version, *parent, *root, *batch; /* NULL: left out */
	int64_t max_attempts;                                            /* 0: left out */
};
struct protocol_log {
	int level; /* enum protocol_level */
	char *message;
	json_t *fields;
};
struct protocol_progress {
	double percent, eta_s, rate; /* negative: unknown */
	char *rate_unit, *message;
};
struct protocol_metadata {
	json_t *set;
};
struct protocol_checkpoint {
	char *name;
	json_t *data;
};
struct protocol_restore {
	char *name;
};
struct protocol_restore_reply {
	bool found;
	json_t *data;
};
struct protocol_output {
	json_t *data;
};
struct protocol_fail {
	int kind; /* enum protocol_failure */
	char *name, *message;
	int64_t retry_in_ms; /* -1: not said */
	char *retry_at;
};
struct protocol_usage_reply {
	int64_t cpu_ns, memory_bytes, memory_peak_bytes, pids;
};
struct protocol_wait {
	char *name;     /* `wait`: its own; NULL: none */
	int64_t for_ms; /* -1: not said */
	char *until;
	json_t *token, *run; /* a text or an array of texts; NULL: none */
	char *batch;
};
struct protocol_wait_reply {
	json_t *results;
};
/* Names and meanings are those of struct run_trigger (runner/engine/engine_runs.h). Texts NULL and
 * numbers -1: not said. */
struct protocol_trigger {
	char *name; /* `once`, or `wait` of trigger_and_wait */
	char *task;
	json_t *payload;
	char *payload_type;
	json_t *metadata, *tags;
	char *queue, *concurrency_key, *machine, *version;
	char *idempotency_key;
	int64_t idempotency_ttl_ms;
	char *delay;
	int64_t ttl_ms, priority, max_attempts, max_duration_ms;
	char *debounce_key;
	int64_t debounce_delay_ms, debounce_max_ms;
	int debounce_mode; /* index into protocol_debounces */
	bool is_test;
};
struct protocol_trigger_reply {
	char *run;
	bool cached;
};
struct protocol_batch {
	char *name; /* `once`, or `wait` of batch_and_wait */
	json_t *items;
	char *idempotency_key;
	int64_t idempotency_ttl_ms;
};
struct protocol_batch_reply {
	char *batch;
	json_t *runs;
	bool cached;
};
struct protocol_token_create {
	char *name; /* `once` */
	int64_t timeout_ms;
	char *idempotency_key;
	int64_t idempotency_ttl_ms;
	json_t *tags;
};
struct protocol_token_create_reply {
	char *token;
	bool cached;
};
struct protocol_token_complete {
	char *token;
	json_t *output;
};
struct protocol_run_get {
	char *run;
};
struct protocol_run_get_reply {
	char *run, *task, *status;
	bool final;
	json_t *output, *error;
};
struct protocol_cancel {
	char *reason;
	int64_t grace_ms;
};

/* What any request's fields are parsed into. */
union protocol_record {
	struct protocol_hello hello;
	struct protocol_log log;
	struct protocol_progress progress;
	struct protocol_metadata metadata;
	struct protocol_checkpoint checkpoint;
	struct protocol_restore restore;
	struct protocol_output output;
	struct protocol_fail fail;
	struct protocol_wait wait;
	struct protocol_trigger trigger;
	struct protocol_batch batch;
	struct protocol_token_create token_create;
	struct protocol_token_complete token_complete;
	struct protocol_run_get run_get;
};

struct protocol_message {
	const char *name;
	enum protocol_direction direction;
	const struct field_row *fields;
	size_t field_count;
	const struct field_row *reply; /* beside "id" and "ok" */
	size_t reply_count;
	const char *help; /* a sentence or two */
	bool waits;       /* answered when it is over, not in the order of the requests */
};

/* Indexed by enum protocol_op. */
extern const struct protocol_message protocol_messages[PROTOCOL_OP_COUNT];

extern const char *const protocol_levels[];   /* indexed by enum protocol_level, NULL-terminated */
extern const char *const protocol_failures[]; /* indexed by enum protocol_failure */
extern const char *const protocol_debounces[];

/* What one item of a batch may say: the rows of trigger without its name. */
extern const struct field_row protocol_item_rows[];
extern const size_t protocol_item_row_count;

/* The codes in "error":{"code":…} and what each means; ends with a NULL code. */
struct protocol_error_row {
	const char *code;
	const char *help;
};
extern const struct protocol_error_row protocol_errors[];

/* The op of that name in that direction; PROTOCOL_OP_COUNT when there is none. */
enum protocol_op protocol_find(enum protocol_direction direction, const char *name);

/* true for [A-Za-z0-9._-]{1,64} not starting with a dot. */
bool protocol_checkpoint_name_is_valid(const char *name);

/* The same with at most PROTOCOL_NAME_MAX bytes. */
bool protocol_request_name_is_valid(const char *name);
