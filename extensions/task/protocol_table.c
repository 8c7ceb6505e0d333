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

static const struct field_row hello_fields[] = {
	ROW(hello, protocol, FIELD_INTEGER, PROTOCOL_VERSION, PROTOCOL_VERSION, NULL, NULL, "", "the protocol the client speaks", true),
	ROW(hello, sdk, FIELD_STRING, 0, 128, NULL, NULL, "", "the client's name and version", false),
	ROW(hello, payload, FIELD_BOOL, 0, 1, "true", NULL, "", "false leaves the payload out of the reply", false),
};
static const struct field_row hello_reply[] = {
	ROW(hello_reply, protocol, FIELD_INTEGER, PROTOCOL_VERSION, PROTOCOL_VERSION, NULL, NULL, "", "the protocol berth speaks", true),
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
};
static const struct field_row usage_reply[] = {
	ROW(usage_reply, cpu_ns, FIELD_INTEGER, 0, 9e18, NULL, NULL, "nanoseconds", "CPU time used by this attempt", true),
	ROW(usage_reply, memory_bytes, FIELD_INTEGER, 0, 9e18, NULL, NULL, "bytes", "memory in use now", true),
	ROW(usage_reply, memory_peak_bytes, FIELD_INTEGER, 0, 9e18, NULL, NULL, "bytes", "most memory in use so far", true),
	ROW(usage_reply, pids, FIELD_INTEGER, 0, 9e18, NULL, NULL, "", "processes and threads now, the sandbox's process 1 among them; 0 when the host cannot tell", true),
};
static const struct field_row cancel_fields[] = {
	ROW(cancel, reason, FIELD_STRING, 0, 64, NULL, NULL, "", "signal or timeout", true),
	ROW(cancel, grace_ms, FIELD_INTEGER, 0, 1e12, NULL, NULL, "milliseconds", "how long the task has before it is killed", true),
};

const struct protocol_message protocol_messages[PROTOCOL_OP_COUNT] = {
	[PROTOCOL_HELLO] = {"hello", PROTOCOL_FROM_TASK, hello_fields, COUNT(hello_fields), hello_reply, COUNT(hello_reply), "Opens a connection: the first request on each. The reply says what the run is."},
	[PROTOCOL_LOG] = {"log", PROTOCOL_FROM_TASK, log_fields, COUNT(log_fields), NULL, 0, "Writes one line to the run's log. Its bytes count towards the run's log volume."},
	[PROTOCOL_PROGRESS] = {"progress", PROTOCOL_FROM_TASK, progress_fields, COUNT(progress_fields), NULL, 0, "Says how far the task is. Only the newest counts; up to 10 a second are useful."},
	[PROTOCOL_METADATA] = {"metadata", PROTOCOL_FROM_TASK, metadata_fields, COUNT(metadata_fields), NULL, 0, "Merges members into the run's metadata; a null member removes it. The merged object is at most 256 KiB."},
	[PROTOCOL_CHECKPOINT] = {"checkpoint", PROTOCOL_FROM_TASK, checkpoint_fields, COUNT(checkpoint_fields), NULL, 0, "Saves a checkpoint. The reply comes after it is durable: this and later attempts find it with `restore`."},
	[PROTOCOL_RESTORE] = {"restore", PROTOCOL_FROM_TASK, restore_fields, COUNT(restore_fields), restore_reply, COUNT(restore_reply), "Reads a checkpoint back."},
	[PROTOCOL_OUTPUT] = {"output", PROTOCOL_FROM_TASK, output_fields, COUNT(output_fields), NULL, 0, "Sets the run's output; the last one counts."},
	[PROTOCOL_FAIL] = {"fail", PROTOCOL_FROM_TASK, fail_fields, COUNT(fail_fields), NULL, 0, "Records why the attempt fails. The program should then end, with status 75 for retryable and 65 for permanent."},
	[PROTOCOL_USAGE] = {"usage", PROTOCOL_FROM_TASK, NULL, 0, usage_reply, COUNT(usage_reply), "Reads what the attempt has used so far."},
	[PROTOCOL_CANCEL] = {"cancel", PROTOCOL_TO_TASK, cancel_fields, COUNT(cancel_fields), NULL, 0, "Asks the task to save a checkpoint and end. The signal that comes with it, SIGTERM, SIGINT or SIGHUP, says the same."},
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
	size_t length = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				     "0123456789._-");

	return length > 0 && length <= PROTOCOL_CHECKPOINT_NAME_MAX && name[length] == '\0' &&
	       name[0] != '.';
}
