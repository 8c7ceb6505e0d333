/* SPDX-License-Identifier: Apache-2.0 */
/* Values of requests that come from the command line, a file or stdin. */
#include "runner/cli/client_input.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/descriptor.h"
#include "base/json.h"
#include "base/text.h"
#include "runner/engine/engine_runs.h"
#include "runner/run/given_text.h"

static int fail_memory(struct berth_error *err)
{
	return berth_fail(err, BERTH_MEMORY, 0, "out of memory");
}

static int set(json_t *request, const char *name, json_t *value, struct berth_error *err)
{
	return json_object_set_new(request, name, value) < 0 ? fail_memory(err) : 0;
}

static int read_json(const char *given, size_t max, json_t **ret_value, char **ret_text,
		     struct berth_error *err)
{
	size_t length;

	if (given_text_read(given, STDIN_FILENO, max, ret_text, &length, err) < 0)
		return -1;
	return json_parse(*ret_text, length, ret_value, err);
}

int client_input_add_json(json_t *request, const char *name, const char *given, size_t max,
			  struct berth_error *err)
{
	AUTO_FREE char *text = NULL;
	json_t *value;

	if (!given)
		return 0;
	if (read_json(given, max, &value, &text, err) < 0)
		return berth_fail_context(err, "--%s", name);
	return set(request, name, value, err);
}

int client_input_add_payload(json_t *request, const char *given, const char *type,
			     struct berth_error *err)
{
	AUTO_JSON json_t *value = NULL;
	AUTO_FREE char *text = NULL;
	size_t length;
	int status;

	if (!given)
		return 0;
	if (!type || strcmp(type, "application/json") == 0) {
		status = read_json(given, RUN_PAYLOAD_MAX, &value, &text, err);
	} else {
		status = given_text_read(given, STDIN_FILENO, RUN_PAYLOAD_MAX, &text, &length, err);
		if (status == 0 && !text_is_utf8(text, length))
			status = berth_fail(err, BERTH_INVALID, 0, "not UTF-8 text");
	}
	if (status < 0)
		return berth_fail_context(err, "--payload");
	return set(request, "payload", json_string(text), err);
}

int client_input_add_texts(json_t *request, const char *name, const struct string_list *texts,
			   struct berth_error *err)
{
	json_t *array;

	if (texts->count == 0)
		return 0;
	array = json_array();
	if (set(request, name, array, err) < 0)
		return -1;
	for (size_t i = 0; i < texts->count; i++)
		if (json_array_append_new(array, json_string(texts->items[i])) < 0)
			return berth_fail(err, BERTH_INVALID, 0, "--%s: not UTF-8 text", name);
	return 0;
}

static int read_lines(const char *text, json_t *items, struct berth_error *err)
{
	for (size_t line = 1; *text; line++) {
		size_t length = strcspn(text, "\n");
		json_t *item;

		if (strspn(text, " \t\r") < length) {
			if (json_parse(text, length, &item, err) < 0)
				return berth_fail_context(err, "item in line %zu", line);
			if (json_array_append_new(items, item) < 0)
				return fail_memory(err);
		}
		text += length + (text[length] == '\n');
	}
	return 0;
}

int client_input_read_items(const char *path, size_t max, json_t **ret_items,
			    struct berth_error *err)
{
	AUTO_JSON json_t *items = json_array();
	AUTO_FREE char *text = NULL;
	size_t length;
	int status;

	if (strcmp(path, "-") == 0)
		status = given_text_read_stream(STDIN_FILENO, max, &text, &length, err);
	else
		status = descriptor_read_file(AT_FDCWD, path, max, &text, &length, err);
	if (status < 0)
		return -1;
	if (text[strspn(text, " \t\r\n")] == '[') {
		if (json_parse(text, length, ret_items, err) < 0)
			return berth_fail_context(err, "%s", path);
		return 0;
	}
	if (!items)
		return fail_memory(err);
	if (strlen(text) != length)
		return berth_fail(err, BERTH_INVALID, 0, "%s: not text", path);
	if (read_lines(text, items, err) < 0)
		return berth_fail_context(err, "%s", path);
	*ret_items = steal_ptr(&items);
	return 0;
}
