/* SPDX-License-Identifier: Apache-2.0 */
/* Values as shell scripts give them: key=value words, and data as text, from a file or stdin. */
#include "extensions/task/command/values.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/descriptor.h"
#include "base/json.h"
#include "base/text.h"
#include "extensions/task/protocol_table.h"

#define READ_BYTES 4096

/* A new reference, NULL when out of memory or not UTF-8. */
static json_t *value_from_text(const char *text)
{
	json_t *value = NULL;

	if (json_parse(text, strlen(text), &value, NULL) == 0 && !json_is_object(value) &&
	    !json_is_array(value))
		return value;
	json_decref(value);
	return json_string(text);
}

int values_parse_pairs(const char *const *words, size_t count, char **ret_object,
		       struct berth_error *err)
{
	AUTO_JSON json_t *object = json_object();
	char *text;

	for (size_t i = 0; object && i < count; i++) {
		const char *equals = strchr(words[i], '=');
		size_t length = equals ? (size_t)(equals - words[i]) : 0;

		if (length == 0)
			return berth_fail(err, BERTH_INVALID, 0, "\"%.64s\" is not key=value",
					  words[i]);
		if (json_object_setn_new(object, words[i], length, value_from_text(equals + 1)) < 0)
			return berth_fail(err, BERTH_INVALID, 0, "\"%.64s\" is not UTF-8 text",
					  words[i]);
	}
	text = object ? json_format_compact(object) : NULL;
	if (!text)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "read key=value words");
	*ret_object = text;
	return 0;
}

static int read_stdin(size_t max, char **ret_text, struct berth_error *err)
{
	AUTO_TEXT struct text text = {.limit = max};
	char buffer[READ_BYTES];
	ssize_t got;

	while ((got = read(STDIN_FILENO, buffer, sizeof(buffer))) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return berth_fail(err, BERTH_SYSTEM, errno, "read stdin");
		if (text_append(&text, buffer, (size_t)got, err) < 0)
			return berth_fail_context(err, "stdin");
	}
	*ret_text = text_steal(&text);
	if (!*ret_text)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "read stdin");
	return 0;
}

int values_read_data(const char *word, size_t max, char **ret_text, struct berth_error *err)
{
	size_t length;

	if (strcmp(word, "-") == 0)
		return read_stdin(max, ret_text, err);
	if (word[0] == '@')
		return descriptor_read_file(AT_FDCWD, word + 1, max, ret_text, &length, err);
	*ret_text = strdup(word);
	if (!*ret_text)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "read an argument");
	return 0;
}

int values_check_name(const char *option, const char *name, struct berth_error *err)
{
	if (protocol_request_name_is_valid(name))
		return 0;
	return berth_fail(err, BERTH_INVALID, 0,
			  "%s: only A-Z a-z 0-9 . _ - and no dot in front are allowed, at most %d",
			  option, PROTOCOL_NAME_MAX);
}
