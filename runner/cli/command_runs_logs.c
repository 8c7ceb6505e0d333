/* SPDX-License-Identifier: Apache-2.0 */
/* berth runs logs. */
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "runner/cli/client_commands.h"
#include "runner/cli/client_date.h"
#include "runner/cli/client_follow.h"
#include "runner/cli/client_snapshot.h"
#include "runner/log/log_format.h"
#include "runner/log/log_reader.h"
#include "runner/run/terminal.h"

#define PRINT_BYTES ((size_t)64 * 1024) /* at once */

/* clang-format off */
static const struct option_row rows[] = {
	{.field = {.name = "follow", .type = FIELD_BOOL, .offset = offsetof(struct runs_logs_options, follow), .help = "go on until the run has ended, and end with its outcome"}, .letter = 'f'},
	{.field = {.name = "since", .type = FIELD_STRING, .offset = offsetof(struct runs_logs_options, since), .min = 1, .max = 64, .help = "from then on: so long ago as 2h, or an RFC 3339 date"}, .value = "AGO|DATE"},
	{.field = {.name = "tail", .type = FIELD_INTEGER, .offset = offsetof(struct runs_logs_options, tail), .min = 0, .max = 1e9, .help = "only the last N records of what is there"}, .letter = 'n', .value = "N"},
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
	uint64_t since_ns; /* 0: not given */
	uint64_t limit;    /* records; 0: all */
	int64_t attempt, position;
	struct text text; /* formatted, not yet printed */
};

static int open_log(struct reading *reading, struct control_client *client,
		    struct client_snapshot *ret_snapshot, struct berth_error *err)
{
	if (client_snapshot_open(client, reading->options->fields.record.run_logs.run,
				 reading->attempt, ret_snapshot, err) < 0)
		return -1;
	reading->attempt = ret_snapshot->attempt;
	return 0;
}

static int seek(const struct reading *reading, struct log_reader *reader, struct berth_error *err)
{
	if (reading->since_ns)
		return log_reader_seek_time(reader, reading->since_ns, err);
	if (reading->options->tail)
		return log_reader_seek_tail(reader, (uint64_t)reading->options->tail, err);
	log_reader_seek(reader, (uint64_t)reading->position);
	return 0;
}

/* 1: nobody reads stdout any more. */
static int print(struct reading *reading)
{
	size_t length = reading->text.length;
	bool is_done = fwrite(reading->text.data ?: "", 1, length, stdout) == length &&
		       fflush(stdout) == 0;

	reading->text.length = 0;
	return is_done ? 0 : 1;
}

static int format(struct reading *reading, const struct log_record *record, bool colours,
		  struct berth_error *err)
{
	if (reading->options->client.json)
		return log_format_json(record, &reading->text, err);
	return log_format_text(record, colours, &reading->text, err);
}

static int print_records(struct reading *reading, struct log_reader *reader,
			 struct berth_error *err)
{
	bool colours = terminal_wants_colours(STDOUT_FILENO);
	struct log_record record;
	uint64_t count = 0;
	int status = seek(reading, reader, err);

	while (status == 0 && (reading->limit == 0 || count++ < reading->limit)) {
		status = log_reader_next(reader, &record, err);
		if (status == 0 && format(reading, &record, colours, err) < 0)
			status = -1;
		if (status == 0 && reading->text.length >= PRINT_BYTES)
			status = print(reading);
	}
	(void)print(reading);
	reading->position = (int64_t)log_reader_position(reader);
	return status < 0 ? -1 : 0;
}

static int read_from(struct reading *reading, struct control_client *client,
		     struct berth_error *err)
{
	struct client_snapshot snapshot;
	struct log_reader *reader;
	int status;

	if (open_log(reading, client, &snapshot, err) < 0)
		return -1;
	if (log_reader_create_from(&snapshot.files, snapshot.run, snapshot.attempt, &reader, err) <
	    0)
		return -1;
	status = print_records(reading, reader, err);
	log_reader_destroy(reader);
	return status;
}

static int read_log(struct reading *reading)
{
	struct control_client *client = NULL;
	struct berth_error err = {0};
	int status = EXIT_DONE;

	if (control_client_open(reading->options->client.socket, &client, &err) < 0)
		return client_complain(NULL, CONTROL_RUN_LOG_OPEN, &err);
	if (read_from(reading, client, &err) < 0)
		status = client_complain(client, CONTROL_RUN_LOG_OPEN, &err);
	text_finish(&reading->text);
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
	reading->since_ns = date_ms * CLOCK_NS_PER_MS;
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
	if (json_object_get(fields, "limit"))
		reading.limit = (uint64_t)given->limit;
	reading.attempt = given->attempt;
	reading.position = given->position;
	if (add_since(&reading, &err) < 0)
		return client_complain_usage(&err, NULL);
	/* what is followed from its beginning need not be read before */
	if (!options->follow || options->since || options->tail)
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
