/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket's operations: a table of fields for each, and one row. */
#include "runner/control/control_table.h"

#include <string.h>

#include "base/text.h"
#include "runner/engine/engine_batches.h"
#include "runner/engine/engine_queues.h"
#include "runner/engine/engine_reads.h"
#include "runner/engine/engine_versions.h"

#define COUNT(rows)    (sizeof(rows) / sizeof((rows)[0]))
#define NAME_MAX_BYTES 128.0
#define LIST_MAX_BYTES 4096.0 /* up to READ_NAMES_MAX names and commas */
#define ID_BYTES       32.0
#define DATE_BYTES     64.0
#define TEN_YEARS      (3650.0 * 24 * 3600 * 1000)
#define LAST_DATE_MS   253402300799999.0 /* the end of 9999 */

/* one line per row, whatever its length */
/* clang-format off */
#define TEXT(owner, member, max_, help_, ...) TEXT_AS(#member, owner, member, max_, help_, __VA_ARGS__)
#define TEXT_AS(name_, owner, member, max_, help_, ...) {.name = (name_), .type = FIELD_STRING, .offset = offsetof(struct owner, member), .min = 1, .max = (max_), .unit = "", .help = (help_), __VA_ARGS__}
#define NUMBER(owner, member, min_, max_, help_, ...) {.name = #member, .type = FIELD_INTEGER, .offset = offsetof(struct owner, member), .min = (min_), .max = (max_), .unit = "", .help = (help_), __VA_ARGS__}
#define DURATION(owner, name_, min_, help_, ...) DURATION_AS(#name_, owner, name_, min_, help_, __VA_ARGS__)
#define DURATION_AS(text_, owner, name_, min_, help_, ...) {.name = (text_), .type = FIELD_DURATION_MS, .offset = offsetof(struct owner, name_##_ms), .min = (min_), .max = TEN_YEARS, .unit = "seconds", .help = (help_), __VA_ARGS__}
#define VALUE(owner, member, help_, ...) {.name = #member, .type = FIELD_JSON, .offset = offsetof(struct owner, member), .unit = "", .help = (help_), __VA_ARGS__}
#define SWITCH(owner, name_, member, help_) {.name = #name_, .type = FIELD_BOOL, .offset = offsetof(struct owner, member), .unit = "", .help = (help_)}
#define REQUIRED .required = true

static const char *const bulk_choices[] = {[CONTROL_BULK_CANCEL] = "cancel", [CONTROL_BULK_REPLAY] = "replay", NULL};

/* Which runs; names in a list are separated by commas, any of which will do. */
#define FILTER_ROWS \
	TEXT(control_run_filter, status, LIST_MAX_BYTES, "of these statuses, e.g. QUEUED,EXECUTING"), \
	TEXT(control_run_filter, task, LIST_MAX_BYTES, "of these tasks"), \
	TEXT(control_run_filter, queue, LIST_MAX_BYTES, "in these queues"), \
	TEXT(control_run_filter, version, LIST_MAX_BYTES, "of these deployed versions"), \
	TEXT(control_run_filter, tag, LIST_MAX_BYTES, "with one of these tags"), \
	TEXT(control_run_filter, machine, LIST_MAX_BYTES, "on these machine presets"), \
	TEXT(control_run_filter, batch, ID_BYTES, "of this batch"), \
	TEXT(control_run_filter, parent, ID_BYTES, "triggered by this run"), \
	DURATION(control_run_filter, period, 0, "created within this time"), \
	{.name = "from", .type = FIELD_INTEGER, .offset = offsetof(struct control_run_filter, from_ms), .max = LAST_DATE_MS, .unit = "milliseconds since 1970", .help = "created then or later"}, \
	{.name = "to", .type = FIELD_INTEGER, .offset = offsetof(struct control_run_filter, to_ms), .max = LAST_DATE_MS, .unit = "milliseconds since 1970", .help = "created before"}, \
	SWITCH(control_run_filter, onlyTest, only_test, "only those marked as a test")

