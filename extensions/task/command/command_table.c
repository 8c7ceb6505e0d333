/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of berth-task: one row each, and their options. */
#include "extensions/task/command/command_table.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "extensions/task/command/commands.h"
#include "extensions/task/command/subtask_commands.h"
#include "extensions/task/command/wait_command.h"
#include "extensions/task/protocol_table.h"

#define COUNT(rows)   (sizeof(rows) / sizeof((rows)[0]))
#define OPTION(field) offsetof(struct command_options, field)
#define MANY          256

/* one line per row, whatever its length */
/* clang-format off */
const struct field_row command_option_rows[] = {
	{.name = "message", .type = FIELD_STRING, .offset = OPTION(message), .max = 256, .help = "what is being done"},
	{.name = "eta", .type = FIELD_NUMBER, .offset = OPTION(eta), .min = -1, .max = 1e9, .default_text = "-1", .unit = "seconds", .help = "how long it will still take"},
	{.name = "rate", .type = FIELD_NUMBER, .offset = OPTION(rate), .min = -1, .max = 1e15, .default_text = "-1", .help = "how fast it goes, in units a second"},
	{.name = "unit", .type = FIELD_STRING, .offset = OPTION(unit), .max = 32, .help = "what rate counts, e.g. frames"},
	{.name = "permanent", .type = FIELD_BOOL, .offset = OPTION(permanent), .help = "no attempt will succeed: do not retry"},
	{.name = "json", .type = FIELD_BOOL, .offset = OPTION(json), .help = "JSON in or out"},
	{.name = "for", .type = FIELD_STRING, .offset = OPTION(for_duration), .min = 1, .max = 64, .help = "how long, as 90s or 1h30m"},
	{.name = "until", .type = FIELD_STRING, .offset = OPTION(until), .min = 1, .max = 64, .help = "an RFC 3339 date, as 2026-11-22T22:08:47Z"},
	{.name = "token", .type = FIELD_JSON, .offset = OPTION(tokens), .max = PROTOCOL_WAIT_ITEMS_MAX, .help = "a token; may be given again"},
	{.name = "run", .type = FIELD_JSON, .offset = OPTION(runs), .max = PROTOCOL_WAIT_ITEMS_MAX, .help = "a run; may be given again"},
	{.name = "batch", .type = FIELD_STRING, .offset = OPTION(batch), .min = 1, .max = 64, .help = "a batch: all of its runs"},
	{.name = "name", .type = FIELD_STRING, .offset = OPTION(name), .min = 1, .max = 256, .help = "the script's own name for this wait: said again within the attempt it is the same wait"},
	{.name = "payload", .type = FIELD_STRING, .offset = OPTION(payload), .min = 1, .max = PROTOCOL_PAYLOAD_MAX, .help = "JSON, - for stdin or @FILE: what the run is started with"},
	{.name = "queue", .type = FIELD_STRING, .offset = OPTION(queue), .min = 1, .max = 128, .help = "a queue other than the task's own"},
	{.name = "concurrency-key", .type = FIELD_STRING, .offset = OPTION(concurrency_key), .min = 1, .max = 1024, .help = "runs of one key share the queue's limit a key"},
	{.name = "machine", .type = FIELD_STRING, .offset = OPTION(machine), .min = 1, .max = 64, .help = "a machine other than the task's own"},
	{.name = "delay", .type = FIELD_STRING, .offset = OPTION(delay), .min = 1, .max = 64, .help = "when it may start: a duration as 1h30m, or an RFC 3339 date"},
	{.name = "ttl", .type = FIELD_DURATION_MS, .offset = OPTION(ttl_ms), .min = 1, .max = PROTOCOL_FOREVER_MS, .help = "how long it may wait for its start"},
	{.name = "priority", .type = FIELD_INTEGER, .offset = OPTION(priority_s), .min = 0, .max = 315360000, .unit = "seconds", .help = "how many seconds earlier than others it is placed"},
	{.name = "max-attempts", .type = FIELD_INTEGER, .offset = OPTION(max_attempts), .min = 1, .max = 250, .help = "how many attempts it may have"},
	{.name = "max-duration", .type = FIELD_DURATION_MS, .offset = OPTION(max_duration_ms), .min = 1, .max = PROTOCOL_FOREVER_MS, .help = "how long it may run, waits not counted"},
	{.name = "idempotency-key", .type = FIELD_STRING, .offset = OPTION(idempotency_key), .min = 1, .max = 2048, .help = "asked again with this key, the same one is found"},
	{.name = "tag", .type = FIELD_JSON, .offset = OPTION(tags), .max = 10, .help = "a tag; may be given again"},
	{.name = "once", .type = FIELD_STRING, .offset = OPTION(once), .min = 1, .max = 256, .help = "the script's own name for this trigger: said again within the attempt it makes nothing new"},
	{.name = "timeout", .type = FIELD_DURATION_MS, .offset = OPTION(timeout_ms), .min = 1, .max = PROTOCOL_FOREVER_MS, .help = "when it is over without being completed; never when absent"},
	{.name = "and-wait", .type = FIELD_BOOL, .offset = OPTION(and_wait), .help = "wait for all of them"},
};
const size_t command_option_count = COUNT(command_option_rows);

