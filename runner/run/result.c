/* SPDX-License-Identifier: Apache-2.0 */
/* Builds the result object; names are those of docs and of the API to come (camelCase). */
#include "runner/run/result.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/descriptor.h"
#include "base/json.h"
#include "base/text.h"

struct usage_row {
	const char *name;
	size_t offset; /* of a uint64_t in struct sandbox_usage */
	bool largest;  /* the total of several attempts is their largest, not their sum */
};

#define USAGE(member) offsetof(struct sandbox_usage, member)
static const struct usage_row usage_rows[] = {
	{"wallNs",          USAGE(wall_ns),           false},
	{"cpuNs",           USAGE(cpu_ns),            false},
	{"cpuUserNs",       USAGE(cpu_user_ns),       false},
	{"cpuSystemNs",     USAGE(cpu_system_ns),     false},
	{"throttledNs",     USAGE(throttled_ns),      false},
	{"memoryPeakBytes", USAGE(memory_peak_bytes), true },
	{"ioReadBytes",     USAGE(io_read_bytes),     false},
	{"ioWriteBytes",    USAGE(io_write_bytes),    false},
	{"pidsRefused",     USAGE(pids_refused),      false},
	{"oomKills",        USAGE(oom_kills),         false},
};

/* Takes value over; a member that cannot be made is left out, and the whole fails at its end. */
static void put(json_t *object, const char *key, json_t *value)
{
	(void)json_object_set_new(object, key, value);
}

/* Any bytes: file names and arguments need not be UTF-8. */
static json_t *string_of(const char *text)
{
	AUTO_FREE char *safe = NULL;
	size_t length;

	if (!text)
		return json_null();
	length = strlen(text);
	if (text_is_utf8(text, length))
		return json_stringn_nocheck(text, length);
	safe = malloc(length * 4 + 1);
	if (!safe)
		return NULL;
	return json_stringn(safe, text_sanitize(text, length, safe, length * 4 + 1));
}

static json_t *time_of(uint64_t realtime_ns)
{
	char text[CLOCK_RFC3339_SIZE];

	if (!realtime_ns)
		return json_null();
	clock_format_rfc3339(realtime_ns, text);
	return json_string(text);
}

static uint64_t usage_value(const struct sandbox_usage *usage, const struct usage_row *row)
{
	uint64_t value;

	memcpy(&value, (const char *)usage + row->offset, sizeof(value));
	return value;
}

static json_t *usage_number(uint64_t value)
{
	return value == SANDBOX_USAGE_UNKNOWN ? json_null() : json_integer((json_int_t)value);
}

static json_t *format_usage(const struct sandbox_usage *usage)
{
	json_t *object = json_object();

	for (size_t i = 0; i < sizeof(usage_rows) / sizeof(usage_rows[0]); i++)
		put(object, usage_rows[i].name, usage_number(usage_value(usage, &usage_rows[i])));
	return object;
}

static json_t *format_totals(const struct run_record *record)
{
	json_t *object = json_object();

	for (size_t i = 0; i < sizeof(usage_rows) / sizeof(usage_rows[0]); i++) {
		uint64_t total = record->attempt_count ? 0 : SANDBOX_USAGE_UNKNOWN;

		for (size_t j = 0; j < record->attempt_count; j++) {
			uint64_t value =
				usage_value(&record->attempts[j].sandbox.usage, &usage_rows[i]);

			if (value == SANDBOX_USAGE_UNKNOWN || total == SANDBOX_USAGE_UNKNOWN)
				total = SANDBOX_USAGE_UNKNOWN;
			else if (usage_rows[i].largest)
				total = value > total ? value : total;
			else
				total += value;
		}
		put(object, usage_rows[i].name, usage_number(total));
	}
	return object;
}

