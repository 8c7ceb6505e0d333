/* SPDX-License-Identifier: Apache-2.0 */
/* berth deploy. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/amount.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "runner/cli/client_commands.h"
#include "runner/cli/listing.h"
#include "runner/deploy/deploy_files.h"
#include "runner/deploy/deploy_manifest.h"
#include "runner/deploy/deploy_table.h"

/* clang-format off */
static const struct option_row rows[] = {
	{.field = {.name = "schema", .type = FIELD_BOOL, .offset = offsetof(struct deploy_options, schema), .help = "print the JSON Schema of berth.json, for editors, and deploy nothing"}},
	{.field = {.name = "dry_run", .type = FIELD_BOOL, .offset = offsetof(struct deploy_options, dry_run), .help = "only check berth.json and the files"}, .letter = 'n'},
	CLIENT_OPTION_ROWS(deploy_options, client),
};
/* clang-format on */

const struct option_table command_deploy_options = {
	.rows = rows,
	.count = sizeof(rows) / sizeof(rows[0]),
	.operation = &control_operations[CONTROL_DEPLOY],
	.operation_offset = offsetof(struct deploy_options, fields),
};

struct bundle {
	json_t *manifest;
	struct deploy_files files;
};

static void bundle_finish(struct bundle *bundle)
{
	json_decref(bundle->manifest);
	deploy_files_finish(&bundle->files);
}

static int collect(const char *path, struct bundle *bundle, struct berth_error *err)
{
	AUTO_CLOSE int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_FREE char *shown = NULL;

	if (directory < 0)
		return berth_fail(err, BERTH_INVALID, errno, "deploy %.150s", path);
	if (asprintf(&shown, "%s/%s", path, DEPLOY_FILE_NAME) < 0) {
		shown = NULL;
		return berth_fail(err, BERTH_MEMORY, 0, "out of memory");
	}
	if (deploy_manifest_read(directory, shown, &bundle->manifest, err) < 0 ||
	    deploy_files_collect(directory, &bundle->files, err) < 0)
		return -1;
	return deploy_manifest_check_programs(bundle->manifest, deploy_files_is_executable,
					      bundle->files.list, err);
}

static size_t count_tasks(const struct bundle *bundle)
{
	return json_array_size(json_object_get(bundle->manifest, "tasks"));
}

static int tell_checked(const struct deploy_options *options, const struct bundle *bundle)
{
	char bytes[AMOUNT_TEXT_SIZE];

	if (options->client.json)
		return listing_print_json(json_pack("{s:I, s:I, s:I}", "tasks",
						    (json_int_t)count_tasks(bundle), "files",
						    (json_int_t)json_array_size(bundle->files.list),
						    "bytes", (json_int_t)bundle->files.bytes));
	(void)printf("%zu task%s, %zu files, %s: fit to be deployed\n", count_tasks(bundle),
		     count_tasks(bundle) == 1 ? "" : "s", json_array_size(bundle->files.list),
		     amount_format_bytes(bundle->files.bytes, bytes));
	return EXIT_DONE;
}

static int tell_deployed(const struct deploy_options *options, const json_t *result)
{
	bool is_promoted = json_is_true(json_object_get(result, "isPromoted"));

	if (options->client.json)
		return listing_print_json(json_deep_copy(result));
	(void)printf("%s\n", client_text(result, "version"));
	(void)fprintf(stderr, "%s%s\n",
		      is_promoted ? "it is the current version now"
				  : "it waits for: berth versions promote ",
		      is_promoted ? "" : client_text(result, "version"));
	return EXIT_DONE;
}

static int send_bundle(const struct deploy_options *options, const struct bundle *bundle)
{
	AUTO_JSON json_t *fields = client_fields(&command_deploy_options, options);
	AUTO_JSON json_t *result = NULL;
	int status;

	if (json_object_set(fields, "manifest", bundle->manifest) < 0 ||
	    json_object_set(fields, "files", bundle->files.list) < 0)
		return client_complain_memory();
	status = client_ask_with(&options->client, CONTROL_DEPLOY, fields,
				 &bundle->files.descriptor, 1, &result);
	return status == EXIT_DONE ? tell_deployed(options, result) : status;
}

int command_deploy(void *record, const struct option_arguments *arguments)
{
	const struct deploy_options *options = record;
	struct bundle bundle = {.files.descriptor = -1};
	struct berth_error err;
	int status;

	if (options->schema)
		return listing_print_json(deploy_schema());
	if (arguments->words.count != 1) {
		(void)berth_fail(&err, BERTH_INVALID, 0, "deploy: name one directory");
		return client_complain_usage(&err,
					     "write: berth deploy DIR, where DIR has a berth.json");
	}
	if (collect(arguments->words.items[0], &bundle, &err) < 0)
		status = client_complain_usage(&err, NULL);
	else if (options->dry_run)
		status = tell_checked(options, &bundle);
	else
		status = send_bundle(options, &bundle);
	bundle_finish(&bundle);
	return status;
}