static const char *const progress_options[] = {"message", "eta", "rate", "unit", NULL};
static const char *const fail_options[] = {"permanent", NULL};
static const char *const json_options[] = {"json", NULL};
static const char *const wait_options[] = {"for", "until", "token", "run", "batch", "name", NULL};
static const char *const trigger_options[] = {"payload", "queue", "concurrency-key", "machine", "delay", "ttl", "priority", "max-attempts", "max-duration", "idempotency-key", "tag", "once", NULL};
static const char *const trigger_and_wait_options[] = {"payload", "queue", "concurrency-key", "machine", "delay", "ttl", "priority", "max-attempts", "max-duration", "idempotency-key", "tag", "name", NULL};
static const char *const batch_options[] = {"and-wait", NULL};
static const char *const token_create_options[] = {"timeout", "idempotency-key", "tag", NULL};

const struct command_row command_rows[] = {
	{"log", "LEVEL MESSAGE [KEY=VALUE]...", "write a line to the run's log; LEVEL is trace, debug, log, info, warn or error", 2, MANY, NULL, false, command_log},
	{"progress", "PERCENT [--message TEXT] [--eta SECONDS] [--rate N] [--unit NAME]", "say how far the task is", 1, 1, progress_options, false, command_progress},
	{"metadata", "KEY=VALUE... | --json OBJECT|-|@FILE", "merge into the run's metadata", 1, MANY, json_options, false, command_metadata},
	{"checkpoint save", "NAME [JSON|-|@FILE]", "save a checkpoint (null when no data is given); it is durable when this returns", 1, 2, NULL, false, command_checkpoint_save},
	{"checkpoint load", "NAME", "print the newest data saved under that name; status 1 when there is none", 1, 1, NULL, false, command_checkpoint_load},
	{"output", "JSON|-|@FILE", "set the run's output", 1, 1, NULL, false, command_output},
	{"fail", "[--permanent] NAME MESSAGE", "record why the attempt fails; then end with status 75, or 65 when permanent", 2, 2, fail_options, false, command_fail},
	{"payload", "[KEY]", "print the run's payload, or one member of it; status 1 when there is no such member", 0, 1, NULL, true, command_payload},
	{"info", "[--json]", "print what the run is", 0, 0, json_options, false, command_info},
	{"usage", "[--json]", "print what the attempt has used so far", 0, 0, json_options, false, command_usage},
	{"cancelled", "", "status 0 when the task was asked to save a checkpoint and end, 1 when not", 0, 0, NULL, false, command_cancelled},
	{"wait", "[--for DURATION | --until DATE] [--token TOKEN]... [--run RUN]... [--batch BATCH] [--name NAME]", "wait until everything named is over and print the results, a JSON array; status 1 when one of them failed or was not done in time", 0, 0, wait_options, false, command_wait},
	{"trigger", "TASK [--payload JSON|-|@FILE] [--once NAME] [OPTION]...", "start a run of a task and print its identifier", 1, 1, trigger_options, false, command_trigger},
	{"trigger-and-wait", "TASK [--payload JSON|-|@FILE] [--name NAME] [OPTION]...", "start a run of a task, wait for it and print its output; when it failed, print its error to stderr: status 1", 1, 1, trigger_and_wait_options, false, command_trigger_and_wait},
	{"batch", "[--and-wait] JSON|-|@FILE", "start a run for each object of an array, {\"task\":...,\"payload\":...}, and print {\"batch\":...,\"runs\":[...]}, or wait and print the results; status 1 when one was refused or failed", 1, 1, batch_options, false, command_batch},
	{"token create", "[--timeout DURATION] [--idempotency-key KEY] [--tag TAG]...", "make a token that somebody else completes, and print it", 0, 0, token_create_options, false, command_token_create},
	{"token complete", "TOKEN [JSON|-|@FILE]", "complete a token: who waits for it is given the data", 1, 2, NULL, false, command_token_complete},
	{"run get", "RUN", "print how a run is doing, as JSON", 1, 1, NULL, false, command_run_get},
};
const size_t command_row_count = COUNT(command_rows);
/* clang-format on */

