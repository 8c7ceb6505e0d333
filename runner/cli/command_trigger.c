/* SPDX-License-Identifier: Apache-2.0 */
/* berth trigger. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/text.h"
#include "runner/cli/client_commands.h"
#include "runner/cli/client_files.h"
#include "runner/cli/client_follow.h"
#include "runner/cli/client_input.h"
#include "runner/cli/listing.h"

#define ID_SIZE 64

/* clang-format off */
static const struct option_row rows[] = {
	{.field = {.name = "payload", .type = FIELD_STRING, .offset = offsetof(struct trigger_options, payload), .min = 1, .max = RUN_PAYLOAD_MAX, .help = "what it is given: JSON (or as --payload-type says), a file of it, or - for stdin"}, .value = "JSON|@FILE|-", .letter = 'p'},
	{.field = {.name = "input", .type = FIELD_STRING, .offset = offsetof(struct trigger_options, inputs), .help = "a file the task reads, mounted as /input/NAME"}, .value = "FILE", .letter = 'i', .repeated = true},
	{.field = {.name = "output", .type = FIELD_STRING, .offset = offsetof(struct trigger_options, output), .min = 1, .max = RUN_PATH_MAX, .help = "a directory the task writes to, mounted as /output; made when it is missing"}, .value = "DIR", .letter = 'o'},
	/* the operation's own word for it */
	{.field = {.name = "outputDirectory", .type = FIELD_STRING, .offset = offsetof(struct trigger_options, output), .min = 1, .max = RUN_PATH_MAX, .help = "as --output"}, .value = "DIR", .hidden = true},
	{.field = {.name = "tag", .type = FIELD_STRING, .offset = offsetof(struct trigger_options, tags), .help = "a tag to find it by, up to 10 times"}, .value = "TEXT", .letter = 't', .repeated = true},
	{.field = {.name = "metadata", .type = FIELD_STRING, .offset = offsetof(struct trigger_options, metadata), .min = 1, .max = RUN_METADATA_MAX, .help = "an object that is shown with the run"}, .value = "JSON|@FILE|-"},
	{.field = {.name = "follow", .type = FIELD_BOOL, .offset = offsetof(struct trigger_options, follow), .help = "show its logs and progress, and end with its outcome"}, .letter = 'f'},
	CLIENT_OPTION_ROWS(trigger_options, client),
};
/* clang-format on */

const struct option_table command_trigger_options = {
	.rows = rows,
	.count = sizeof(rows) / sizeof(rows[0]),
	.operation = &control_operations[CONTROL_TRIGGER],
	.words = 1,
	.operation_offset = offsetof(struct trigger_options, fields),
};

static int make_request(const struct trigger_options *options, json_t *fields,
			struct berth_error *err)
{
	const char *type = json_string_value(json_object_get(fields, "payloadType"));

	if (client_input_add_payload(fields, options->payload, type, err) < 0 ||
	    client_files_add_inputs(fields, &options->inputs, err) < 0 ||
	    client_files_add_output(fields, options->output, err) < 0 ||
	    client_input_add_texts(fields, "tags", &options->tags, err) < 0)
		return -1;
	return client_input_add_json(fields, "metadata", options->metadata, RUN_METADATA_MAX, err);
}

/* The identifier alone on stdout: id=$(berth trigger …) */
static int show(const struct trigger_options *options, const json_t *result, char ret_id[ID_SIZE])
{
	const char *id = client_text(result, "id");
	bool is_quiet = options->follow && !options->client.json;

	(void)text_sanitize(id, strlen(id), ret_id, ID_SIZE);
	if (options->client.json)
		return listing_print_json(json_deep_copy(result));
	(void)fprintf(is_quiet ? stderr : stdout, "%s\n", ret_id);
	if (json_is_true(json_object_get(result, "isCached")))
		(void)fprintf(stderr, "%s was there already, its key found it\n", ret_id);
	return EXIT_DONE;
}

int command_trigger(void *record, const struct option_arguments *arguments)
{
	struct trigger_options *options = record;
	AUTO_JSON json_t *fields = NULL;
	AUTO_JSON json_t *result = NULL;
	struct berth_error err;
	char id[ID_SIZE];
	int status;

	if (client_take_words(&command_trigger_options, arguments, record, &err) < 0)
		return client_complain_usage(&err, "write: berth trigger TASK [OPTION...]");
	fields = client_fields(&command_trigger_options, record);
	if (make_request(options, fields, &err) < 0)
		return client_complain_usage(&err, NULL);
	status = client_ask(&options->client, CONTROL_TRIGGER, fields, &result);
	if (status == EXIT_DONE)
		status = show(options, result, id);
	if (status != EXIT_DONE || !options->follow)
		return status;
	(void)fflush(stdout);
	return client_follow(&(struct client_follow_options){
		.client = &options->client, .run = id, .is_apart = true});
}
