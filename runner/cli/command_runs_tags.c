/* SPDX-License-Identifier: Apache-2.0 */
/* berth runs tags. */
#include "base/json.h"
#include "runner/cli/client_commands.h"
#include "runner/cli/client_input.h"
#include "runner/cli/client_verb.h"

const struct option_table command_runs_tags_options = CLIENT_TABLE(CONTROL_RUN_TAGS, 1);

static const struct client_verb verb = {
	.op = CONTROL_RUN_TAGS, .shape = CLIENT_SAID, .said = "tagged", .subject = "id"};

int command_runs_tags(void *record, const struct option_arguments *arguments)
{
	const struct client_record *options = record;
	const struct string_list *words = &arguments->words;
	AUTO_JSON json_t *fields = json_object();
	struct berth_error err;
	struct string_list tags;

	if (words->count < 2) {
		(void)berth_fail(&err, BERTH_INVALID, 0, "a run and at least one tag are needed");
		return client_complain_usage(&err, "write: berth runs tags RUN TAG...");
	}
	tags = (struct string_list){.items = words->items + 1, .count = words->count - 1};
	if (json_object_set_new(fields, "run", json_string(words->items[0])) < 0)
		return client_complain_run(words->items[0]);
	if (client_input_add_texts(fields, "tags", &tags, &err) < 0)
		return client_complain_usage(&err, NULL);
	return client_verb_ask(&verb, &options->client, fields);
}
