/* SPDX-License-Identifier: Apache-2.0 */
/* berth batch and berth batch show. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "runner/cli/client_commands.h"
#include "runner/cli/client_files.h"
#include "runner/cli/client_input.h"
#include "runner/cli/client_verb.h"
#include "runner/cli/complaint.h"
#include "runner/cli/listing.h"
#include "runner/engine/engine_batches.h"

/* the first field, the items, are in the file */
const struct option_table command_batch_options = CLIENT_TABLE(CONTROL_BATCH, 1);
static const struct option_table show_options = CLIENT_TABLE(CONTROL_BATCH_GET, 1);

static const struct column_row refused_columns[] = {
	{"ITEM", "index",         COLUMN_TEXT},
	{"WHY",  "error.message", COLUMN_TEXT},
	{NULL,   NULL,            COLUMN_TEXT},
};

static const struct column_row rows[] = {
	{"batch",     "id",                COLUMN_TEXT},
	{"status",    "status",            COLUMN_TEXT},
	{"items",     "runCount",          COLUMN_TEXT},
	{"accepted",  "acceptedCount",     COLUMN_TEXT},
	{"refused",   "refusedCount",      COLUMN_TEXT},
	{"ended",     "endedCount",        COLUMN_TEXT},
	{"created",   "createdAt",         COLUMN_DATE},
	{"completed", "completedAt",       COLUMN_DATE},
	{"parent",    "parentId",          COLUMN_TEXT},
	{"runs",      "runs",              COLUMN_TEXT},
	{"errors",    "processing.errors", COLUMN_TEXT},
	{NULL,        NULL,                COLUMN_TEXT},
};

static const struct client_verb show_verb = {
	.op = CONTROL_BATCH_GET,
	.options = &show_options,
	.shape = CLIENT_CARD,
	.columns = rows,
};

/* As the daemon takes it: a payload that is not text already becomes the text of its JSON, the
 * paths of files become absolute. */
static int complete_item(json_t *item, size_t index, struct berth_error *err)
{
	json_t *payload = json_object_get(item, "payload");
	AUTO_FREE char *text = NULL;

	if (!json_is_object(item))
		return berth_fail(err, BERTH_INVALID, 0,
				  "item %zu: not an object as {\"task\": …, \"payload\": …}",
				  index);
	if (client_files_complete(item, err) < 0)
		return berth_fail_context(err, "item %zu", index);
	if (!payload || json_is_string(payload))
		return 0;
	text = json_format_compact(payload);
	if (!text || json_object_set_new(item, "payload", json_string(text)) < 0)
		return berth_fail(err, BERTH_MEMORY, 0, "out of memory");
	return 0;
}

static int read_items(const char *path, json_t **ret_items, struct berth_error *err)
{
	AUTO_JSON json_t *items = NULL;
	json_t *item;
	size_t i;

	if (client_input_read_items(path, CONTROL_LINE_MAX, &items, err) < 0)
		return -1;
	if (json_array_size(items) < 1 || json_array_size(items) > BATCH_ITEMS_MAX)
		return berth_fail(err, BERTH_INVALID, 0, "%s: %zu items; a batch has 1 to %d", path,
				  json_array_size(items), BATCH_ITEMS_MAX);
	json_array_foreach (items, i, item) {
		if (complete_item(item, i, err) < 0)
			return berth_fail_context(err, "%s", path);
	}
	*ret_items = steal_ptr(&items);
	return 0;
}

/* The items that were refused, with their places in the file. */
static json_t *collect_refused(const json_t *result)
{
	const json_t *items = json_object_get(result, "items");
	json_t *refused = json_array();
	json_t *item;
	size_t i;

	json_array_foreach (items, i, item) {
		json_t *error = json_object_get(item, "error");

		if (error)
			(void)json_array_append_new(
				refused,
				json_pack("{s:I, s:O}", "index", (json_int_t)i, "error", error));
	}
	return refused;
}

static int show_result(const json_t *result, struct berth_error *err)
{
	AUTO_JSON json_t *refused = collect_refused(result);

	(void)puts(client_text(result, "id"));
	(void)fflush(stdout);
	(void)fprintf(stderr, "%lld accepted, %lld refused%s\n",
		      (long long)json_integer_value(json_object_get(result, "accepted")),
		      (long long)json_integer_value(json_object_get(result, "refused")),
		      json_is_true(json_object_get(result, "isCached")) ? ", it was there already"
									: "");
	return json_array_size(refused) > 0 ? columns_print_table(refused_columns, refused, err)
					    : 0;
}

int command_batch(void *record, const struct option_arguments *arguments)
{
	const struct client_record *options = record;
	AUTO_JSON json_t *fields = client_fields(&command_batch_options, record);
	AUTO_JSON json_t *result = NULL;
	struct berth_error err;
	json_t *items = NULL;
	int status;

	if (arguments->words.count != 1) {
		(void)berth_fail(&err, BERTH_INVALID, 0, "batch: name one file, or - for stdin");
		return client_complain_usage(&err, "see: berth batch --help");
	}
	if (read_items(arguments->words.items[0], &items, &err) < 0)
		return client_complain_usage(&err, "see: berth batch --help");
	if (json_object_set_new(fields, "items", items) < 0)
		return client_complain_memory();
	status = client_ask(&options->client, CONTROL_BATCH, fields, &result);
	if (status != EXIT_DONE)
		return status;
	if (json_integer_value(json_object_get(result, "refused")) > 0)
		status = EXIT_FINDING;
	if (options->client.json)
		return listing_print_json(json_incref(result)) == EXIT_DONE ? status : EXIT_BERTH;
	if (show_result(result, &err) == 0)
		return status;
	complaint_print(&err, NULL);
	return EXIT_BERTH;
}

static int run_show(void *record, const struct option_arguments *arguments)
{
	return client_verb_run(&show_verb, record, arguments);
}

static const char *const show_synopsis[] = {"batch show BATCH [--json]", NULL};

/* clang-format off */
const struct command_row batch_verbs[BATCH_VERBS] = {
	{.name = "batch show", .summary = "show how a batch is doing", .synopsis = show_synopsis, .options = &show_options, .record_size = sizeof(struct client_record), .run = run_show, .usage_status = EXIT_USAGE, .takes_words = true},
};
/* clang-format on */
