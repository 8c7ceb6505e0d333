/* SPDX-License-Identifier: Apache-2.0 */
/* A log record of the daemon as a line for people. */
#include "runner/cli/client_log.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "runner/cli/client.h"
#include "runner/log/log_format.h"

static enum log_source source_of(const char *name)
{
	enum log_source source = LOG_STDOUT;

	while (source < LOG_TASK && strcmp(log_source_name(source), name) != 0)
		source++;
	return strcmp(log_source_name(LOG_BERTH), name) == 0 ? LOG_BERTH : source;
}

static enum protocol_level level_of(const char *name)
{
	for (size_t i = 0; protocol_levels[i]; i++)
		if (strcmp(protocol_levels[i], name) == 0)
			return (enum protocol_level)i;
	return PROTOCOL_PLAIN;
}

int client_log_format(const json_t *record, bool colours, struct text *text,
		      struct berth_error *err)
{
	const json_t *fields = json_object_get(record, "fields");
	AUTO_FREE char *fields_text = fields ? json_format_compact(fields) : NULL;
	const char *message = client_text(record, "message");
	struct log_record parsed = {
		.source = source_of(client_text(record, "source")),
		.level = level_of(client_text(record, "level")),
		.flags = json_is_true(json_object_get(record, "partial")) ? LOG_PARTIAL : 0,
		.text = message,
		.length = strlen(message),
		.fields = fields_text,
		.fields_length = fields_text ? strlen(fields_text) : 0,
	};

	/* without a date it is shown as of 1970 */
	(void)clock_parse_rfc3339(client_text(record, "time"), &parsed.time_ns, NULL);
	return log_format_text(&parsed, colours, text, err);
}