static const struct field_row hello_rows[] = {
	NUMBER(control_hello, protocol, CONTROL_VERSION, CONTROL_VERSION, "the protocol the client speaks", REQUIRED),
	TEXT(control_hello, client, NAME_MAX_BYTES, "the client's name and version"),
};
static const struct field_row batch_rows[] = {
	VALUE(control_batch, items, "an array of 1 to 1000 objects with the fields of trigger", REQUIRED),
	TEXT_AS("idempotencyKey", control_batch, idempotency_key, RUN_KEY_MAX, "a later batch with this key finds this one"),
	DURATION_AS("idempotencyKeyTTL", control_batch, idempotency_ttl, 0, "how long the key is remembered; 30 days when absent"),
};
static const struct field_row batch_get_rows[] = {
	TEXT(control_batch_get, batch, ID_BYTES, "the batch's identifier", REQUIRED),
};
static const struct field_row run_get_rows[] = {
	TEXT(control_run_get, run, ID_BYTES, "the run's identifier", REQUIRED),
	SWITCH(control_run_get, brief, brief, "without payload and metadata"),
};
static const struct field_row run_list_rows[] = {
	FILTER_ROWS,
	TEXT(control_run_list, after, ID_BYTES, "the next page: what is older than this run"),
	NUMBER(control_run_list, limit, 1, READ_PAGE_MAX, "how many", .default_text = "25"),
};
static const struct field_row run_cancel_rows[] = {
	TEXT(control_run_cancel, run, ID_BYTES, "the run's identifier", REQUIRED),
	DURATION(control_run_cancel, grace, 0, "how long its task may take to save and end", .default_text = "30s"),
};
static const struct field_row run_replay_rows[] = {
	TEXT(control_run_replay, run, ID_BYTES, "the run's identifier", REQUIRED),
};
static const struct field_row run_reschedule_rows[] = {
	TEXT(control_run_reschedule, run, ID_BYTES, "the run's identifier; only one that is DELAYED", REQUIRED),
	TEXT(control_run_reschedule, delay, DATE_BYTES, "when it may start: a duration as 1h30m, or an RFC 3339 date", REQUIRED),
};
static const struct field_row run_tags_rows[] = {
	TEXT(control_run_tags, run, ID_BYTES, "the run's identifier", REQUIRED),
	VALUE(control_run_tags, tags, "a text or an array of texts, added to those it has", REQUIRED),
};
static const struct field_row run_logs_rows[] = {
	TEXT(control_run_logs, run, ID_BYTES, "the run's identifier", REQUIRED),
	NUMBER(control_run_logs, attempt, 0, 1000000, "which attempt's; 0 is the newest"),
	NUMBER(control_run_logs, position, 0, 9e18, "where to go on; 0 is the beginning"),
	{.name = "since", .type = FIELD_INTEGER, .offset = offsetof(struct control_run_logs, since_ms), .max = LAST_DATE_MS, .unit = "milliseconds since 1970", .help = "from the first record that is not older, in place of position"},
	NUMBER(control_run_logs, limit, 1, 10000, "how many records", .default_text = "1000"),
};
static const struct field_row run_log_open_rows[] = {
	TEXT(control_run_log_open, run, ID_BYTES, "the run's identifier", REQUIRED),
	NUMBER(control_run_log_open, attempt, 0, 1000000, "which attempt's; 0 is the newest"),
};
static const struct field_row run_follow_rows[] = {
	TEXT(control_run_follow, run, ID_BYTES, "the run's identifier", REQUIRED),
	NUMBER(control_run_follow, attempt, 0, 1000000, "the first attempt whose log is told; 0 is the first"),
	NUMBER(control_run_follow, position, 0, 9e18, "where in its log to go on; 0 is the beginning"),
	SWITCH(control_run_follow, quiet, quiet, "only changes of its state and its progress, no log"),
};
static const struct field_row bulk_rows[] = {
	{.name = "action", .type = FIELD_ENUM, .offset = offsetof(struct control_bulk, action), .choices = bulk_choices, .unit = "", .help = "what to do with each", .required = true},
	VALUE(control_bulk, runs, "an array of at most 1000 identifiers, in place of a filter"),
	FILTER_ROWS,
	DURATION(control_bulk, grace, 0, "of cancel: how long a task may take to save and end", .default_text = "30s"),
};
static const struct field_row key_reset_rows[] = {
	TEXT(control_key_reset, task, NAME_MAX_BYTES, "the task's name", REQUIRED),
	TEXT(control_key_reset, key, RUN_KEY_MAX, "the idempotency key", REQUIRED),
};
static const struct field_row queue_list_rows[] = {
	TEXT(control_queue_list, after, QUEUE_NAME_MAX, "the next page: what comes behind this name"),
};
static const struct field_row queue_rows[] = {
	TEXT(control_queue, queue, QUEUE_NAME_MAX, "the queue's name; a task's own is task/NAME", REQUIRED),
};
static const struct field_row queue_override_rows[] = {
	TEXT(control_queue_override, queue, QUEUE_NAME_MAX, "the queue's name", REQUIRED),
	NUMBER(control_queue_override, limit, 0, QUEUE_LIMIT_MAX, "how many runs of it may run at once", REQUIRED),
};
static const struct field_row deploy_rows[] = {
	VALUE(control_deploy, manifest, "what berth.json says", REQUIRED),
	VALUE(control_deploy, files, "an array of {path, size, executable} and of {path, link}, in order of path as a walk has it; their bytes stand in that order in the descriptor", REQUIRED),
	SWITCH(control_deploy, skipPromotion, skip_promotion, "keep the current version; this one is there to be promoted"),
};
static const struct field_row version_rows[] = {
	TEXT(control_version, version, VERSION_NAME_SIZE, "the version's name, YYYYMMDD.N", REQUIRED),
};
static const struct field_row rollback_rows[] = {
	TEXT(control_version, version, VERSION_NAME_SIZE, "the version to go back to; the one before the current when absent"),
};
static const struct field_row token_create_rows[] = {
	DURATION(control_token_create, timeout, 0, "after how long it is over without having been completed; 0 is never"),
	TEXT_AS("idempotencyKey", control_token_create, idempotency_key, RUN_KEY_MAX, "a later request with this key finds this token"),
	DURATION_AS("idempotencyKeyTTL", control_token_create, idempotency_ttl, 0, "how long the key is remembered; 30 days when absent"),
	VALUE(control_token_create, tags, "a text or an array of at most 10"),
};
static const struct field_row token_list_rows[] = {
	TEXT(control_token_list, status, LIST_MAX_BYTES, "of these statuses: WAITING, COMPLETED, TIMED_OUT"),
	TEXT(control_token_list, after, ID_BYTES, "the next page: what is older than this token"),
	NUMBER(control_token_list, limit, 1, READ_PAGE_MAX, "how many", .default_text = "25"),
};
static const struct field_row token_get_rows[] = {
	TEXT(control_token_get, token, ID_BYTES, "the token's identifier", REQUIRED),
};
static const struct field_row token_complete_rows[] = {
	TEXT(control_token_complete, token, ID_BYTES, "the token's identifier", REQUIRED),
	VALUE(control_token_complete, output, "what those who wait for it are given; null when absent"),
};
static const struct field_row checkpoint_list_rows[] = {
	TEXT(control_checkpoint_list, run, ID_BYTES, "the run's identifier", REQUIRED),
};
static const struct field_row status_rows[] = {
	NUMBER(control_status, runs, 0, READ_PAGE_MAX, "how many running runs are shown", .default_text = "50"),
};
static const struct field_row prune_rows[] = {
	DURATION_AS("olderThan", control_prune, older_than, 0, "runs that ended longer ago; what the daemon is set to when absent"),
	SWITCH(control_prune, dryRun, dry_run, "only say what would go; what goes by bytes is not told, nor versions that only such runs keep"),
};