/* How many of the words make up the name; 0 when they do not begin with it. */
static int name_match(const char *name, int argc, char **argv)
{
	const char *space = strchr(name, ' ');

	if (!space)
		return argc >= 1 && strcmp(argv[0], name) == 0 ? 1 : 0;
	return argc >= 2 && strlen(argv[0]) == (size_t)(space - name) &&
			       strncmp(argv[0], name, (size_t)(space - name)) == 0 &&
			       strcmp(argv[1], space + 1) == 0
		       ? 2
		       : 0;
}

const struct command_row *command_find(int argc, char **argv, int *ret_used)
{
	for (size_t i = 0; i < command_row_count; i++) {
		int used = name_match(command_rows[i].name, argc, argv);

		if (used > 0) {
			*ret_used = used;
			return &command_rows[i];
		}
	}
	return NULL;
}

/* The option that a "--name" or "--name=value" names, if the command has it. */
static const struct field_row *option_find(const struct command_row *row, const char *argument,
					   const char **ret_value)
{
	size_t length = strcspn(argument + 2, "=");

	for (size_t i = 0; row->options && row->options[i]; i++) {
		if (strlen(row->options[i]) != length ||
		    strncmp(row->options[i], argument + 2, length) != 0)
			continue;
		*ret_value = argument[2 + length] == '=' ? argument + 2 + length + 1 : NULL;
		return field_find(command_option_rows, command_option_count, row->options[i]);
	}
	return NULL;
}

/* One more text of a list. */
static int list_append(const struct field_row *option, const char *value,
		       struct command_options *options, struct berth_error *err)
{
	json_t **list = (void *)((char *)options + option->offset);

	if (!*list)
		*list = json_array();
	if (!*list)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "%s", option->name);
	if (json_array_size(*list) >= (size_t)option->max)
		return berth_fail(err, BERTH_INVALID, 0, "%s: more than %zu of them", option->name,
				  (size_t)option->max);
	if (*value == '\0' || json_array_append_new(*list, json_string(value)) < 0)
		return berth_fail(err, BERTH_INVALID, 0, "%s: empty, or not UTF-8 text",
				  option->name);
	return 0;
}

/* Takes argv[0] and perhaps argv[1]; *ret_used tells. */
static int option_parse(const struct command_row *row, int argc, char **argv,
			struct command_options *options, int *ret_used, struct berth_error *err)
{
	const char *value = NULL;
	const struct field_row *option = option_find(row, argv[0], &value);

	*ret_used = 1;
	if (!option)
		return berth_fail(err, BERTH_INVALID, 0, "%s: no such option %.64s", row->name,
				  argv[0]);
	if (option->type == FIELD_BOOL && !value)
		value = "true";
	if (!value && argc < 2)
		return berth_fail(err, BERTH_INVALID, 0, "%s: --%s needs a value", row->name,
				  option->name);
	if (!value) {
		value = argv[1];
		*ret_used = 2;
	}
	if (option->type == FIELD_JSON)
		return list_append(option, value, options, err);
	return field_parse_text(option, value, options, err);
}

int command_line_parse(const struct command_row *row, int argc, char **argv,
		       struct command_line *ret_line, struct berth_error *err)
{
	bool only_words = false;
	int used;

	*ret_line = (struct command_line){0};
	ret_line->words = calloc((size_t)argc + 1, sizeof(*ret_line->words));
	if (!ret_line->words)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "read the command line");
	if (field_set_defaults(command_option_rows, command_option_count, &ret_line->options, err) <
	    0)
		return -1;
	for (int i = 0; i < argc; i += used) {
		used = 1;
		if (!only_words && strcmp(argv[i], "--") == 0)
			only_words = true;
		else if (only_words || strncmp(argv[i], "--", 2) != 0)
			ret_line->words[ret_line->word_count++] = argv[i];
		else if (option_parse(row, argc - i, argv + i, &ret_line->options, &used, err) < 0)
			return -1;
	}
	if (ret_line->word_count < row->min_words || ret_line->word_count > row->max_words)
		return berth_fail(err, BERTH_INVALID, 0, "berth-task %s %s", row->name,
				  row->arguments);
	return 0;
}

void command_line_finish(struct command_line *line)
{
	field_finish(command_option_rows, command_option_count, &line->options);
	free(line->words);
	line->words = NULL;
}
