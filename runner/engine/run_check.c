/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a trigger is within its bounds: whoever calls, nothing larger is stored. */
#include "runner/engine/run_check.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/text.h"

struct text_row {
	const char *name;
	size_t offset;
	size_t max; /* bytes; at least 1 is wanted of all but the payload */
	bool may_be_empty;
};

#define AT(member) offsetof(struct run_trigger, member)

static const struct text_row text_rows[] = {
	{"payload",         AT(payload),          RUN_PAYLOAD_MAX,         true },
	{"payloadType",     AT(payload_type),     RUN_PAYLOAD_TYPE_MAX,    false},
	{"concurrencyKey",  AT(concurrency_key),  RUN_CONCURRENCY_KEY_MAX, false},
	{"idempotencyKey",  AT(idempotency_key),  RUN_KEY_MAX,             false},
	{"outputDirectory", AT(output_directory), RUN_PATH_MAX,            false},
	{"debounceKey",     AT(debounce_key),     RUN_DEBOUNCE_KEY_MAX,    false},
};

struct time_row {
	const char *name;
	size_t offset;
};

static const struct time_row time_rows[] = {
	{"idempotencyKeyTTL", AT(idempotency_ttl_ms)},
        {"ttl",               AT(ttl_ms)            },
	{"maxDuration",       AT(max_duration_ms)   },
        {"debounceDelay",     AT(debounce_delay_ms) },
	{"debounceMaxDelay",  AT(debounce_max_ms)   },
};

static int check_text(const struct text_row *row, const char *text, struct berth_error *err)
{
	size_t length = text ? strlen(text) : 0;

	if (!text)
		return 0;
	if (length > row->max)
		return berth_fail(err, BERTH_LIMIT, 0, "%s: %zu bytes, at most %zu are allowed",
				  row->name, length, row->max);
	if (length == 0 && !row->may_be_empty)
		return berth_fail(err, BERTH_INVALID, 0, "%s: empty", row->name);
	if (!text_is_utf8(text, length))
		return berth_fail(err, BERTH_INVALID, 0, "%s: not UTF-8", row->name);
	return 0;
}

