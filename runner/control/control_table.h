/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket's operations as data: one row each, from which parsing, the options of the
 * command line and docs/control.md are made. Change a row, bump CONTROL_VERSION. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/field.h"
#include "runner/engine/engine_runs.h"

#define CONTROL_VERSION         1
#define CONTROL_ID_MAX          (INT64_C(1) << 53)          /* what a double holds exactly */
#define CONTROL_LINE_MAX        ((size_t)8 * 1024 * 1024)   /* bytes of a request */
#define CONTROL_VIEWER_LINE_MAX ((size_t)64 * 1024)         /* of a viewer: it asks little */
#define CONTROL_INPUT_MAX       ((size_t)64 * 1024 * 1024)  /* of all connections, unhandled */
#define CONTROL_INPUT_SHARE     ((size_t)256 * 1024)        /* each may have that in any case */
#define CONTROL_OUTPUT_MAX      ((size_t)64 * 1024 * 1024)  /* of a connection, not yet read */
#define CONTROL_OUTPUT_ALL      ((size_t)256 * 1024 * 1024) /* of all connections */
#define CONTROL_OUTPUT_PAUSE    ((size_t)256 * 1024)        /* no more requests and events then */
#define CONTROL_EVENT_PAUSE     ((size_t)16 * 1024) /* no more events then: there are many */
#define CONTROL_CONNECTIONS_MAX 2048                /* at once */
#define CONTROL_VIEWERS_MAX     1024                /* of these, of viewers */
#define CONTROL_PENDING_MAX     64    /* requests of a connection that are not answered */
#define CONTROL_SLOW_MS         30000 /* a client that reads nothing for so long is dropped */
#define CONTROL_SILENT_MS       10000 /* or that does not say hello */
#define CONTROL_DESCRIPTORS_MAX 4     /* that wait for their request */
#define CONTROL_BULK_IDS_MAX    1000  /* runs named in one request */
#define CONTROL_FILES_MAX       20000 /* of a bundle */
#define CONTROL_BUNDLE_MAX      (INT64_C(256) * 1024 * 1024) /* bytes of them */

enum control_op {
	CONTROL_HELLO,
	CONTROL_PING,
	CONTROL_TRIGGER,
	CONTROL_BATCH,
	CONTROL_BATCH_GET,
	CONTROL_RUN_GET,
	CONTROL_RUN_LIST,
	CONTROL_RUN_CANCEL,
	CONTROL_RUN_REPLAY,
	CONTROL_RUN_RESCHEDULE,
	CONTROL_RUN_TAGS,
	CONTROL_RUN_LOGS,
	CONTROL_RUN_LOG_OPEN,
	CONTROL_RUN_FOLLOW,
	CONTROL_BULK,
	CONTROL_KEY_RESET,
	CONTROL_QUEUE_LIST,
	CONTROL_QUEUE_GET,
	CONTROL_QUEUE_PAUSE,
	CONTROL_QUEUE_RESUME,
	CONTROL_QUEUE_OVERRIDE,
	CONTROL_QUEUE_RESET,
	CONTROL_TASK_LIST,
	CONTROL_DEPLOY,
	CONTROL_VERSION_LIST,
	CONTROL_VERSION_PROMOTE,
	CONTROL_VERSION_ROLLBACK,
	CONTROL_TOKEN_CREATE,
	CONTROL_TOKEN_LIST,
	CONTROL_TOKEN_GET,
	CONTROL_TOKEN_COMPLETE,
	CONTROL_CHECKPOINT_LIST,
	CONTROL_STATUS,
	CONTROL_BACKUP,
	CONTROL_PRUNE,
	CONTROL_RELOAD,
	CONTROL_DRAIN,
	CONTROL_OP_COUNT, /* not an operation */
};

/* Who may: each may what those before it may. */
enum control_role { CONTROL_NOBODY, CONTROL_VIEWER, CONTROL_OPERATOR };
const char *control_role_name(enum control_role role);

enum control_bulk_action { CONTROL_BULK_CANCEL, CONTROL_BULK_REPLAY };

