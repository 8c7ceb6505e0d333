/* SPDX-License-Identifier: Apache-2.0 */
/* The task channel's messages as data: one row per message. */
#include "extensions/task/protocol_table.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
/* one line per row, whatever its length */
/* clang-format off */
#define ROW(owner, member, type_, min_, max_, default_, choices_, unit_, help_, required_)         \
	{                                                                                          \
		.name = #member, .type = (type_),                                                  \
		.offset = offsetof(struct protocol_##owner, member), .min = (min_), .max = (max_), \
		.default_text = (default_), .choices = (choices_), .unit = (unit_),                \
		.help = (help_), .required = (required_)                                           \
	}

const char *const protocol_levels[] = {"trace", "debug", "log", "info", "warn", "error", NULL};
const char *const protocol_failures[] = {"retryable", "permanent", NULL};
const char *const protocol_debounces[] = {"leading", "trailing", NULL};

static const struct field_row hello_fields[] = {
	ROW(hello, protocol, FIELD_INTEGER, PROTOCOL_VERSION_MIN, PROTOCOL_VERSION, NULL, NULL, "", "the protocol the client speaks", true),
	ROW(hello, sdk, FIELD_STRING, 0, 128, NULL, NULL, "", "the client's name and version", false),
	ROW(hello, payload, FIELD_BOOL, 0, 1, "true", NULL, "", "false leaves the payload out of the reply", false),
};
static const struct field_row hello_reply[] = {
	ROW(hello_reply, protocol, FIELD_INTEGER, PROTOCOL_VERSION_MIN, PROTOCOL_VERSION, NULL, NULL, "", "the protocol that was asked for", true),
	ROW(hello_reply, run, FIELD_STRING, 1, 64, NULL, NULL, "", "the run's identifier", true),
	ROW(hello_reply, attempt, FIELD_INTEGER, 1, 1000000, NULL, NULL, "", "which attempt this is, from 1", true),
	ROW(hello_reply, attempt_id, FIELD_STRING, 1, 64, NULL, NULL, "", "the attempt's identifier", true),
	ROW(hello_reply, task, FIELD_STRING, 0, 128, NULL, NULL, "", "the task's name; null for a plain command", false),
	ROW(hello_reply, payload, FIELD_JSON, 0, PROTOCOL_PAYLOAD_MAX, NULL, NULL, "bytes", "what the run was started with; null when nothing", false),
	ROW(hello_reply, inputs, FIELD_JSON, 0, 0, NULL, NULL, "", "array of paths of the input files, in the order given", true),
	ROW(hello_reply, output, FIELD_STRING, 0, 4096, NULL, NULL, "", "directory for output files; null when there is none", false),
	ROW(hello_reply, checkpoint, FIELD_STRING, 0, 4096, NULL, NULL, "", "directory whose files later attempts find again; null when there is none", false),
	{.name = "cpus", .type = FIELD_CPU_MILLIS, .offset = offsetof(struct protocol_hello_reply, cpu_millis), .max = 4096000, .unit = "CPUs", .help = "the run's share of the processors; 0 is unlimited"},
	ROW(hello_reply, memory_bytes, FIELD_BYTES, 0, 1e18, NULL, NULL, "bytes", "the run's memory limit; 0 is unlimited", false),
	ROW(hello_reply, cancelled, FIELD_BOOL, 0, 1, NULL, NULL, "", "true when the cancel event was sent before this connection was opened", true),
	ROW(hello_reply, queue, FIELD_STRING, 0, 128, NULL, NULL, "", "the run's queue; absent, as what follows, where there is none", false),
	ROW(hello_reply, concurrency_key, FIELD_STRING, 0, 256, NULL, NULL, "", "its concurrency key", false),
	ROW(hello_reply, version, FIELD_STRING, 0, 64, NULL, NULL, "", "the version of the task", false),
	ROW(hello_reply, parent, FIELD_STRING, 0, 64, NULL, NULL, "", "the run that triggered it", false),
	ROW(hello_reply, root, FIELD_STRING, 0, 64, NULL, NULL, "", "the run that the chain of parents began with", false),
	ROW(hello_reply, batch, FIELD_STRING, 0, 64, NULL, NULL, "", "the batch it belongs to", false),
	ROW(hello_reply, max_attempts, FIELD_INTEGER, 0, 1000000, NULL, NULL, "", "how many attempts the run may have", false),
};
static const struct field_row log_fields[] = {
	ROW(log, level, FIELD_ENUM, 0, 0, "info", protocol_levels, "", "how important it is", false),
	ROW(log, message, FIELD_STRING, 0, PROTOCOL_MESSAGE_MAX, NULL, NULL, "bytes", "the text", true),
	ROW(log, fields, FIELD_JSON, 0, PROTOCOL_FIELDS_MAX, NULL, NULL, "bytes", "an object of values that belong to it", false),
};
static const struct field_row progress_fields[] = {
	ROW(progress, percent, FIELD_NUMBER, 0, 100, NULL, NULL, "percent", "how much is done", false),
	ROW(progress, eta_s, FIELD_NUMBER, 0, 1e9, NULL, NULL, "seconds", "how long it will still take", false),
	ROW(progress, rate, FIELD_NUMBER, 0, 1e15, NULL, NULL, "rate_unit per second", "how fast it goes", false),
	ROW(progress, rate_unit, FIELD_STRING, 0, 32, NULL, NULL, "", "what rate counts, e.g. frames", false),
	ROW(progress, message, FIELD_STRING, 0, 256, NULL, NULL, "bytes", "what is being done", false),
};
static const struct field_row metadata_fields[] = {
	ROW(metadata, set, FIELD_JSON, 0, PROTOCOL_METADATA_MAX, NULL, NULL, "bytes", "an object whose members are merged into the run's metadata", true),
};
static const struct field_row checkpoint_fields[] = {
	ROW(checkpoint, name, FIELD_STRING, 1, PROTOCOL_CHECKPOINT_NAME_MAX, NULL, NULL, "bytes", "letters, digits, dot, underscore and hyphen, not starting with a dot", true),
	ROW(checkpoint, data, FIELD_JSON, 0, PROTOCOL_CHECKPOINT_MAX, NULL, NULL, "bytes", "any value", true),
};
static const struct field_row restore_fields[] = {
	ROW(restore, name, FIELD_STRING, 1, PROTOCOL_CHECKPOINT_NAME_MAX, NULL, NULL, "bytes", "the checkpoint's name", true),
};
static const struct field_row restore_reply[] = {
	ROW(restore_reply, found, FIELD_BOOL, 0, 1, NULL, NULL, "", "whether there is one", true),
	ROW(restore_reply, data, FIELD_JSON, 0, PROTOCOL_CHECKPOINT_MAX, NULL, NULL, "bytes", "the newest data saved under that name; absent when there is none", false),
};
static const struct field_row output_fields[] = {
	ROW(output, data, FIELD_JSON, 0, PROTOCOL_OUTPUT_MAX, NULL, NULL, "bytes", "any value", true),
};
static const struct field_row fail_fields[] = {
	ROW(fail, kind, FIELD_ENUM, 0, 0, "retryable", protocol_failures, "", "whether another attempt may succeed", false),
	ROW(fail, name, FIELD_STRING, 1, 64, NULL, NULL, "bytes", "a short word, e.g. InvalidInput", true),
	ROW(fail, message, FIELD_STRING, 0, 4096, NULL, NULL, "bytes", "a sentence for people", true),
	ROW(fail, retry_in_ms, FIELD_INTEGER, -1, PROTOCOL_FOREVER_MS, "-1", NULL, "milliseconds", "when the next attempt is to start, counted from now; -1 leaves it to the run's policy", false),
	ROW(fail, retry_at, FIELD_STRING, 0, 64, NULL, NULL, "", "the same as an RFC 3339 date; one of the two", false),
};
static const struct field_row usage_reply[] = {
	ROW(usage_reply, cpu_ns, FIELD_INTEGER, 0, 9e18, NULL, NULL, "nanoseconds", "CPU time used by this attempt", true),
	ROW(usage_reply, memory_bytes, FIELD_INTEGER, 0, 9e18, NULL, NULL, "bytes", "memory in use now", true),
	ROW(usage_reply, memory_peak_bytes, FIELD_INTEGER, 0, 9e18, NULL, NULL, "bytes", "most memory in use so far", true),
	ROW(usage_reply, pids, FIELD_INTEGER, 0, 9e18, NULL, NULL, "", "processes and threads now, the sandbox's process 1 among them; 0 when the host cannot tell", true),
};
/* ONCE: a request that makes something, and that may be said again after a broken connection. */
#define ONCE(owner) {.name = "once", .type = FIELD_STRING, .offset = offsetof(struct protocol_##owner, name), .min = 1, .max = PROTOCOL_NAME_MAX, .unit = "", .help = "the task's own name for this request: said again within the attempt it makes nothing new"}
#define NAMED_WAIT(owner) {.name = "wait", .type = FIELD_STRING, .offset = offsetof(struct protocol_##owner, name), .min = 1, .max = PROTOCOL_NAME_MAX, .unit = "", .help = "the task's own name for this wait, as a checkpoint's: said again within the attempt it is the same wait; made from connection and id when absent"}
/* What a trigger may ask for; runner/engine/engine_runs.h has the same names. */
#define TRIGGER_ROWS \
	ROW(trigger, task, FIELD_STRING, 1, 128, NULL, NULL, "", "the task's name", true), \
	ROW(trigger, payload, FIELD_JSON, 0, PROTOCOL_PAYLOAD_MAX, NULL, NULL, "bytes", "what the run is started with", false), \
	ROW(trigger, payload_type, FIELD_STRING, 1, 128, NULL, NULL, "", "the payload's media type; with one that is not application/json the payload is a text", false), \
	ROW(trigger, metadata, FIELD_JSON, 0, PROTOCOL_METADATA_MAX, NULL, NULL, "bytes", "an object, the run's first metadata", false), \
	ROW(trigger, tags, FIELD_JSON, 0, 4096, NULL, NULL, "bytes", "a text or an array of at most 10", false), \
	ROW(trigger, queue, FIELD_STRING, 1, 128, NULL, NULL, "", "a queue other than the task's own", false), \
	ROW(trigger, concurrency_key, FIELD_STRING, 1, 1024, NULL, NULL, "", "runs of one key share the queue's limit a key", false), \
	ROW(trigger, machine, FIELD_STRING, 1, 64, NULL, NULL, "", "a machine other than the task's own", false), \
	ROW(trigger, version, FIELD_STRING, 1, 64, NULL, NULL, "", "the version it is locked to", false), \
	ROW(trigger, idempotency_key, FIELD_STRING, 1, 2048, NULL, NULL, "", "a later trigger of the task with this key finds the run", false), \
	ROW(trigger, idempotency_ttl_ms, FIELD_INTEGER, -1, PROTOCOL_FOREVER_MS, "-1", NULL, "milliseconds", "how long the key is remembered; -1 is 30 days", false), \
	ROW(trigger, delay, FIELD_STRING, 1, 64, NULL, NULL, "", "when it may start: a duration as 1h30m, or an RFC 3339 date", false), \
	ROW(trigger, ttl_ms, FIELD_INTEGER, -1, PROTOCOL_FOREVER_MS, "-1", NULL, "milliseconds", "how long it may wait for its start; 0 is for ever, -1 the task's own", false), \
	ROW(trigger, priority, FIELD_INTEGER, -1, 315360000, "-1", NULL, "seconds", "how much earlier than others it is placed; -1 is not said", false), \
	ROW(trigger, max_attempts, FIELD_INTEGER, -1, 250, "-1", NULL, "", "how many attempts it may have; -1 is the task's own", false), \
	ROW(trigger, max_duration_ms, FIELD_INTEGER, -1, PROTOCOL_FOREVER_MS, "-1", NULL, "milliseconds", "how long it may run, waits not counted; -1 is the task's own", false), \
	ROW(trigger, debounce_key, FIELD_STRING, 1, 512, NULL, NULL, "", "triggers of one key within the delay make one run", false), \
	ROW(trigger, debounce_delay_ms, FIELD_INTEGER, -1, PROTOCOL_FOREVER_MS, "-1", NULL, "milliseconds", "how long it waits for others", false), \
	ROW(trigger, debounce_mode, FIELD_ENUM, 0, 0, "leading", protocol_debounces, "", "whose payload counts, the first's or the last's", false), \
	ROW(trigger, debounce_max_ms, FIELD_INTEGER, -1, PROTOCOL_FOREVER_MS, "-1", NULL, "milliseconds", "how long others may put it off", false), \
	ROW(trigger, is_test, FIELD_BOOL, 0, 1, "false", NULL, "", "marks it as a test", false)
#define BATCH_ROWS \
	ROW(batch, items, FIELD_JSON, 0, 0, NULL, NULL, "", "an array of 1 to 1000 objects with the fields of trigger but once", true), \
	ROW(batch, idempotency_key, FIELD_STRING, 1, 2048, NULL, NULL, "", "a later batch with this key finds this one", false), \
	ROW(batch, idempotency_ttl_ms, FIELD_INTEGER, -1, PROTOCOL_FOREVER_MS, "-1", NULL, "milliseconds", "how long the key is remembered; -1 is 30 days", false)

static const struct field_row wait_fields[] = {
	NAMED_WAIT(wait),
	ROW(wait, for_ms, FIELD_INTEGER, -1, PROTOCOL_FOREVER_MS, "-1", NULL, "milliseconds", "how long, counted from now", false),
	ROW(wait, until, FIELD_STRING, 1, 64, NULL, NULL, "", "an RFC 3339 date", false),
	ROW(wait, token, FIELD_JSON, 0, 0, NULL, NULL, "", "a token, or an array of tokens", false),
	ROW(wait, run, FIELD_JSON, 0, 0, NULL, NULL, "", "a run, or an array of runs", false),
	ROW(wait, batch, FIELD_STRING, 1, 64, NULL, NULL, "", "a batch", false),
};
static const struct field_row wait_reply[] = {
	ROW(wait_reply, results, FIELD_JSON, 0, 0, NULL, NULL, "", "array, see above", true),
};
static const struct field_row trigger_fields[] = {ONCE(trigger), TRIGGER_ROWS};
static const struct field_row trigger_and_wait_fields[] = {NAMED_WAIT(trigger), TRIGGER_ROWS};
const struct field_row protocol_item_rows[] = {TRIGGER_ROWS};
const size_t protocol_item_row_count = COUNT(protocol_item_rows);
static const struct field_row trigger_reply[] = {
	ROW(trigger_reply, run, FIELD_STRING, 1, 64, NULL, NULL, "", "the run's identifier", true),
	ROW(trigger_reply, cached, FIELD_BOOL, 0, 1, NULL, NULL, "", "true when a key found a run that was there; absent is false", false),
};
static const struct field_row batch_fields[] = {ONCE(batch), BATCH_ROWS};
static const struct field_row batch_and_wait_fields[] = {NAMED_WAIT(batch), BATCH_ROWS};
static const struct field_row batch_reply[] = {
	ROW(batch_reply, batch, FIELD_STRING, 1, 64, NULL, NULL, "", "the batch's identifier", true),
	ROW(batch_reply, runs, FIELD_JSON, 0, 0, NULL, NULL, "", "array in the order of the items: {\"run\":…}, or {\"error\":{\"code\":…,\"message\":…}} for one that was refused", true),
	ROW(batch_reply, cached, FIELD_BOOL, 0, 1, NULL, NULL, "", "true when the key found a batch that was there; absent is false", false),
};
static const struct field_row token_create_fields[] = {
	ONCE(token_create),
	ROW(token_create, timeout_ms, FIELD_INTEGER, 0, PROTOCOL_FOREVER_MS, NULL, NULL, "milliseconds", "after how long it is over without having been completed; 0 is never", false),
	ROW(token_create, idempotency_key, FIELD_STRING, 1, 2048, NULL, NULL, "", "a later request with this key finds this token", false),
	ROW(token_create, idempotency_ttl_ms, FIELD_INTEGER, -1, PROTOCOL_FOREVER_MS, "-1", NULL, "milliseconds", "how long the key is remembered; -1 is 30 days", false),
	ROW(token_create, tags, FIELD_JSON, 0, 4096, NULL, NULL, "bytes", "a text or an array of at most 10", false),
};
static const struct field_row token_create_reply[] = {
	ROW(token_create_reply, token, FIELD_STRING, 1, 64, NULL, NULL, "", "the token's identifier", true),
	ROW(token_create_reply, cached, FIELD_BOOL, 0, 1, NULL, NULL, "", "true when the key found a token that was there; absent is false", false),
};
static const struct field_row token_complete_fields[] = {
	ROW(token_complete, token, FIELD_STRING, 1, 64, NULL, NULL, "", "the token's identifier", true),
	ROW(token_complete, output, FIELD_JSON, 0, PROTOCOL_OUTPUT_MAX, NULL, NULL, "bytes", "what those who wait for it are given; null when absent", false),
};
static const struct field_row run_get_fields[] = {
	ROW(run_get, run, FIELD_STRING, 1, 64, NULL, NULL, "", "the run's identifier", true),
};
static const struct field_row run_get_reply[] = {
	ROW(run_get_reply, run, FIELD_STRING, 1, 64, NULL, NULL, "", "the run's identifier", true),
	ROW(run_get_reply, task, FIELD_STRING, 0, 128, NULL, NULL, "", "the task's name", true),
	ROW(run_get_reply, status, FIELD_STRING, 1, 32, NULL, NULL, "", "QUEUED, EXECUTING, COMPLETED and so on", true),
	ROW(run_get_reply, final, FIELD_BOOL, 0, 1, NULL, NULL, "", "whether the run has ended", true),
	ROW(run_get_reply, output, FIELD_JSON, 0, 0, NULL, NULL, "", "its output; absent when there is none", false),
	ROW(run_get_reply, error, FIELD_JSON, 0, 0, NULL, NULL, "", "why it failed; absent when it did not", false),
};
static const struct field_row cancel_fields[] = {
	ROW(cancel, reason, FIELD_STRING, 0, 64, NULL, NULL, "", "signal or timeout", true),
	ROW(cancel, grace_ms, FIELD_INTEGER, 0, 1e12, NULL, NULL, "milliseconds", "how long the task has before it is killed", true),
};

const struct protocol_message protocol_messages[PROTOCOL_OP_COUNT] = {
	[PROTOCOL_HELLO] = {"hello", PROTOCOL_FROM_TASK, hello_fields, COUNT(hello_fields), hello_reply, COUNT(hello_reply), "Opens a connection: the first request on each. The reply says what the run is.", false},
	[PROTOCOL_LOG] = {"log", PROTOCOL_FROM_TASK, log_fields, COUNT(log_fields), NULL, 0, "Writes one line to the run's log. Its bytes count towards the run's log volume.", false},
	[PROTOCOL_PROGRESS] = {"progress", PROTOCOL_FROM_TASK, progress_fields, COUNT(progress_fields), NULL, 0, "Says how far the task is. Only the newest counts; up to 10 a second are useful.", false},
	[PROTOCOL_METADATA] = {"metadata", PROTOCOL_FROM_TASK, metadata_fields, COUNT(metadata_fields), NULL, 0, "Merges members into the run's metadata; a null member removes it. The merged object is at most 256 KiB.", false},
	[PROTOCOL_CHECKPOINT] = {"checkpoint", PROTOCOL_FROM_TASK, checkpoint_fields, COUNT(checkpoint_fields), NULL, 0, "Saves a checkpoint. The reply comes after it is durable: this and later attempts find it with `restore`.", false},
	[PROTOCOL_RESTORE] = {"restore", PROTOCOL_FROM_TASK, restore_fields, COUNT(restore_fields), restore_reply, COUNT(restore_reply), "Reads a checkpoint back.", false},
	[PROTOCOL_OUTPUT] = {"output", PROTOCOL_FROM_TASK, output_fields, COUNT(output_fields), NULL, 0, "Sets the run's output; the last one counts.", false},
	[PROTOCOL_FAIL] = {"fail", PROTOCOL_FROM_TASK, fail_fields, COUNT(fail_fields), NULL, 0, "Records why the attempt fails. The program should then end, with status 75 for retryable and 65 for permanent.", false},
	[PROTOCOL_USAGE] = {"usage", PROTOCOL_FROM_TASK, NULL, 0, usage_reply, COUNT(usage_reply), "Reads what the attempt has used so far.", false},
	[PROTOCOL_WAIT] = {"wait", PROTOCOL_FROM_TASK, wait_fields, COUNT(wait_fields), wait_reply, COUNT(wait_reply), "Waits until everything named is over; at least one of the fields behind `wait` is needed, and an id. While it waits the run holds no place in its queue, and its processes are frozen after five seconds when nothing else of it is at work.", true},
	[PROTOCOL_TRIGGER] = {"trigger", PROTOCOL_FROM_TASK, trigger_fields, COUNT(trigger_fields), trigger_reply, COUNT(trigger_reply), "Starts a run of a task, a child of this one. The reply comes after it is durable.", false},
	[PROTOCOL_TRIGGER_AND_WAIT] = {"trigger_and_wait", PROTOCOL_FROM_TASK, trigger_and_wait_fields, COUNT(trigger_and_wait_fields), wait_reply, COUNT(wait_reply), "The same, and waits for it: both or neither. The results are those of `wait`: one.", true},
	[PROTOCOL_BATCH] = {"batch", PROTOCOL_FROM_TASK, batch_fields, COUNT(batch_fields), batch_reply, COUNT(batch_reply), "Starts many runs at once. An item that is refused does not keep the others from starting.", false},
	[PROTOCOL_BATCH_AND_WAIT] = {"batch_and_wait", PROTOCOL_FROM_TASK, batch_and_wait_fields, COUNT(batch_and_wait_fields), wait_reply, COUNT(wait_reply), "The same, and waits for all of them. The results are those of `wait`: one, the batch, whose output is an array of results, one an item and in their order.", true},
	[PROTOCOL_TOKEN_CREATE] = {"token_create", PROTOCOL_FROM_TASK, token_create_fields, COUNT(token_create_fields), token_create_reply, COUNT(token_create_reply), "Makes a token, which anyone may complete once, and for which any run may wait.", false},
	[PROTOCOL_TOKEN_COMPLETE] = {"token_complete", PROTOCOL_FROM_TASK, token_complete_fields, COUNT(token_complete_fields), NULL, 0, "Completes a token. One that is over stays as it is.", false},
	[PROTOCOL_RUN_GET] = {"run_get", PROTOCOL_FROM_TASK, run_get_fields, COUNT(run_get_fields), run_get_reply, COUNT(run_get_reply), "Reads how a run is doing.", false},
	[PROTOCOL_CANCEL] = {"cancel", PROTOCOL_TO_TASK, cancel_fields, COUNT(cancel_fields), NULL, 0, "Asks the task to save a checkpoint and end. The signal that comes with it, SIGTERM, SIGINT or SIGHUP, says the same.", false},
};

const struct protocol_error_row protocol_errors[] = {
	{"invalid", "a field is unknown, missing, of the wrong type or out of bounds, or the op is unknown"},
	{"limit", "a named limit was exceeded"},
	{"not_found", "the named thing does not exist, or the op is not offered to this run"},
	{"protocol", "the line is not what this page describes; the connection is closed"},
	{"stale", "the message names an attempt that is over"},
	{"system", "berth could not do it; trying again may help"},
	{NULL, NULL},
};
/* clang-format on */

static bool name_is_valid(const char *name, size_t max)
{
	size_t length = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				     "0123456789._-");

	return length > 0 && length <= max && name[length] == '\0' && name[0] != '.';
}

enum protocol_op protocol_find(enum protocol_direction direction, const char *name)
{
	for (enum protocol_op op = PROTOCOL_HELLO; op < PROTOCOL_OP_COUNT; op++)
		if (protocol_messages[op].direction == direction &&
		    strcmp(protocol_messages[op].name, name) == 0)
			return op;
	return PROTOCOL_OP_COUNT;
}

bool protocol_checkpoint_name_is_valid(const char *name)
{
	return name_is_valid(name, PROTOCOL_CHECKPOINT_NAME_MAX);
}

bool protocol_request_name_is_valid(const char *name)
{
	return name_is_valid(name, PROTOCOL_NAME_MAX);
}
