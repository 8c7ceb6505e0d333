/* SPDX-License-Identifier: Apache-2.0 */
/* Shows a record to people and to programs. */
#include "runner/log/log_format.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"

#define TIME_SIZE 16
#define ESCAPED   4 /* "\xHH" */

struct label_row {
	const char *text;
	const char *colour;
};

static const char *const source_names[LOG_SOURCES] = {
	[LOG_STDOUT] = "stdout",
	[LOG_STDERR] = "stderr",
	[LOG_TASK] = "log",
	[LOG_BERTH] = "berth",
};

/* What a line begins with; messages have their level instead. */
static const struct label_row source_rows[LOG_SOURCES] = {
	[LOG_STDOUT] = {"out  ", "\033[2m" },
	[LOG_STDERR] = {"err  ", "\033[2m" },
	[LOG_TASK] = {"",      ""        },
	[LOG_BERTH] = {"berth", "\033[35m"},
};

static const struct label_row level_rows[] = {
	[PROTOCOL_TRACE] = {"TRACE", "\033[2m" },
          [PROTOCOL_DEBUG] = {"DEBUG", "\033[2m" },
	[PROTOCOL_PLAIN] = {"LOG  ", ""        },
          [PROTOCOL_INFO] = {"INFO ", "\033[36m"},
	[PROTOCOL_WARN] = {"WARN ", "\033[33m"},
          [PROTOCOL_ERROR] = {"ERROR", "\033[31m"},
};

struct flag_row {
	enum log_record_flags flag;
	const char *name;
};

static const struct flag_row flag_rows[] = {
	{LOG_PARTIAL,   "partial"  },
	{LOG_CUT,       "cut"      },
	{LOG_RECOVERED, "recovered"},
	{LOG_DAMAGED,   "damaged"  },
};

const char *log_source_name(enum log_source source)
{
	return source < LOG_SOURCES ? source_names[source] : "log";
}

static int fail_memory(struct berth_error *err)
{
	return berth_fail(err, BERTH_MEMORY, 0, "out of memory");
}

/* A copy that is safe to print; NULL when out of memory. */
static char *sanitize(const char *data, size_t length, size_t *ret_length)
{
	size_t size = length * ESCAPED + 1;
	char *safe = malloc(size);

	if (safe)
		*ret_length = text_sanitize(data, length, safe, size);
	return safe;
}

/* A JSON string of bytes that may be anything; what JSON can say itself is left to it. */
static json_t *string_of(const char *data, size_t length)
{
	AUTO_FREE char *safe = NULL;

	if (text_is_utf8(data, length))
		return json_stringn_nocheck(data, length);
	safe = sanitize(data, length, &length);
	return safe ? json_stringn(safe, length) : NULL;
}

/* The fields; they were an object when they were recorded, and the disk may have changed them. */
static json_t *fields_of(const struct log_record *record)
{
	json_t *fields = NULL;

	if (json_parse(record->fields, record->fields_length, &fields, NULL) == 0)
		return fields;
	return string_of(record->fields, record->fields_length);
}

int log_format_json(const struct log_record *record, struct text *text, struct berth_error *err)
{
	char time_text[CLOCK_RFC3339_SIZE];
	AUTO_JSON json_t *object = NULL;
	AUTO_FREE char *line = NULL;

	clock_format_rfc3339(record->time_ns, time_text);
	object = json_pack("{s:s,s:s,s:s,s:o}", "time", time_text, "source",
			   log_source_name(record->source), "level", protocol_levels[record->level],
			   "message", string_of(record->text, record->length));
	if (!object)
		return fail_memory(err);
	if (record->fields && json_object_set_new(object, "fields", fields_of(record)) < 0)
		return fail_memory(err);
	for (size_t i = 0; i < sizeof(flag_rows) / sizeof(flag_rows[0]); i++)
		if ((record->flags & flag_rows[i].flag) &&
		    json_object_set_new(object, flag_rows[i].name, json_true()) < 0)
			return fail_memory(err);
	if (json_object_set_new(object, "position", json_integer((json_int_t)record->position)) < 0)
		return fail_memory(err);
	line = json_format_compact(object);
	if (!line)
		return fail_memory(err);
	if (text_append_string(text, line, err) < 0)
		return -1;
	return text_append(text, "\n", 1, err);
}

static int append_safe(struct text *text, const char *data, size_t length, struct berth_error *err)
{
	AUTO_FREE char *safe = sanitize(data, length, &length);

	return safe ? text_append(text, safe, length, err) : fail_memory(err);
}

static int append_fields(const struct log_record *record, struct text *text,
			 struct berth_error *err)
{
	AUTO_JSON json_t *fields = fields_of(record);
	const char *key;
	json_t *value;

	json_object_foreach (fields, key, value) {
		AUTO_FREE char *shown = NULL;

		shown = json_is_string(value) && !strpbrk(json_string_value(value), " \"=")
				? strdup(json_string_value(value))
				: json_format_compact(value);
		if (!shown)
			return fail_memory(err);
		if (text_append(text, " ", 1, err) < 0 ||
		    append_safe(text, key, strlen(key), err) < 0 ||
		    text_append(text, "=", 1, err) < 0 ||
		    append_safe(text, shown, strlen(shown), err) < 0)
			return -1;
	}
	return 0;
}

int log_format_text(const struct log_record *record, bool colours, struct text *text,
		    struct berth_error *err)
{
	const struct label_row *label = record->source == LOG_TASK ? &level_rows[record->level]
								   : &source_rows[record->source];
	const char *start = colours ? label->colour : "", *end = *start ? "\033[0m" : "";
	time_t seconds = (time_t)(record->time_ns / CLOCK_NS_PER_S);
	size_t length = record->length;
	char clock[TIME_SIZE] = "";
	struct tm local;

	if (localtime_r(&seconds, &local))
		(void)strftime(clock, sizeof(clock), "%H:%M:%S", &local);
	if (length > 0 && record->text[length - 1] == '\r') /* of a terminal's line */
		length--;
	if (text_append_format(text, err, "%s %s%s%s ", clock, start, label->text, end) < 0 ||
	    append_safe(text, record->text, length, err) < 0)
		return -1;
	if ((record->flags & LOG_PARTIAL) && text_append_string(text, "…", err) < 0)
		return -1;
	if (record->fields && append_fields(record, text, err) < 0)
		return -1;
	return text_append(text, "\n", 1, err);
}
