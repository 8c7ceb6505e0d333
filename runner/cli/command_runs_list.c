/* SPDX-License-Identifier: Apache-2.0 */
/* berth runs list. */
#include "base/json.h"
#include "runner/cli/client_commands.h"
#include "runner/cli/client_verb.h"

static const struct option_row rows[] = {RUNS_FILTER_ROWS};

const struct option_table command_runs_list_options = {
	.rows = rows,
	.count = sizeof(rows) / sizeof(rows[0]),
	.operation = &control_operations[CONTROL_RUN_LIST],
	.operation_offset = offsetof(struct runs_options, fields),
};

static const struct column_row columns[] = {
	{"RUN",      "id",             COLUMN_TEXT},
	{"STATUS",   "status",         COLUMN_TEXT},
	{"TASK",     "taskIdentifier", COLUMN_TEXT},
	{"VERSION",  "version",        COLUMN_TEXT},
	{"QUEUE",    "queue",          COLUMN_TEXT},
	{"ATTEMPTS", "attemptCount",   COLUMN_TEXT},
	{"CREATED",  "createdAt",      COLUMN_DATE},
	{"TOOK",     "durationMs",     COLUMN_MS  },
	{"TAGS",     "tags",           COLUMN_TEXT},
	{NULL,       NULL,             COLUMN_TEXT},
};

static const struct client_verb verb = {
	.op = CONTROL_RUN_LIST,
	.options = &command_runs_list_options,
	.shape = CLIENT_PAGE,
	.columns = columns,
	.said = "runs",
};

int command_runs_list(void *record, const struct option_arguments *arguments)
{
	struct runs_options *options = record;
	AUTO_JSON json_t *fields = NULL;
	struct berth_error err;

	(void)arguments;
	fields = runs_fields(&command_runs_list_options, options, &err);
	if (!fields)
		return client_complain_usage(&err, NULL);
	return client_verb_ask(&verb, &options->client, fields);
}
