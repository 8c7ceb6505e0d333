/* SPDX-License-Identifier: Apache-2.0 */
/* berth top. */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "runner/cli/client_commands.h"
#include "runner/cli/client_screen.h"
#include "runner/cli/client_status.h"
#include "runner/cli/listing.h"
#include "runner/run/terminal.h"

#define SAMPLE_NS   (300 * CLOCK_NS_PER_MS) /* between the two samples of a single shot */
#define HEAD_LINES  14                      /* above the runs, at most */
#define MINUTE_MS   60000.0
#define RUNS_FEWEST 5

/* clang-format off */
static const struct option_row rows[] = {
	{.field = {.name = "interval", .type = FIELD_DURATION_MS, .offset = offsetof(struct top_options, interval_ms), .min = 200, .max = MINUTE_MS, .default_text = "1s", .help = "how often the screen is drawn"}},
	{.field = {.name = "once", .type = FIELD_BOOL, .offset = offsetof(struct top_options, once), .help = "print it once, as where stdout is no terminal"}},
	CLIENT_OPTION_ROWS(top_options, client),
};
/* clang-format on */

const struct option_table command_top_options = {
	.rows = rows,
	.count = sizeof(rows) / sizeof(rows[0]),
	.operation = &control_operations[CONTROL_STATUS],
	.operation_offset = offsetof(struct top_options, fields),
};

struct top {
	const struct top_options *options;
	struct control_client *client;
	json_t *status, *before;
};

static int take_sample(struct top *top, json_t *fields, struct berth_error *err)
{
	json_t *status;

	while (control_client_call(top->client, CONTROL_STATUS, fields, &status, err) < 0) {
		if (!client_is_broken_off(top->client, err) ||
		    client_open_again(&top->options->client, &top->client, err) < 0)
			return -1;
	}
	json_decref(top->before);
	top->before = top->status;
	top->status = status;
	return 0;
}

static int print(const struct top *top, struct berth_error *err)
{
	if (client_status_print(top->status, err) < 0)
		return -1;
	return client_status_print_runs(top->status, top->before, err);
}

/* As many runs as fit, unless the user said how many. */
static int fit_runs(json_t *fields, bool is_given, struct berth_error *err)
{
	size_t height = client_screen_height();
	size_t runs = height > HEAD_LINES + RUNS_FEWEST ? height - HEAD_LINES : RUNS_FEWEST;

	if (is_given)
		return 0;
	if (json_object_set_new(fields, "runs", json_integer((json_int_t)runs)) < 0)
		return berth_fail(err, BERTH_MEMORY, 0, "out of memory");
	return 0;
}

static int draw(struct top *top, json_t *fields, struct berth_error *err)
{
	bool is_given = json_object_get(fields, "runs") != NULL;
	struct client_screen screen;
	int status;

	if (client_screen_begin(&screen, err) < 0)
		return -1;
	do {
		status = fit_runs(fields, is_given, err);
		if (status == 0)
			status = take_sample(top, fields, err);
		if (status == 0) {
			client_screen_clear();
			status = print(top, err);
		}
	} while (status == 0 && !client_screen_wait(&screen, top->options->interval_ms));
	client_screen_end(&screen);
	return status;
}

static int print_once(struct top *top, json_t *fields, struct berth_error *err)
{
	const struct timespec pause = {.tv_nsec = SAMPLE_NS};

	if (take_sample(top, fields, err) < 0)
		return -1;
	if (top->options->client.json)
		return listing_print_json(json_incref(top->status)) == EXIT_DONE ? 0 : -1;
	if (json_array_size(json_object_get(top->status, "runs")) > 0) {
		(void)nanosleep(&pause, NULL);
		if (take_sample(top, fields, err) < 0)
			return -1;
	}
	return print(top, err);
}

int command_top(void *record, const struct option_arguments *arguments)
{
	const struct top_options *options = record;
	AUTO_JSON json_t *fields = client_fields(&command_top_options, record);
	struct top top = {.options = options};
	struct berth_error err = {0};
	bool is_live = terminal_is(STDOUT_FILENO) && !options->once && !options->client.json;
	int status = EXIT_DONE;

	(void)arguments;
	if (!fields)
		return client_complain_memory();
	if (control_client_open(options->client.socket, &top.client, &err) < 0)
		return client_complain(NULL, CONTROL_STATUS, &err);
	if ((is_live ? draw(&top, fields, &err) : print_once(&top, fields, &err)) < 0)
		status = client_complain(top.client, CONTROL_STATUS, &err);
	control_client_close(top.client);
	json_decref(top.status);
	json_decref(top.before);
	return status;
}
