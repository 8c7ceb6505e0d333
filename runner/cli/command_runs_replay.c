/* SPDX-License-Identifier: Apache-2.0 */
/* berth runs replay. */
#include "base/json.h"
#include "runner/cli/client_bulk.h"
#include "runner/cli/client_commands.h"
#include "runner/cli/client_files.h"
#include "runner/cli/client_input.h"
#include "runner/cli/client_verb.h"

/* clang-format off */
static const struct option_row rows[] = {
	{.field = {.name = "payload", .type = FIELD_STRING, .offset = offsetof(struct runs_options, payload), .min = 1, .max = RUN_PAYLOAD_MAX, .help = "what the replay of a single RUN is given in place of its own"}, .value = "JSON|@FILE|-", .letter = 'p'},
	{.field = {.name = "input", .type = FIELD_STRING, .offset = offsetof(struct runs_options, inputs), .help = "a file that the replay of a single RUN reads in place of its own, mounted as /input/NAME"}, .value = "FILE", .letter = 'i', .repeated = true},
	{.field = {.name = "output", .type = FIELD_STRING, .offset = offsetof(struct runs_options, output), .min = 1, .max = RUN_PATH_MAX, .help = "likewise the directory it writes to, mounted as /output"}, .value = "DIR", .letter = 'o'},
	/* the operation's own word for it */
	{.field = {.name = "outputDirectory", .type = FIELD_STRING, .offset = offsetof(struct runs_options, output), .min = 1, .max = RUN_PATH_MAX, .help = "as --output"}, .value = "DIR", .hidden = true},
	/* the operation has it for cancelling */
	{.field = {.name = "grace", .type = FIELD_DURATION_MS, .offset = offsetof(struct runs_options, grace_ms), .help = "nothing"}, .hidden = true},
	RUNS_FILTER_ROWS,
};
/* clang-format on */

/* the first field, the action, is the verb's to say */
const struct option_table command_runs_replay_options = {
	.rows = rows,
	.count = sizeof(rows) / sizeof(rows[0]),
	.operation = &control_operations[CONTROL_BULK],
	.words = 1,
	.operation_offset = offsetof(struct runs_options, fields),
};

static const struct client_verb replay_one = {
	.op = CONTROL_RUN_REPLAY, .shape = CLIENT_SAID, .said = "replayed as", .subject = "id"};

/* Of one run: what may be replaced, and nothing that finds runs. */
static int check_overrides(const json_t *fields, struct berth_error *err)
{
	char option[OPTION_NAME_SIZE];
	const char *name;
	const json_t *value;

	/* the iterator's own type is not const although it changes nothing */
	json_object_foreach ((json_t *)(uintptr_t)fields, name, value) {
		if (!control_field_find(&control_operations[CONTROL_RUN_REPLAY], name))
			return berth_fail(err, BERTH_INVALID, 0,
					  "option --%s: finds runs, but one is named",
					  options_spell(name, option));
	}
	return 0;
}

static int replay_named(const struct runs_options *options, json_t *fields, const char *run)
{
	struct berth_error err;

	if (check_overrides(fields, &err) < 0 ||
	    client_input_add_payload(fields, options->payload, NULL, &err) < 0 ||
	    client_files_add_inputs(fields, &options->inputs, &err) < 0 ||
	    client_files_add_output(fields, options->output, &err) < 0)
		return client_complain_usage(&err, "see: berth runs replay --help");
	if (json_object_set_new(fields, "run", json_string(run)) < 0)
		return client_complain_run(run);
	return client_verb_ask(&replay_one, &options->client, fields);
}

int command_runs_replay(void *record, const struct option_arguments *arguments)
{
	struct runs_options *options = record;
	const struct string_list *runs = &arguments->words;
	AUTO_JSON json_t *fields = NULL;
	struct berth_error err;

	if (options->grace_ms) {
		(void)berth_fail(&err, BERTH_INVALID, 0, "option --grace: is of berth runs cancel");
		return client_complain_usage(&err, NULL);
	}
	fields = runs_fields(&command_runs_replay_options, options, &err);
	if (!fields)
		return client_complain_usage(&err, NULL);
	if (runs->count == 1)
		return replay_named(options, fields, runs->items[0]);
	if (options->payload || options->output || options->inputs.count > 0) {
		(void)berth_fail(&err, BERTH_INVALID, 0, "option --%s: is of a single run",
				 options->payload  ? "payload"
				 : options->output ? "output"
						   : "input");
		return client_complain_usage(&err, "write: berth runs replay RUN --payload JSON");
	}
	if (client_bulk_check(fields, runs, &err) < 0)
		return client_complain_usage(&err, "see: berth runs replay --help");
	return client_bulk_ask(&options->client, "replay", fields, runs);
}
