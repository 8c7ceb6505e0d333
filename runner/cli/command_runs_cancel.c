/* SPDX-License-Identifier: Apache-2.0 */
/* berth runs cancel. */
#include "base/json.h"
#include "runner/cli/client_bulk.h"
#include "runner/cli/client_commands.h"
#include "runner/cli/client_verb.h"

static const struct option_row rows[] = {RUNS_FILTER_ROWS};

/* the first field, the action, is the verb's to say */
const struct option_table command_runs_cancel_options = {
	.rows = rows,
	.count = sizeof(rows) / sizeof(rows[0]),
	.operation = &control_operations[CONTROL_BULK],
	.words = 1,
	.operation_offset = offsetof(struct runs_options, fields),
};

static const struct client_verb cancel_one = {
	.op = CONTROL_RUN_CANCEL, .shape = CLIENT_SAID, .said = "cancelled", .subject = "id"};

int command_runs_cancel(void *record, const struct option_arguments *arguments)
{
	struct runs_options *options = record;
	const struct string_list *runs = &arguments->words;
	AUTO_JSON json_t *fields = NULL;
	struct berth_error err;

	fields = runs_fields(&command_runs_cancel_options, options, &err);
	if (!fields || client_bulk_check(fields, runs, &err) < 0)
		return client_complain_usage(&err, "see: berth runs cancel --help");
	if (runs->count != 1)
		return client_bulk_ask(&options->client, "cancel", fields, runs);
	if (json_object_set_new(fields, "run", json_string(runs->items[0])) < 0)
		return client_complain_run(runs->items[0]);
	return client_verb_ask(&cancel_one, &options->client, fields);
}
