/* SPDX-License-Identifier: Apache-2.0 */
/* berth queues and its sub-verbs: each is one operation of the daemon. */
#include "runner/cli/client_commands.h"
#include "runner/cli/client_verb.h"

static const struct column_row columns[] = {
	{"QUEUE",    "name",                 COLUMN_TEXT},
	{"RUNNING",  "running",              COLUMN_TEXT},
	{"QUEUED",   "queued",               COLUMN_TEXT},
	{"LIMIT",    "concurrencyLimit",     COLUMN_TEXT},
	{"OVERRIDE", "concurrency.override", COLUMN_TEXT},
	{"PER KEY",  "keyLimit",             COLUMN_TEXT},
	{"AT MOST",  "sizeLimit",            COLUMN_TEXT},
	{"PAUSED",   "paused",               COLUMN_TEXT},
	{NULL,       NULL,                   COLUMN_TEXT},
};

static const struct column_row rows[] = {
	{"queue",      "name",                     COLUMN_TEXT},
	{"paused",     "paused",                   COLUMN_TEXT},
	{"running",    "running",                  COLUMN_TEXT},
	{"queued",     "queued",                   COLUMN_TEXT},
	{"limit",      "concurrencyLimit",         COLUMN_TEXT},
	{"deployed",   "concurrency.base",         COLUMN_TEXT},
	{"override",   "concurrency.override",     COLUMN_TEXT},
	{"overridden", "concurrency.overriddenAt", COLUMN_DATE},
	{"per key",    "keyLimit",                 COLUMN_TEXT},
	{"queued max", "sizeLimit",                COLUMN_TEXT},
	{NULL,         NULL,		       COLUMN_TEXT},
};

static const struct option_table list_options = CLIENT_TABLE(CONTROL_QUEUE_LIST, 0);
static const struct option_table show_options = CLIENT_TABLE(CONTROL_QUEUE_GET, 1);
static const struct option_table pause_options = CLIENT_TABLE(CONTROL_QUEUE_PAUSE, 1);
static const struct option_table resume_options = CLIENT_TABLE(CONTROL_QUEUE_RESUME, 1);
static const struct option_table override_options = CLIENT_TABLE(CONTROL_QUEUE_OVERRIDE, 2);
static const struct option_table reset_options = CLIENT_TABLE(CONTROL_QUEUE_RESET, 1);

/* clang-format off */
static const struct client_verb list_verb = {.op = CONTROL_QUEUE_LIST, .options = &list_options, .shape = CLIENT_PAGE, .columns = columns, .said = "queues"};
static const struct client_verb show_verb = {.op = CONTROL_QUEUE_GET, .options = &show_options, .shape = CLIENT_CARD, .columns = rows};
static const struct client_verb pause_verb = {.op = CONTROL_QUEUE_PAUSE, .options = &pause_options, .shape = CLIENT_SAID, .said = "paused", .subject = "name"};
static const struct client_verb resume_verb = {.op = CONTROL_QUEUE_RESUME, .options = &resume_options, .shape = CLIENT_SAID, .said = "resumed", .subject = "name"};
static const struct client_verb override_verb = {.op = CONTROL_QUEUE_OVERRIDE, .options = &override_options, .shape = CLIENT_SAID, .said = "overrode the limit of", .subject = "name"};
static const struct client_verb reset_verb = {.op = CONTROL_QUEUE_RESET, .options = &reset_options, .shape = CLIENT_SAID, .said = "reset the limit of", .subject = "name"};
/* clang-format on */

static int run_list(void *record, const struct option_arguments *arguments)
{
	return client_verb_run(&list_verb, record, arguments);
}

static int run_show(void *record, const struct option_arguments *arguments)
{
	return client_verb_run(&show_verb, record, arguments);
}

static int run_pause(void *record, const struct option_arguments *arguments)
{
	return client_verb_run(&pause_verb, record, arguments);
}

static int run_resume(void *record, const struct option_arguments *arguments)
{
	return client_verb_run(&resume_verb, record, arguments);
}

static int run_override(void *record, const struct option_arguments *arguments)
{
	return client_verb_run(&override_verb, record, arguments);
}

static int run_reset(void *record, const struct option_arguments *arguments)
{
	return client_verb_run(&reset_verb, record, arguments);
}

static const char *const list_synopsis[] = {"queues list [--after QUEUE] [--json]", NULL};
static const char *const show_synopsis[] = {"queues show QUEUE [--json]", NULL};
static const char *const pause_synopsis[] = {"queues pause QUEUE", NULL};
static const char *const resume_synopsis[] = {"queues resume QUEUE", NULL};
static const char *const override_synopsis[] = {"queues override QUEUE LIMIT", NULL};
static const char *const reset_synopsis[] = {"queues reset QUEUE", NULL};

static const char name_details[] = "A task's own queue is named task/TASK.";

#define COMMON .record_size = sizeof(struct client_record), .usage_status = EXIT_USAGE

/* clang-format off */
const struct command_row queues_verbs[QUEUES_VERBS] = {
	{.name = "queues list", .summary = "list the queues", .synopsis = list_synopsis, .options = &list_options, COMMON, .run = run_list},
	{.name = "queues show", .summary = "show a queue", .synopsis = show_synopsis, .details = name_details, .options = &show_options, COMMON, .run = run_show, .takes_words = true},
	{.name = "queues pause", .summary = "start no more runs of a queue; what runs goes on", .synopsis = pause_synopsis, .details = name_details, .options = &pause_options, COMMON, .run = run_pause, .takes_words = true},
	{.name = "queues resume", .summary = "take the pause away", .synopsis = resume_synopsis, .details = name_details, .options = &resume_options, COMMON, .run = run_resume, .takes_words = true},
	{.name = "queues override", .summary = "set another limit than the deployed one", .synopsis = override_synopsis, .details = name_details, .options = &override_options, COMMON, .run = run_override, .takes_words = true},
	{.name = "queues reset", .summary = "take the override away", .synopsis = reset_synopsis, .details = name_details, .options = &reset_options, COMMON, .run = run_reset, .takes_words = true},
};
/* clang-format on */