#define FIELDS(rows) .fields = (rows), .field_count = COUNT(rows)
#define TRIGGER_FIELDS .shared = engine_trigger_rows, .shared_count = &engine_trigger_row_count
#define VIEWS        .role = CONTROL_VIEWER
#define OPERATES     .role = CONTROL_OPERATOR
#define ID_RESULT    "{id, isCached}"
#define PAGE_RESULT  "{data, next}: next is null on the last page"

const struct control_operation control_operations[CONTROL_OP_COUNT] = {
	[CONTROL_HELLO] = {.name = "hello", FIELDS(hello_rows), .result = "{protocol, version, role}", .help = "Opens a connection: the first request on each."},
	[CONTROL_PING] = {.name = "ping", VIEWS, .result = "null", .help = "Is answered at once."},
	[CONTROL_TRIGGER] = {.name = "trigger", OPERATES, TRIGGER_FIELDS, .is_new_work = true, .result = ID_RESULT, .help = "Accepts a run. The reply comes after it is durable; isCached is true when a key found a run that was there."},
	[CONTROL_BATCH] = {.name = "batch", OPERATES, FIELDS(batch_rows), .is_new_work = true, .result = "{id, isCached, accepted, refused, items}: an item is {id, isCached} or {error}", .help = "Accepts many runs at once. An item that is refused does not keep the others from being accepted."},
	[CONTROL_BATCH_GET] = {.name = "batch_get", VIEWS, FIELDS(batch_get_rows), .result = "the batch", .help = "Reads how a batch is doing."},
	[CONTROL_RUN_GET] = {.name = "run_get", VIEWS, FIELDS(run_get_rows), .result = "the run", .help = "Reads a run with its attempts, output, error and usage."},
	[CONTROL_RUN_LIST] = {.name = "run_list", VIEWS, FIELDS(run_list_rows), .result = PAGE_RESULT, .help = "Lists runs, the newest first. A page may be short and still have a next."},
	[CONTROL_RUN_CANCEL] = {.name = "run_cancel", OPERATES, FIELDS(run_cancel_rows), .result = "{id}", .help = "Cancels a run and its children. One that has ended stays as it is."},
	[CONTROL_RUN_REPLAY] = {.name = "run_replay", OPERATES, FIELDS(run_replay_rows), TRIGGER_FIELDS, .is_new_work = true, .result = ID_RESULT, .help = "Accepts a run like an earlier one, with what is given in place of its own."},
	[CONTROL_RUN_RESCHEDULE] = {.name = "run_reschedule", OPERATES, FIELDS(run_reschedule_rows), .result = "{id}", .help = "Changes when a delayed run may start."},
	[CONTROL_RUN_TAGS] = {.name = "run_tags", OPERATES, FIELDS(run_tags_rows), .result = "{id}", .help = "Adds tags to a run."},
	[CONTROL_RUN_LOGS] = {.name = "run_logs", VIEWS, FIELDS(run_logs_rows), .result = "{attempt, records, position, isEnd}: a record is {time, source, level, message, fields, position, …}", .help = "Reads a part of an attempt's log."},
	[CONTROL_RUN_LOG_OPEN] = {.name = "run_log_open", VIEWS, FIELDS(run_log_open_rows), .result = "{run, attempt, files, indexBytes}: files names the descriptors that come with the answer's line, in their order: idx, out, err and log as far as there are such, or zst; none when nothing was said. What they are is in docs/logs.md.", .help = "Opens an attempt's log as it is now, for those who read much of it. Not beside another answer with descriptors that was not read yet."},
	[CONTROL_RUN_FOLLOW] = {.name = "run_follow", VIEWS, FIELDS(run_follow_rows), .is_stream = true, .result = "the run", .help = "Tells what happens to a run until it has ended. Events: {log, attempt}, {progress}, {run}, the last one whenever its state has changed."},
	[CONTROL_BULK] = {.name = "bulk", OPERATES, FIELDS(bulk_rows), .result = "{matched, done, failed, errors, runs}: the first 1000 new runs of a replay, the first 20 errors", .help = "Cancels or replays many runs: those named, or those of a filter, of which there must be one."},
	[CONTROL_KEY_RESET] = {.name = "key_reset", OPERATES, FIELDS(key_reset_rows), .result = "null", .help = "Forgets an idempotency key, so that the next trigger with it makes a run."},
	[CONTROL_QUEUE_LIST] = {.name = "queue_list", VIEWS, FIELDS(queue_list_rows), .result = PAGE_RESULT, .help = "Lists the queues by name."},
	[CONTROL_QUEUE_GET] = {.name = "queue_get", VIEWS, FIELDS(queue_rows), .result = "the queue", .help = "Reads a queue."},
	[CONTROL_QUEUE_PAUSE] = {.name = "queue_pause", OPERATES, FIELDS(queue_rows), .result = "the queue", .help = "Starts no more runs of it. What runs goes on."},
	[CONTROL_QUEUE_RESUME] = {.name = "queue_resume", OPERATES, FIELDS(queue_rows), .result = "the queue", .help = "Takes the pause away."},
	[CONTROL_QUEUE_OVERRIDE] = {.name = "queue_override", OPERATES, FIELDS(queue_override_rows), .result = "the queue", .help = "Sets another limit than the deployed one."},
	[CONTROL_QUEUE_RESET] = {.name = "queue_reset", OPERATES, FIELDS(queue_rows), .result = "the queue", .help = "Takes the override away."},
	[CONTROL_TASK_LIST] = {.name = "task_list", VIEWS, .result = "array of {id, version, definition}", .help = "Lists the tasks of the current version and the built-in ones."},
	[CONTROL_DEPLOY] = {.name = "deploy", OPERATES, FIELDS(deploy_rows), .descriptors = 1, .is_new_work = true, .result = "{version, bundle, tasks, isPromoted}", .help = "Makes a version of a manifest and its files. The descriptor is a memfd sealed against every change (memfd_create(2)) that holds their bytes one behind the other."},
	[CONTROL_VERSION_LIST] = {.name = "version_list", VIEWS, .result = "array of versions, the newest first", .help = "Lists the deployed versions."},
	[CONTROL_VERSION_PROMOTE] = {.name = "version_promote", OPERATES, FIELDS(version_rows), .result = "{version}", .help = "Makes a version the current one. Runs that have started keep theirs."},
	[CONTROL_VERSION_ROLLBACK] = {.name = "version_rollback", OPERATES, FIELDS(rollback_rows), .result = "{version}", .help = "The same for an earlier version."},
	[CONTROL_TOKEN_CREATE] = {.name = "token_create", OPERATES, FIELDS(token_create_rows), .is_new_work = true, .result = ID_RESULT, .help = "Makes a token, which may be completed once, and for which runs may wait."},
	[CONTROL_TOKEN_LIST] = {.name = "token_list", VIEWS, FIELDS(token_list_rows), .result = PAGE_RESULT, .help = "Lists tokens, the newest first, without their outputs."},
	[CONTROL_TOKEN_GET] = {.name = "token_get", VIEWS, FIELDS(token_get_rows), .result = "the token", .help = "Reads a token."},
	[CONTROL_TOKEN_COMPLETE] = {.name = "token_complete", OPERATES, FIELDS(token_complete_rows), .result = "{id}", .help = "Completes a token. One that is over stays as it is."},
	[CONTROL_CHECKPOINT_LIST] = {.name = "checkpoint_list", VIEWS, FIELDS(checkpoint_list_rows), .result = "array of {name, attempt, bytes, savedAt}", .help = "Lists a run's checkpoints."},
	[CONTROL_STATUS] = {.name = "status", VIEWS, FIELDS(status_rows), .result = "{version, ledger, queues, runs, …}: a run has live {cpuNs, memoryBytes, pids, sampledNs} while it lives", .help = "Says what the daemon is doing: what is taken of the host, what waits, what runs and what it uses."},
	[CONTROL_BACKUP] = {.name = "backup", OPERATES, .descriptors = 1, .result = "{bytes}", .help = "Copies the store, whole and while it is in use, into the file that comes as a descriptor."},
	[CONTROL_PRUNE] = {.name = "prune", OPERATES, FIELDS(prune_rows), .result = "{runs, checkpoints, tokens, batches, versions}: how many; a run's logs and files go with it, and the files of a version", .help = "Removes what has ended and is old."},
	[CONTROL_RELOAD] = {.name = "reload", OPERATES, .result = "null", .help = "Replaces the daemon's programs by those on disk. No run notices; connections close. Answered when it is certain that the launcher does it, before it is done."},
	[CONTROL_DRAIN] = {.name = "drain", OPERATES, .result = "{running}", .help = "Starts nothing more and refuses new work; what runs goes on."},
};
/* clang-format on */