static int check_texts(const struct run_trigger *request, struct berth_error *err)
{
	const char *record = (const char *)request;

	for (size_t i = 0; i < sizeof(text_rows) / sizeof(text_rows[0]); i++) {
		const char *text;

		memcpy(&text, record + text_rows[i].offset, sizeof(text));
		if (check_text(&text_rows[i], text, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < sizeof(time_rows) / sizeof(time_rows[0]); i++) {
		uint64_t time_ms;

		memcpy(&time_ms, record + time_rows[i].offset, sizeof(time_ms));
		if (time_ms > RUN_TIME_MAX_MS)
			return berth_fail(err, BERTH_LIMIT, 0, "%s: at most ten years",
					  time_rows[i].name);
	}
	return 0;
}

static int check_numbers(const struct run_trigger *request, struct berth_error *err)
{
	if (request->max_attempts < 0 || request->max_attempts > RUN_ATTEMPTS_LIMIT)
		return berth_fail(err, BERTH_LIMIT, 0, "maxAttempts: %lld, 1 to %d are allowed",
				  (long long)request->max_attempts, RUN_ATTEMPTS_LIMIT);
	if (request->priority < -RUN_PRIORITY_MAX || request->priority > RUN_PRIORITY_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "priority: %lld, at most %d either way",
				  (long long)request->priority, RUN_PRIORITY_MAX);
	return 0;
}

static int check_debounce(const struct run_trigger *request, struct berth_error *err)
{
	if (request->debounce_mode == RUN_DEBOUNCE_NONE)
		return 0;
	if (!request->debounce_key)
		return berth_fail(err, BERTH_INVALID, 0, "debounceKey: a debounce needs one");
	if (request->debounce_delay_ms < RUN_DEBOUNCE_MIN_MS)
		return berth_fail(err, BERTH_INVALID, 0, "debounceDelay: at least 1 s");
	if (request->debounce_max_ms && request->debounce_delay_ms >= request->debounce_max_ms)
		return berth_fail(err, BERTH_INVALID, 0,
				  "debounceDelay: not less than debounceMaxDelay");
	return 0;
}

static size_t count_characters(const char *text)
{
	size_t count = 0;

	for (; *text; text++)
		count += ((unsigned char)*text & 0xc0) != 0x80;
	return count;
}

static int check_tag(const json_t *tag, struct berth_error *err)
{
	const char *text = json_string_value(tag);
	size_t count = text ? count_characters(text) : 0;

	if (count < 1 || count > RUN_TAG_MAX || strlen(text) != json_string_length(tag))
		return berth_fail(err, BERTH_INVALID, 0,
				  "tags: each is a text of 1 to %d characters", RUN_TAG_MAX);
	return 0;
}

int run_check_tags(const json_t *tags, struct berth_error *err)
{
	json_t *tag;
	size_t index;

	if (!tags)
		return 0;
	if (json_is_string(tags))
		return check_tag(tags, err);
	if (!json_is_array(tags))
		return berth_fail(err, BERTH_INVALID, 0, "tags: neither texts nor a text");
	if (json_array_size(tags) > RUN_TAGS_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "tags: %zu, at most %d are allowed",
				  json_array_size(tags), RUN_TAGS_MAX);
	json_array_foreach (tags, index, tag)
		if (check_tag(tag, err) < 0)
			return -1;
	return 0;
}

/* What is named is what is opened: no step of the path is to be thought through first. */
static bool is_plain_path(const char *path)
{
	if (path[0] != '/')
		return false;
	while (*path) {
		size_t length = strcspn(++path, "/");

		if (length == 0 || (length == 1 && path[0] == '.') ||
		    (length == 2 && path[0] == '.' && path[1] == '.'))
			return false;
		path += length;
	}
	return true;
}

static int check_path(const char *name, const char *path, size_t length, struct berth_error *err)
{
	if (length > RUN_PATH_MAX)
		return berth_fail(err, BERTH_LIMIT, 0,
				  "%s: a path of %zu bytes, at most %d are allowed", name, length,
				  RUN_PATH_MAX);
	if (strlen(path) != length || !is_plain_path(path))
		return berth_fail(err, BERTH_INVALID, 0,
				  "%s: \"%.100s\" is not an absolute path without //, /./ and /../",
				  name, path);
	return 0;
}

static int check_files(const struct run_trigger *request, struct berth_error *err)
{
	const char *directory = request->output_directory;
	json_t *input;
	size_t index;

	if (directory && check_path("outputDirectory", directory, strlen(directory), err) < 0)
		return -1;
	if (!request->inputs)
		return 0;
	if (!json_is_array(request->inputs))
		return berth_fail(err, BERTH_INVALID, 0, "inputs: not an array of paths");
	if (json_array_size(request->inputs) > RUN_INPUTS_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "inputs: %zu, at most %d are allowed",
				  json_array_size(request->inputs), RUN_INPUTS_MAX);
	json_array_foreach (request->inputs, index, input) {
		if (!json_is_string(input))
			return berth_fail(err, BERTH_INVALID, 0, "inputs: number %zu is no text",
					  index);
		if (check_path("inputs", json_string_value(input), json_string_length(input), err) <
		    0)
			return -1;
	}
	return 0;
}

int run_check(const struct run_trigger *request, struct berth_error *err)
{
	if (!request->task)
		return berth_fail(err, BERTH_INVALID, 0, "task: not given");
	if (request->metadata && !json_is_object(request->metadata))
		return berth_fail(err, BERTH_INVALID, 0, "metadata: not an object");
	if (check_texts(request, err) < 0 || check_numbers(request, err) < 0 ||
	    check_debounce(request, err) < 0 || check_files(request, err) < 0)
		return -1;
	return run_check_tags(request->tags, err);
}
