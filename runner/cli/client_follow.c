/* SPDX-License-Identifier: Apache-2.0 */
/* Following a run to its end. */
#include "runner/cli/client_follow.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/amount.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "runner/cli/client_exit_table.h"
#include "runner/cli/client_log.h"
#include "runner/cli/client_progress.h"
#include "runner/cli/command_table.h"
#include "runner/run/terminal.h"

#define STATUS_SIZE 32
#define REASON_SIZE 1024

struct follow {
	const struct client_follow_options *options;
	struct control_client *client;
	int64_t attempt, position; /* where the log goes on */
	char status[STATUS_SIZE];  /* of the run, as last told */
	struct client_progress progress;
	bool is_broken; /* nobody reads stdout any more */
};

static int print_record(struct follow *follow, const json_t *record, struct berth_error *err)
{
	AUTO_TEXT struct text line = {0};
	bool is_output = strcmp(client_text(record, "source"), "stdout") == 0;
	FILE *stream = follow->options->is_apart && !is_output ? stderr : stdout;

	if (follow->options->is_apart && is_output) {
		if (text_append_format(&line, err, "%s%s", client_text(record, "message"),
				       json_object_get(record, "partial") ? "" : "\n") < 0)
			return -1;
	} else if (client_log_format(record, terminal_wants_colours(fileno(stream)), &line, err) <
		   0) {
		return -1;
	}
	(void)fwrite(line.data ?: "", 1, line.length, stream);
	return 0;
}

static int take_log(struct follow *follow, const json_t *event, const json_t *record,
		    struct berth_error *err)
{
	follow->attempt = json_integer_value(json_object_get(event, "attempt"));
	follow->position = json_integer_value(json_object_get(record, "position"));
	if (follow->options->client->json)
		return 0;
	client_progress_hide(&follow->progress);
	if (print_record(follow, record, err) < 0)
		return -1;
	follow->is_broken = fflush(stdout) != 0; /* before the bar, which is on stderr */
	client_progress_show(&follow->progress);
	return 0;
}

/* "FAILED after 3.2 s: the reason", as far as it is known. */
static void print_run(const struct follow *follow, const json_t *run)
{
	const char *why = client_text(json_object_get(run, "error"), "message");
	json_int_t took_ms = json_integer_value(json_object_get(run, "durationMs"));
	bool has_ended = client_exit_of_run(follow->status) >= 0;
	char took[AMOUNT_TEXT_SIZE], safe[REASON_SIZE];

	(void)text_sanitize(why, strlen(why), safe, sizeof(safe));
	(void)fprintf(stderr, "%s: %s", follow->options->run, follow->status);
	if (has_ended && took_ms > 0)
		(void)fprintf(stderr, " after %s",
			      amount_format_duration_ns((uint64_t)took_ms * CLOCK_NS_PER_MS, took));
	(void)fprintf(stderr, "%s%s\n", has_ended && *safe ? ": " : "", has_ended ? safe : "");
}

static void take_run(struct follow *follow, const json_t *run)
{
	const char *status = client_text(run, "status");
	char before[STATUS_SIZE];

	memcpy(before, follow->status, sizeof(before));
	(void)text_sanitize(status, strlen(status), follow->status, sizeof(follow->status));
	if (follow->options->client->json || strcmp(before, follow->status) == 0)
		return;
	client_progress_hide(&follow->progress);
	print_run(follow, run);
	client_progress_show(&follow->progress);
}

static int take_event(struct follow *follow, const json_t *event, struct berth_error *err)
{
	const json_t *record = json_object_get(event, "log");
	const json_t *progress = json_object_get(event, "progress");
	const json_t *run = json_object_get(event, "run");
	AUTO_FREE char *line = NULL;

	if (follow->options->client->json) {
		line = json_format_compact(event);
		if (!line)
			return berth_fail(err, BERTH_MEMORY, 0, "out of memory");
		(void)puts(line);
	} else if (json_is_object(progress)) {
		client_progress_take(&follow->progress, progress);
	}
	if (run)
		take_run(follow, run);
	if (record && take_log(follow, event, record, err) < 0)
		return -1;
	follow->is_broken |= fflush(stdout) != 0;
	return 0;
}

/* Tells events until the run has ended. 0, or -1: refused, or broken off. */
static int listen(struct follow *follow, struct berth_error *err)
{
	AUTO_JSON json_t *fields =
		json_pack("{s:s, s:I, s:I}", "run", follow->options->run, "attempt",
			  (json_int_t)follow->attempt, "position", (json_int_t)follow->position);
	int status;

	if (control_client_send(follow->client, CONTROL_RUN_FOLLOW, fields, NULL, 0, err) < 0)
		return -1;
	do {
		AUTO_JSON json_t *value = NULL;

		status = control_client_receive(follow->client, &value, err);
		if (status == 0)
			take_run(follow, value);
		else if (status == CONTROL_CLIENT_EVENT && take_event(follow, value, err) < 0)
			return -1;
	} while (status == CONTROL_CLIENT_EVENT && !follow->is_broken);
	return status < 0 ? -1 : 0;
}

static int follow_run(struct follow *follow)
{
	struct berth_error err = {0};
	int status;

	if (control_client_open(follow->options->client->socket, &follow->client, &err) < 0)
		return client_complain(NULL, CONTROL_RUN_FOLLOW, &err);
	while (listen(follow, &err) < 0) {
		client_progress_hide(&follow->progress);
		if (!client_is_broken_off(follow->client, &err))
			return client_complain(follow->client, CONTROL_RUN_FOLLOW, &err);
		if (client_open_again(follow->options->client, &follow->client, &err) < 0)
			return client_complain(NULL, CONTROL_RUN_FOLLOW, &err);
	}
	client_progress_hide(&follow->progress);
	status = follow->is_broken ? EXIT_BERTH : client_exit_of_run(follow->status);
	return status < 0 ? EXIT_BERTH : status;
}

int client_follow(const struct client_follow_options *options)
{
	struct follow follow = {
		.options = options,
		.attempt = options->attempt,
		.position = options->position,
		.progress.is_live = !options->client->json && terminal_is(STDERR_FILENO),
	};
	int status = follow_run(&follow);

	control_client_close(follow.client);
	return status;
}
