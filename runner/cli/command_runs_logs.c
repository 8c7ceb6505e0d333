/* SPDX-License-Identifier: Apache-2.0 */
/* berth runs logs. */
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/text.h"
#include "runner/cli/client_commands.h"
#include "runner/cli/client_date.h"
#include "runner/cli/client_follow.h"
#include "runner/cli/client_log.h"
#include "runner/run/terminal.h"

/* clang-format off */
static const struct option_row rows[] = {
	{.field = {.name = "follow", .type = FIELD_BOOL, .offset = offsetof(struct runs_logs_options, follow), .help = "go on until the run has ended, and end with its outcome"}, .letter = 'f'},
	{.field = {.name = "since", .type = FIELD_STRING, .offset = offsetof(struct runs_logs_options, since), .min = 1, .max = 64, .help = "from then on: so long ago as 2h, or an RFC 3339 date"}, .value = "AGO|DATE"},
	CLIENT_OPTION_ROWS(runs_logs_options, client),
};
/* clang-format on */

const struct option_table command_runs_logs_options = {
	.rows = rows,
	.count = sizeof(rows) / sizeof(rows[0]),
	.operation = &control_operations[CONTROL_RUN_LOGS],
	.words = 1,
	.operation_offset = offsetof(struct runs_logs_options, fields),
};

struct reading {
	const struct runs_logs_options *options;
	json_t *fields; /* of the next request */
	int64_t attempt, position;
};

static int print_records(const struct reading *reading, const json_t *records,
			 struct berth_error *err)
{
	bool colours = terminal_wants_colours(STDOUT_FILENO);
	const json_t *record;
	size_t i;

	json_array_foreach (records, i, record) {
		AUTO_TEXT struct text line = {0};
		AUTO_FREE char *json = NULL;

		if (!reading->options->client.json) {
			if (client_log_format(record, colours, &line, err) < 0)
				return -1;
			(void)fwrite(line.data ?: "", 1, line.length, stdout);
			continue;
		}
		json = json_format_compact(record);
		if (!json)
			return berth_fail(err, BERTH_MEMORY, 0, "out of memory");
		(void)puts(json);
	}
	return 0;
}

/* 1: that was the last part. */
static int take_part(struct reading *reading, const json_t *part, struct berth_error *err)
{
	const json_t *records = json_object_get(part, "records");

	if (print_records(reading, records, err) < 0)
		return -1;
	reading->attempt = json_integer_value(json_object_get(part, "attempt"));
	reading->position = json_integer_value(json_object_get(part, "position"));
	(void)json_object_del(reading->fields, "since");
	if (json_object_set_new(reading->fields, "attempt", json_integer(reading->attempt)) < 0 ||
	    json_object_set_new(reading->fields, "position", json_integer(reading->position)) < 0)
		return berth_fail(err, BERTH_MEMORY, 0, "out of memory");
	return json_array_size(records) == 0 || json_is_true(json_object_get(part, "isEnd")) ||
	       json_object_get(reading->fields, "limit") || fflush(stdout) != 0;
}

static int read_parts(struct reading *reading, struct control_client *client,
		      struct berth_error *err)
{
	int status;

	do {
		AUTO_JSON json_t *part = NULL;

		if (control_client_call(client, CONTROL_RUN_LOGS, reading->fields, &part, err) < 0)
			return -1;
		status = take_part(reading, part, err);
	} while (status == 0);
	return status < 0 ? -1 : 0;
}

static int read_log(struct reading *reading)
{
	struct control_client *client = NULL;
	struct berth_error err = {0};
	int status = EXIT_DONE;

	if (control_client_open(reading->options->client.socket, &client, &err) < 0)
		return client_complain(NULL, CONTROL_RUN_LOGS, &err);
	if (read_parts(reading, client, &err) < 0)
		status = client_complain(client, CONTROL_RUN_LOGS, &err);
	control_client_close(client);
	return status;
}

static int add_since(struct reading *reading, struct berth_error *err)
{
	uint64_t date_ms;

	if (!reading->options->since)
		return 0;
	if (client_date_parse(reading->options->since, &date_ms, err) < 0)
		return berth_fail_context(err, "option --since");
	if (json_object_set_new(reading->fields, "since", json_integer((json_int_t)date_ms)) < 0)
		return berth_fail(err, BERTH_MEMORY, 0, "out of memory");
	return 0;
}

int command_runs_logs(void *record, const struct option_arguments *arguments)
{
	const struct runs_logs_options *options = record;
	const struct control_run_logs *given = &options->fields.record.run_logs;
	AUTO_JSON json_t *fields = NULL;
	struct reading reading = {.options = options};
	struct berth_error err;
	int status = EXIT_DONE;

	if (client_take_words(&command_runs_logs_options, arguments, record, &err) < 0)
		return client_complain_usage(&err, "list runs with: berth runs list");
	fields = client_fields(&command_runs_logs_options, record);
	if (!fields)
		return client_complain_memory();
	reading.fields = fields;
	reading.attempt = given->attempt;
	reading.position = given->position;
	if (add_since(&reading, &err) < 0)
		return client_complain_usage(&err, NULL);
	/* what is followed from its beginning need not be read before */
	if (!options->follow || options->since)
		status = read_log(&reading);
	if (!options->follow || status != EXIT_DONE)
		return status;
	return client_follow(&(struct client_follow_options){
		.client = &options->client,
		.run = given->run,
		.attempt = reading.attempt,
		.position = reading.position,
	});
}