struct control_hello {
	int64_t protocol;
	char *client;
};
/* trigger is struct run_trigger */
struct control_batch {
	json_t *items;
	char *idempotency_key;
	uint64_t idempotency_ttl_ms;
};
struct control_batch_get {
	char *batch;
};
struct control_run_get {
	char *run;
	bool brief;
};
struct control_run_filter {
	char *status, *task, *queue, *version, *tag, *machine, *batch, *parent;
	uint64_t period_ms; /* created so long ago at most; 0: any time */
	uint64_t from_ms, to_ms;
	bool only_test;
};
struct control_run_list {
	struct control_run_filter filter;
	char *after;
	int64_t limit;
};
struct control_run_cancel {
	char *run;
	uint64_t grace_ms;
};
struct control_run_replay {
	struct run_trigger overrides; /* first: its rows are the trigger's */
	char *run;
};
struct control_run_reschedule {
	char *run;
	char *delay;
};
struct control_run_tags {
	char *run;
	json_t *tags;
};
struct control_run_log_open {
	char *run;
	int64_t attempt;
};

struct control_run_logs {
	char *run;
	int64_t attempt; /* 0: the newest */
	int64_t position;
	uint64_t since_ms; /* CLOCK_REALTIME, milliseconds; 0: not given */
	int64_t limit;
};
struct control_run_follow {
	char *run;
	int64_t attempt; /* 0: from the first */
	int64_t position;
	bool quiet;
};
struct control_bulk {
	struct control_run_filter filter;
	int action; /* enum control_bulk_action */
	json_t *runs;
	uint64_t grace_ms;
};
struct control_key_reset {
	char *task;
	char *key;
};
struct control_queue_list {
	char *after;
};
struct control_queue {
	char *queue;
};
struct control_queue_override {
	char *queue;
	int64_t limit;
};
struct control_deploy {
	json_t *manifest;
	json_t *files;
	bool skip_promotion;
};
struct control_version {
	char *version;
};
struct control_token_create {
	uint64_t timeout_ms;
	char *idempotency_key;
	uint64_t idempotency_ttl_ms;
	json_t *tags;
};
struct control_token_list {
	char *status, *after;
	int64_t limit;
};
struct control_token_get {
	char *token;
};
struct control_token_complete {
	char *token;
	json_t *output;
};
struct control_checkpoint_list {
	char *run;
};
struct control_status {
	int64_t runs; /* how many are shown */
};
struct control_prune {
	uint64_t older_than_ms; /* 0: what the daemon's retention says */
	bool dry_run;
};

/* What any request's fields are parsed into. */
union control_record {
	struct control_hello hello;
	struct run_trigger trigger;
	struct control_batch batch;
	struct control_batch_get batch_get;
	struct control_run_get run_get;
	struct control_run_list run_list;
	struct control_run_cancel run_cancel;
	struct control_run_replay run_replay;
	struct control_run_reschedule run_reschedule;
	struct control_run_tags run_tags;
	struct control_run_logs run_logs;
	struct control_run_log_open run_log_open;
	struct control_run_follow run_follow;
	struct control_bulk bulk;
	struct control_key_reset key_reset;
	struct control_queue_list queue_list;
	struct control_queue queue;
	struct control_queue_override queue_override;
	struct control_deploy deploy;
	struct control_version version;
	struct control_token_create token_create;
	struct control_token_list token_list;
	struct control_token_get token_get;
	struct control_token_complete token_complete;
	struct control_checkpoint_list checkpoint_list;
	struct control_status status;
	struct control_prune prune;
};

struct control_operation {
	const char *name;
	enum control_role role; /* CONTROL_NOBODY: anyone who may connect */
	const struct field_row *fields;
	size_t field_count;
	const struct field_row *shared; /* more rows, of the record's beginning; NULL: none */
	const size_t *shared_count;
	size_t descriptors; /* that must come with the request (SCM_RIGHTS) */
	bool is_stream;     /* events come before the reply */
	bool is_new_work;   /* refused while the daemon drains */
	const char *result; /* what "result" is */
	const char *help;   /* a sentence or two */
};

/* Indexed by enum control_op. */
extern const struct control_operation control_operations[CONTROL_OP_COUNT];

/* All fields of an operation, its own first; NULL behind the last. */
const struct field_row *control_field(const struct control_operation *operation, size_t index);
const struct field_row *control_field_find(const struct control_operation *operation,
					   const char *name);

/* Sets the zeroed record from a JSON object, defaults first: BERTH_INVALID names the field. On
 * failure the record is still valid for control_record_finish(). */
int control_record_parse(const struct control_operation *operation, const json_t *object,
			 union control_record *record, struct berth_error *err);
void control_record_finish(const struct control_operation *operation, union control_record *record);

/* CONTROL_OP_COUNT when there is none of that name. */
enum control_op control_find(const char *name);
