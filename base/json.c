/* SPDX-License-Identifier: Apache-2.0 */
/* JSON from outside: bounded in size and depth, duplicate keys refused; and writing it. */
#include "base/json.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/descriptor.h"
#include "base/text.h"

#define REASON_SIZE 200

/* Why and where a text was refused. */
struct refusal {
	enum berth_code code;
	size_t line,
		column; /* from 1; columns count bytes in the pre-scan, characters in jansson */
	char reason[REASON_SIZE];
};

static void refuse_at(struct refusal *refusal, const char *text, size_t position, const char *why)
{
	refusal->code = BERTH_INVALID;
	refusal->line = 1;
	refusal->column = 1;
	for (size_t i = 0; i < position; i++) {
		refusal->column++;
		if (text[i] == '\n') {
			refusal->line++;
			refusal->column = 1;
		}
	}
	(void)text_sanitize(why, strlen(why), refusal->reason, sizeof(refusal->reason));
}

/* Bounds what jansson would build, before it builds anything: its own recursion limit is 2048, and
 * an empty object of two bytes costs it about 250. Between tokens it skips NUL bytes; here they
 * are refused. */
static bool scan_bounds(const char *text, size_t length, struct refusal *refusal)
{
	const char *nul = length > 0 ? memchr(text, '\0', length) : NULL;
	size_t depth = 0, values = 1;
	bool in_string = false;

	if (nul) {
		refuse_at(refusal, text, (size_t)(nul - text), "NUL byte");
		return false;
	}
	for (size_t i = 0; i < length; i++) {
		char c = text[i];

		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
			continue;
		}
		in_string = c == '"';
		if (c == '[' || c == '{') {
			depth++;
			values++;
		} else if (c == ',') {
			values++;
		} else if ((c == ']' || c == '}') && depth > 0) {
			depth--;
		}
		if (depth > JSON_DEPTH_MAX) {
			refuse_at(refusal, text, i, "nested too deeply");
			return false;
		}
		if (values > JSON_VALUES_MAX) {
			refuse_at(refusal, text, i, "too many values");
			return false;
		}
	}
	return true;
}

static void refuse_as_jansson(struct refusal *refusal, const json_error_t *error)
{
	refusal->code =
		json_error_code(error) == json_error_out_of_memory ? BERTH_MEMORY : BERTH_INVALID;
	refusal->line = error->line > 0 ? (size_t)error->line : 1;
	refusal->column = error->column > 0 ? (size_t)error->column : 1;
	(void)text_sanitize(error->text, strnlen(error->text, sizeof(error->text)), refusal->reason,
			    sizeof(refusal->reason));
}

static json_t *parse(const char *text, size_t length, struct refusal *refusal)
{
	json_error_t error;
	json_t *value;

	if (!scan_bounds(text, length, refusal))
		return NULL;
	value = json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	if (!value)
		refuse_as_jansson(refusal, &error);
	return value;
}

int json_parse(const char *text, size_t length, json_t **ret_value, struct berth_error *err)
{
	struct refusal refusal;
	json_t *value = parse(text, length, &refusal);

	if (!value)
		return berth_fail(err, refusal.code, 0, "line %zu, column %zu: %s", refusal.line,
				  refusal.column, refusal.reason);
	*ret_value = value;
	return 0;
}

int json_parse_file(int dirfd, const char *path, size_t max, json_t **ret_value, char **ret_source,
		    struct berth_error *err)
{
	AUTO_FREE char *source = NULL;
	struct refusal refusal;
	size_t length;
	json_t *value;

	if (descriptor_read_file(dirfd, path, max, &source, &length, err) < 0)
		return -1;
	value = parse(source, length, &refusal);
	if (!value)
		return berth_fail(err, refusal.code, 0, "%s:%zu: column %zu: %s", path,
				  refusal.line, refusal.column, refusal.reason);
	*ret_value = value;
	if (ret_source)
		*ret_source = steal_ptr(&source);
	return 0;
}

static const char *skip_space(const char *at)
{
	return at + strspn(at, " \t\r\n,:");
}

/* Past the string that starts at the quote; at the NUL when it does not end. */
static const char *skip_string(const char *at)
{
	for (at++; *at && *at != '"'; at++)
		if (*at == '\\' && at[1])
			at++;
	return *at ? at + 1 : at;
}

/* Past one value of any kind. */
static const char *skip_value(const char *at)
{
	size_t depth = 0;

	do {
		if (*at == '"') {
			at = skip_string(at);
			continue;
		}
		if (*at == '{' || *at == '[')
			depth++;
		else if ((*at == '}' || *at == ']') && depth > 0)
			depth--;
		else if (depth == 0)
			return at + strcspn(at, ",]} \t\r\n");
		at++;
	} while (*at && depth > 0);
	return at;
}

static bool is_key(const char *quoted, const char *key)
{
	size_t length = strlen(key);

	return strncmp(quoted + 1, key, length) == 0 && quoted[1 + length] == '"';
}

/* In the object or array at `at`: the member's start (its key, or the element), and its value. */
static const char *find_member(const char *at, const char *key, const char **ret_value)
{
	bool is_object = *at == '{';
	unsigned long index = 0;
	const char *member;
	char *end;

	if (!is_object && *at != '[')
		return NULL;
	if (!is_object) {
		errno = 0;
		index = strtoul(key, &end, 10);
		if (errno || end == key || *end)
			return NULL;
	}
	for (at = skip_space(at + 1); *at && *at != '}' && *at != ']'; at = skip_space(at)) {
		member = at;
		if (is_object) {
			if (*at != '"')
				return NULL;
			at = skip_space(skip_string(at));
		}
		if (is_object ? is_key(member, key) : index-- == 0) {
			*ret_value = at;
			return member;
		}
		at = skip_value(at);
		if (at == member)
			return NULL;
	}
	return NULL;
}

size_t json_line_of(const char *source, const char *const *keys, size_t count)
{
	const char *value = skip_space(source), *member = value;
	size_t line = 1;

	for (size_t i = 0; i < count; i++) {
		member = find_member(value, keys[i], &value);
		if (!member)
			return 0;
	}
	for (const char *at = source; at < member; at++)
		line += *at == '\n';
	return line;
}

char *json_format_compact(const json_t *value)
{
	return json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
}