enum control_op control_find(const char *name)
{
	for (enum control_op op = CONTROL_HELLO; op < CONTROL_OP_COUNT; op++)
		if (strcmp(control_operations[op].name, name) == 0)
			return op;
	return CONTROL_OP_COUNT;
}

const char *control_role_name(enum control_role role)
{
	static const char *const names[] = {
		[CONTROL_NOBODY] = "nobody",
		[CONTROL_VIEWER] = "viewer",
		[CONTROL_OPERATOR] = "operator",
	};

	return names[role];
}

const struct field_row *control_field(const struct control_operation *operation, size_t index)
{
	if (index < operation->field_count)
		return &operation->fields[index];
	index -= operation->field_count;
	return operation->shared && index < *operation->shared_count ? &operation->shared[index]
								     : NULL;
}

const struct field_row *control_field_find(const struct control_operation *operation,
					   const char *name)
{
	const struct field_row *row;

	for (size_t i = 0; (row = control_field(operation, i)); i++)
		if (strcmp(row->name, name) == 0)
			return row;
	return NULL;
}

/* Shared rows are optional where they stand beside rows of the operation's own. */
static bool is_required(const struct control_operation *operation, const struct field_row *row)
{
	bool is_shared =
		row < operation->fields || row >= operation->fields + operation->field_count;

	return row->required && (!is_shared || operation->field_count == 0);
}

int control_record_parse(const struct control_operation *operation, const json_t *object,
			 union control_record *record, struct berth_error *err)
{
	const struct field_row *row;
	char shown[48];
	const char *name;
	json_t *value;

	for (size_t i = 0; (row = control_field(operation, i)); i++) {
		if (is_required(operation, row) && !json_object_get(object, row->name))
			return berth_fail(err, BERTH_INVALID, 0, "%s: missing, it is required",
					  row->name);
		if (field_set_defaults(row, 1, record, err) < 0)
			return -1;
	}
	/* the iterator's own type is not const although it changes nothing */
	json_object_foreach ((json_t *)(uintptr_t)object, name, value) {
		row = control_field_find(operation, name);
		if (!row) {
			(void)text_sanitize(name, strlen(name), shown, sizeof(shown));
			return berth_fail(err, BERTH_INVALID, 0, "%s: unknown field", shown);
		}
		if (field_parse_member(row, 1, name, value, record, err) < 0)
			return -1;
	}
	return 0;
}

void control_record_finish(const struct control_operation *operation, union control_record *record)
{
	const struct field_row *row;

	for (size_t i = 0; (row = control_field(operation, i)); i++)
		field_finish(row, 1, record);
}
