/* SPDX-License-Identifier: Apache-2.0 */
/* The tasks that the daemon knows. */
#include "runner/cli/client_tasks.h"

#include <string.h>

#include "base/json.h"
#include "runner/cli/client_verb.h"
#include "runner/cli/command_table.h"
#include "runner/cli/complaint.h"

static const struct column_row columns[] = {
	{"TASK",     "id",			   COLUMN_TEXT   },
	{"VERSION",  "version",                      COLUMN_TEXT   },
	{"MACHINE",  "definition.machine",           COLUMN_TEXT   },
	{"MAY TAKE", "definition.maxDuration",       COLUMN_SECONDS},
	{"ATTEMPTS", "definition.retry.maxAttempts", COLUMN_TEXT   },
	{"WHAT",     "definition.description",       COLUMN_TEXT   },
	{NULL,       NULL,			   COLUMN_TEXT   },
};

static const struct column_row rows[] = {
	{"task",          "id",                     COLUMN_TEXT   },
	{"version",       "version",                COLUMN_TEXT   },
	{"what",          "definition.description", COLUMN_TEXT   },
	{"machine",       "definition.machine",     COLUMN_TEXT   },
	{"queue",         "definition.queue",       COLUMN_TEXT   },
	{"may take",      "definition.maxDuration", COLUMN_SECONDS},
	{"expires after", "definition.ttl",         COLUMN_SECONDS},
	{"retry",         "definition.retry",       COLUMN_TEXT   },
	{"dead letter",   "definition.deadLetter",  COLUMN_TEXT   },
	{"interrupted",   "definition.interrupted", COLUMN_TEXT   },
	{"command",       "definition.command",     COLUMN_TEXT   },
	{"program",       "definition.program",     COLUMN_TEXT   },
	{NULL,            NULL,		     COLUMN_TEXT   },
};

static const struct client_verb list_verb = {
	.op = CONTROL_TASK_LIST, .shape = CLIENT_LIST, .columns = columns, .said = "tasks"};
static const struct client_verb show_verb = {
	.op = CONTROL_TASK_LIST, .shape = CLIENT_CARD, .columns = rows};

static int show_one(const struct client_options *options, const json_t *list, const char *only)
{
	struct berth_error err;
	json_t *task;
	size_t i;

	json_array_foreach (list, i, task) {
		if (strcmp(client_text(task, "id"), only) == 0)
			return client_verb_show(&show_verb, options->json, json_incref(task));
	}
	(void)berth_fail(&err, BERTH_NOT_FOUND, 0, "no task \"%.100s\" is deployed", only);
	complaint_print(&err, "list those that are with: berth tasks --deployed");
	return EXIT_FINDING;
}

int client_tasks_show(const struct client_options *options, const char *only)
{
	AUTO_JSON json_t *fields = json_object();
	AUTO_JSON json_t *list = NULL;
	int status;

	if (!only)
		return client_verb_ask(&list_verb, options, fields);
	status = client_ask(options, CONTROL_TASK_LIST, fields, &list);
	return status == EXIT_DONE ? show_one(options, list, only) : status;
}
