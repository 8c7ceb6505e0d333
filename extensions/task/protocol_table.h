/* SPDX-License-Identifier: Apache-2.0 */
/* The task channel's messages as data: one row per message, from which validation, replies and
 * docs/protocol.md are made. Change a row, bump PROTOCOL_VERSION. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/field.h"

#define PROTOCOL_VERSION             1
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
};
struct protocol_usage_reply {
	int64_t cpu_ns, memory_bytes, memory_peak_bytes, pids;
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
};

struct protocol_message {
	const char *name;
	enum protocol_direction direction;
	const struct field_row *fields;
	size_t field_count;
	const struct field_row *reply; /* beside "id" and "ok" */
	size_t reply_count;
	const char *help; /* a sentence or two */
};

/* Indexed by enum protocol_op. */
extern const struct protocol_message protocol_messages[PROTOCOL_OP_COUNT];

extern const char *const protocol_levels[];   /* indexed by enum protocol_level, NULL-terminated */
extern const char *const protocol_failures[]; /* indexed by enum protocol_failure */

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
