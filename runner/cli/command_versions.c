/* SPDX-License-Identifier: Apache-2.0 */
/* berth versions and its sub-verbs: each is one operation of the daemon. */
#include "runner/cli/client_commands.h"
#include "runner/cli/client_verb.h"

static const struct column_row columns[] = {
	{"VERSION",  "version",    COLUMN_TEXT},
	{"CURRENT",  "isCurrent",  COLUMN_TEXT},
	{"TASKS",    "taskCount",  COLUMN_TEXT},
	{"DEPLOYED", "createdAt",  COLUMN_DATE},
	{"PROMOTED", "promotedAt", COLUMN_DATE},
	{"BUNDLE",   "bundle",     COLUMN_TEXT},
	{NULL,       NULL,         COLUMN_TEXT},
};

static const struct option_table list_options = CLIENT_TABLE(CONTROL_VERSION_LIST, 0);
static const struct option_table promote_options = CLIENT_TABLE(CONTROL_VERSION_PROMOTE, 1);
static const struct option_table rollback_options = CLIENT_TABLE(CONTROL_VERSION_ROLLBACK, 1);

/* clang-format off */
static const struct client_verb list_verb = {.op = CONTROL_VERSION_LIST, .options = &list_options, .shape = CLIENT_LIST, .columns = columns, .said = "versions"};
static const struct client_verb promote_verb = {.op = CONTROL_VERSION_PROMOTE, .options = &promote_options, .shape = CLIENT_SAID, .said = "the current version is now", .subject = "version"};
static const struct client_verb rollback_verb = {.op = CONTROL_VERSION_ROLLBACK, .options = &rollback_options, .shape = CLIENT_SAID, .said = "the current version is again", .subject = "version"};
/* clang-format on */

static int run_list(void *record, const struct option_arguments *arguments)
{
	return client_verb_run(&list_verb, record, arguments);
}

static int run_promote(void *record, const struct option_arguments *arguments)
{
	return client_verb_run(&promote_verb, record, arguments);
}

static int run_rollback(void *record, const struct option_arguments *arguments)
{
	return client_verb_run(&rollback_verb, record, arguments);
}

static const char *const list_synopsis[] = {"versions list [--json]", NULL};
static const char *const promote_synopsis[] = {"versions promote VERSION", NULL};
static const char *const rollback_synopsis[] = {"versions rollback [VERSION]", NULL};

static const char rollback_details[] =
	"To VERSION, which must be older than the current one, or to the one before it.";

#define COMMON .record_size = sizeof(struct client_record), .usage_status = EXIT_USAGE

/* clang-format off */
const struct command_row versions_verbs[VERSIONS_VERBS] = {
	{.name = "versions list", .summary = "list the deployed versions, the newest first", .synopsis = list_synopsis, .options = &list_options, COMMON, .run = run_list},
	{.name = "versions promote", .summary = "make a version the current one", .synopsis = promote_synopsis, .options = &promote_options, COMMON, .run = run_promote, .takes_words = true},
	{.name = "versions rollback", .summary = "go back to an earlier version", .synopsis = rollback_synopsis, .details = rollback_details, .options = &rollback_options, COMMON, .run = run_rollback, .takes_words = true},
};
/* clang-format on */