static json_t *format_attempt(const struct attempt_record *attempt)
{
	json_t *object = json_object();

	put(object, "number", json_integer(attempt->number));
	put(object, "id", json_string(attempt->id));
	put(object, "startedAt", time_of(attempt->started_ns));
	put(object, "endedAt", time_of(attempt->ended_ns));
	put(object, "outcome", json_string(outcome_rows[attempt->outcome].name));
	put(object, "reason", string_of(attempt->reason));
	put(object, "message", string_of(attempt->message));
	put(object, "exitCode", json_integer(attempt->exit_code));
	put(object, "signal",
	    attempt->sandbox.end == SANDBOX_SIGNALED ? json_integer(attempt->sandbox.code)
						     : json_null());
	put(object, "logBytes", json_integer((json_int_t)attempt->log_bytes));
	put(object, "usage", format_usage(&attempt->sandbox.usage));
	return object;
}

static json_t *format_attempts(const struct run_record *record)
{
	json_t *array = json_array();

	for (size_t i = 0; i < record->attempt_count; i++)
		(void)json_array_append_new(array, format_attempt(&record->attempts[i]));
	return array;
}

static json_t *format_error(const struct run_record *record)
{
	if (record->error.code != BERTH_NONE)
		return json_pack("{s:s,s:o}", "name", berth_code_name(record->error.code),
				 "message", string_of(record->error.message));
	if (record->fail.kind != RUN_FAIL_NONE)
		return json_pack("{s:o,s:o}", "name", string_of(record->fail.name), "message",
				 string_of(record->fail.message));
	return json_null();
}

static void put_protections(json_t *object, const struct run_record *record)
{
	json_t *enforced = json_array(), *not_enforced = json_array();

	for (size_t i = 0; record->has_protections && i < SANDBOX_PROTECTIONS; i++) {
		const struct sandbox_protection_row *row = &sandbox_protection_rows[i];
		const struct sandbox_protection_state *state = &record->protections[i];
		bool missing = state->status == SANDBOX_UNAVAILABLE;

		if (state->status == SANDBOX_ENFORCED)
			(void)json_array_append_new(enforced, json_string(row->name));
		else
			(void)json_array_append_new(
				not_enforced,
				json_pack("{s:s,s:s,s:o,s:s?}", "name", row->name, "why",
					  missing ? "unavailable" : "not requested", "detail",
					  string_of(state->detail), "remedy",
					  missing ? row->remedy : NULL));
	}
	put(object, "enforced", enforced);
	put(object, "notEnforced", not_enforced);
}

static json_t *format_collected(const struct run_record *record)
{
	const struct collector_report *report = &record->collected;
	json_t *refused = json_array();

	if (!record->has_collected) {
		json_decref(refused);
		return json_null();
	}
	for (size_t i = 0; i < report->refused_count && i < COLLECTOR_REFUSED_MAX; i++)
		(void)json_array_append_new(refused, json_pack("{s:o,s:s}", "path",
							       string_of(report->refused[i].path),
							       "why", report->refused[i].why));
	return json_pack("{s:I,s:I,s:I,s:I,s:o}", "files", (json_int_t)report->files, "directories",
			 (json_int_t)report->directories, "bytes", (json_int_t)report->bytes,
			 "refusedCount", (json_int_t)report->refused_count, "refused", refused);
}

static json_t *format_mounts(const struct run_plan *plan)
{
	json_t *array = json_array();

	for (size_t i = 0; i < plan->mount_count; i++) {
		const struct sandbox_mount *mount = &plan->mounts[i];

		if (mount->kind != SANDBOX_MOUNT_BIND || (mount->flags & SANDBOX_MOUNT_OPTIONAL))
			continue;
		(void)json_array_append_new(
			array, json_pack("{s:o,s:o,s:b}", "source", string_of(mount->source),
					 "target", string_of(mount->target), "writable",
					 (mount->flags & SANDBOX_MOUNT_WRITABLE) != 0));
	}
	return array;
}

