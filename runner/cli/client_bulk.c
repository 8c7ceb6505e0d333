/* SPDX-License-Identifier: Apache-2.0 */
/* What is done to many runs at once. */
#include "runner/cli/client_bulk.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "runner/cli/client_columns.h"
#include "runner/cli/client_input.h"
#include "runner/cli/command_table.h"
#include "runner/cli/complaint.h"
#include "runner/cli/listing.h"

static const struct column_row error_columns[] = {
	{"RUN", "id",            COLUMN_TEXT},
	{"WHY", "error.message", COLUMN_TEXT},
	{NULL,  NULL,            COLUMN_TEXT},
};

/* --grace is no filter: it says how. */
static bool has_filter(const json_t *fields)
{
	return json_object_size(fields) > (json_object_get(fields, "grace") ? 1U : 0U);
}

int client_bulk_check(const json_t *fields, const struct string_list *runs, struct berth_error *err)
{
	if (runs->count == 0 && !has_filter(fields))
		return berth_fail(err, BERTH_INVALID, 0,
				  "which runs: name them, or give a filter as --task or --status");
	if (runs->count > 0 && has_filter(fields))
		return berth_fail(err, BERTH_INVALID, 0,
				  "either runs are named or a filter finds them, not both");
	if (runs->count > CONTROL_BULK_IDS_MAX)
		return berth_fail(err, BERTH_INVALID, 0, "at most %d runs may be named",
				  CONTROL_BULK_IDS_MAX);
	return 0;
}

static json_int_t count_of(const json_t *result, const char *name)
{
	return json_integer_value(json_object_get(result, name));
}

static int show(const char *action, const json_t *result, struct berth_error *err)
{
	const json_t *runs = json_object_get(result, "runs");
	const json_t *errors = json_object_get(result, "errors");

	for (size_t i = 0; i < json_array_size(runs); i++)
		(void)puts(json_string_value(json_array_get(runs, i)) ?: "");
	(void)fprintf(stderr, "%s: %lld of %lld", action, (long long)count_of(result, "done"),
		      (long long)count_of(result, "matched"));
	(void)fprintf(stderr, ", %lld failed\n", (long long)count_of(result, "failed"));
	(void)fflush(stdout);
	return json_array_size(errors) > 0 ? columns_print_table(error_columns, errors, err) : 0;
}

int client_bulk_ask(const struct client_options *options, const char *action, json_t *fields,
		    const struct string_list *runs)
{
	AUTO_JSON json_t *result = NULL;
	struct berth_error err;
	int status;

	if (json_object_set_new(fields, "action", json_string(action)) < 0 ||
	    client_input_add_texts(fields, "runs", runs, &err) < 0)
		return client_complain_run(runs->items[0]);
	status = client_ask(options, CONTROL_BULK, fields, &result);
	if (status != EXIT_DONE)
		return status;
	status = count_of(result, "failed") > 0 ? EXIT_FINDING : EXIT_DONE;
	if (options->json)
		return listing_print_json(json_incref(result)) == EXIT_DONE ? status : EXIT_BERTH;
	if (show(action, result, &err) == 0)
		return status;
	complaint_print(&err, NULL);
	return EXIT_BERTH;
}
