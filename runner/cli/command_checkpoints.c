/* SPDX-License-Identifier: Apache-2.0 */
/* berth checkpoints and its sub-verbs. */
#include <string.h>

#include "base/json.h"
#include "runner/cli/client_commands.h"
#include "runner/cli/client_verb.h"

static const struct column_row columns[] = {
	{"CHECKPOINT", "name",    COLUMN_TEXT },
        {"ATTEMPT",    "attempt", COLUMN_TEXT },
	{"SIZE",       "bytes",   COLUMN_BYTES},
        {"SAVED",      "savedAt", COLUMN_DATE },
	{NULL,         NULL,      COLUMN_TEXT },
};

static const struct column_row rows[] = {
	{"checkpoint", "name",    COLUMN_TEXT },
        {"attempt",    "attempt", COLUMN_TEXT },
	{"size",       "bytes",   COLUMN_BYTES},
        {"saved",      "savedAt", COLUMN_DATE },
	{NULL,         NULL,      COLUMN_TEXT },
};

static const struct option_table options_of_both = CLIENT_TABLE(CONTROL_CHECKPOINT_LIST, 1);

static const struct client_verb list_verb = {
	.op = CONTROL_CHECKPOINT_LIST,
	.options = &options_of_both,
	.shape = CLIENT_LIST,
	.columns = columns,
	.said = "checkpoints",
};
static const struct client_verb show_verb = {
	.op = CONTROL_CHECKPOINT_LIST, .shape = CLIENT_CARD, .columns = rows};

static int run_list(void *record, const struct option_arguments *arguments)
{
	return client_verb_run(&list_verb, record, arguments);
}

static json_t *find_checkpoint(const json_t *list, const char *name)
{
	json_t *checkpoint;
	size_t i;

	json_array_foreach (list, i, checkpoint) {
		if (strcmp(client_text(checkpoint, "name"), name) == 0)
			return checkpoint;
	}
	return NULL;
}

/* A run has few: the daemon lists them, and the one is picked here. */
static int run_show(void *record, const struct option_arguments *arguments)
{
	const struct client_record *options = record;
	struct option_arguments words = *arguments;
	AUTO_JSON json_t *fields = NULL;
	AUTO_JSON json_t *list = NULL;
	struct berth_error err;
	const char *name;
	json_t *found;
	int status;

	if (words.words.count < 2) {
		(void)berth_fail(&err, BERTH_INVALID, 0,
				 "a run and the checkpoint's name are needed");
		return client_complain_usage(&err, "write: berth checkpoints show RUN NAME");
	}
	name = words.words.items[1];
	if (words.words.count == 2)
		words.words.count = 1;
	if (client_take_words(&options_of_both, &words, record, &err) < 0)
		return client_complain_usage(&err, NULL);
	fields = client_fields(&options_of_both, record);
	status = client_ask(&options->client, CONTROL_CHECKPOINT_LIST, fields, &list);
	if (status != EXIT_DONE)
		return status;
	found = find_checkpoint(list, name);
	if (found)
		return client_verb_show(&show_verb, options->client.json, json_incref(found));
	(void)berth_fail(&err, BERTH_NOT_FOUND, 0, "the run has no checkpoint \"%.100s\"", name);
	(void)client_complain_usage(&err, "list them with: berth checkpoints list RUN");
	return EXIT_FINDING;
}

static const char *const list_synopsis[] = {"checkpoints list RUN [--json]", NULL};
static const char *const show_synopsis[] = {"checkpoints show RUN NAME [--json]", NULL};

#define COMMON                                                                                     \
	.options = &options_of_both, .record_size = sizeof(struct client_record),                  \
	.usage_status = EXIT_USAGE, .takes_words = true

/* clang-format off */
const struct command_row checkpoints_verbs[CHECKPOINTS_VERBS] = {
	{.name = "checkpoints list", .summary = "list a run's checkpoints", .synopsis = list_synopsis, COMMON, .run = run_list},
	{.name = "checkpoints show", .summary = "show one checkpoint of a run", .synopsis = show_synopsis, COMMON, .run = run_show},
};
/* clang-format on */