static void put_plan(json_t *object, const struct run_plan *plan)
{
	json_t *command = json_array();

	for (size_t i = 0; i < plan->arguments.count; i++)
		(void)json_array_append_new(command, string_of(plan->arguments.items[i]));
	put(object, "id", string_of(plan->id));
	put(object, "name", string_of(plan->label));
	put(object, "task", string_of(plan->task ? plan->task->id : NULL));
	put(object, "command", command);
	put(object, "machine", string_of(plan->machine));
	put(object, "limits",
	    field_format_object(resource_limit_rows, resource_limit_row_count, &plan->limits));
	put(object, "image", string_of(plan->image.name));
	put(object, "network",
	    json_string(plan->options->network == SANDBOX_NETWORK_HOST ? "host" : "none"));
	put(object, "mounts", format_mounts(plan));
	put(object, "attemptsAllowed", json_integer(plan->attempts));
}

static const char *outcome_name(const struct run_record *record)
{
	if (record->error.code != BERTH_NONE || !record->attempt_count)
		return outcome_rows[OUTCOME_ERROR].name;
	return outcome_rows[record->attempts[record->attempt_count - 1].outcome].name;
}

static void put_end(json_t *object, const struct run_record *record)
{
	const struct attempt_record *last =
		record->attempt_count ? &record->attempts[record->attempt_count - 1] : NULL;
	bool failed = record->error.code != BERTH_NONE;

	put(object, "outcome", json_string(outcome_name(record)));
	put(object, "reason",
	    failed ? json_string("berth") : string_of(last ? last->reason : NULL));
	put(object, "message",
	    failed ? string_of(record->error.message) : string_of(last ? last->message : NULL));
	put(object, "exitCode", json_integer(record->exit_code));
	put(object, "startedAt", time_of(record->started_ns));
	put(object, "endedAt", time_of(record->ended_ns));
}

json_t *result_format(const struct run_plan *plan, const struct run_record *record)
{
	json_t *object = json_object(), *problems = json_array();

	put(object, "version", json_integer(1));
	if (plan)
		put_plan(object, plan);
	put_end(object, record);
	put(object, "attempts", format_attempts(record));
	put(object, "usage", format_totals(record));
	put(object, "output", record->output ? json_incref(record->output) : json_null());
	put(object, "outputFiles", format_collected(record));
	put(object, "metadata", record->metadata ? json_incref(record->metadata) : json_object());
	put(object, "error", format_error(record));
	for (size_t i = 0; i < record->channel_problems.count; i++)
		(void)json_array_append_new(problems, string_of(record->channel_problems.items[i]));
	put(object, "channelProblems", problems);
	put_protections(object, record);
	return object;
}

/* Something that is no file (a FIFO, /dev/stderr) cannot be renamed over. */
static int write_directly(const char *path, const char *text, struct berth_error *err)
{
	AUTO_CLOSE int fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "open %s", path);
	return descriptor_write_all(fd, text, strlen(text), err);
}

static int replace_file(const char *path, const char *text, struct berth_error *err)
{
	char directory[PATH_MAX], name[PATH_MAX];
	AUTO_CLOSE int fd = -1;

	if (strlen(path) >= sizeof(directory))
		return berth_fail(err, BERTH_INVALID, ENAMETOOLONG, "the path");
	(void)snprintf(directory, sizeof(directory), "%s", path);
	(void)snprintf(name, sizeof(name), "%s", path);
	fd = open(dirname(directory), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "open the directory of %s", path);
	return descriptor_replace_durable(fd, basename(name), text, strlen(text), err);
}

int result_write(const char *path, const json_t *result, struct berth_error *err)
{
	AUTO_FREE char *text = json_dumps(result, JSON_INDENT(2) | JSON_ENCODE_ANY);
	AUTO_FREE char *line = NULL;
	struct stat status;
	int written;

	if (!text || asprintf(&line, "%s\n", text) < 0)
		return berth_fail(err, BERTH_MEMORY, 0, "out of memory");
	if (stat(path, &status) == 0 && !S_ISREG(status.st_mode))
		written = write_directly(path, line, err);
	else
		written = replace_file(path, line, err);
	return written < 0 ? berth_fail_context(err, "--result %.100s", path) : 0;
}
