/* SPDX-License-Identifier: Apache-2.0 */
/* The frame every native media task hangs in: --describe, the channel, the payload's rows, and how
 * the program ends. */
#include "extensions/ffmpeg/media_task.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "extensions/ffmpeg/media_error.h"

#define OUTPUT_NAME_MAX 200

static int describe(const struct media_task *definition)
{
	AUTO_JSON json_t *rows = field_describe(definition->rows, definition->row_count);
	AUTO_JSON json_t *description = NULL;

	if (!rows)
		return EXIT_FAILURE;
	description =
		json_pack("{ss ss sO ss}", "task", definition->id, "description",
			  definition->description, "payload", rows, "output", definition->output);
	if (!description || json_dumpf(description, stdout, JSON_INDENT(2)) < 0)
		return EXIT_FAILURE;
	return putchar('\n') == EOF || fflush(stdout) == EOF ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int parse_payload(const struct media_task *definition, const char *text, void *settings,
			 struct berth_error *err)
{
	AUTO_JSON json_t *payload = NULL;

	if (field_set_defaults(definition->rows, definition->row_count, settings, err) < 0)
		return -1;
	if (json_parse(text, strlen(text), &payload, err) < 0)
		return berth_fail_context(err, "payload");
	if (json_is_null(payload))
		return 0;
	if (field_parse_object(payload, definition->rows, definition->row_count, settings, err) < 0)
		return berth_fail_context(err, "payload");
	return 0;
}

static int send_output(struct berth_task *task, const json_t *output, struct berth_error *err)
{
	struct berth_task_error task_error = {0};
	AUTO_FREE char *text = json_format_compact(output);

	if (!text)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "output");
	if (berth_task_output(task, text, &task_error) < 0)
		return berth_fail(err, BERTH_SYSTEM, task_error.errnum, "output: %s",
				  task_error.message);
	return 0;
}

static int run_task(const struct media_task *definition, struct berth_task *task, void *settings,
		    struct berth_error *err)
{
	AUTO_JSON json_t *output = NULL;

	if (parse_payload(definition, berth_task_info(task)->payload, settings, err) < 0)
		return -1;
	if (definition->run(task, settings, &output, err) < 0)
		return -1;
	return send_output(task, output, err);
}

static int report_failure(struct berth_task *task, const struct berth_error *err)
{
	bool permanent = media_error_is_permanent(err);

	/* nobody is left to tell when the channel is broken; the exit status still says it */
	(void)berth_task_fail(task, permanent ? BERTH_TASK_PERMANENT : BERTH_TASK_RETRYABLE,
			      media_error_name(err), err->message, NULL);
	return permanent ? BERTH_TASK_EXIT_PERMANENT : BERTH_TASK_EXIT_RETRYABLE;
}

int media_task_main(const struct media_task *definition, int argc, char **argv)
{
	AUTO_FREE void *settings = NULL;
	struct berth_task_error task_error = {0};
	struct berth_task *task = NULL;
	struct berth_error err = {0};
	int status = EXIT_SUCCESS;

	if (argc == 2 && strcmp(argv[1], "--describe") == 0)
		return describe(definition);
	if (argc > 1) {
		(void)fprintf(stderr, "usage: %s [--describe]\n", argv[0]);
		return EXIT_FAILURE;
	}
	media_error_capture();
	settings = calloc(1, definition->record_size);
	if (!settings)
		return BERTH_TASK_EXIT_RETRYABLE;
	if (berth_task_open(&task, &task_error) < 0) {
		(void)fprintf(stderr, "%s: %s\n", definition->id, task_error.message);
		return BERTH_TASK_EXIT_RETRYABLE;
	}
	if (run_task(definition, task, settings, &err) < 0)
		status = report_failure(task, &err);
	field_finish(definition->rows, definition->row_count, settings);
	berth_task_close(task);
	return status;
}

int media_task_input(const struct berth_task *task, const char **ret_path, struct berth_error *err)
{
	const char *const *inputs = berth_task_info(task)->inputs;

	if (!inputs || !inputs[0])
		return berth_fail(err, BERTH_INVALID, 0, "no input file: give one with --input");
	if (inputs[1])
		return berth_fail(err, BERTH_INVALID, 0, "one input file is expected, not several");
	*ret_path = inputs[0];
	return 0;
}

static bool task_is_cancelled(void *owner)
{
	return berth_task_cancelled(owner);
}

void media_task_guard(struct berth_task *task, uint64_t patience_ns, struct media_guard *ret_guard)
{
	*ret_guard = (struct media_guard){
		.is_cancelled = task_is_cancelled, .owner = task, .patience_ns = patience_ns};
	media_guard_renew(ret_guard);
}

static int check_name(const char *name, size_t length, struct berth_error *err)
{
	if (length == 0 || length > OUTPUT_NAME_MAX || name[0] == '.' ||
	    memchr(name, '/', length) != NULL)
		return berth_fail(
			err, BERTH_INVALID, 0,
			"\"%.64s\" is no output name: 1 to %d bytes, no slash, no dot first", name,
			OUTPUT_NAME_MAX);
	return 0;
}

int media_task_output_path(const struct berth_task *task, const char *name, const char *extension,
			   char **ret_path, struct berth_error *err)
{
	const struct berth_task_info *info = berth_task_info(task);
	const char *slash, *dot;
	size_t length;
	char *path;

	if (!info->output_path)
		return berth_fail(err, BERTH_INVALID, 0, "no output directory: give --output");
	if (name) {
		length = strlen(name);
	} else {
		slash = strrchr(info->inputs[0], '/');
		name = slash ? slash + 1 : info->inputs[0];
		dot = strrchr(name, '.');
		length = dot && dot > name ? (size_t)(dot - name) : strlen(name);
	}
	if (check_name(name, length, err) < 0)
		return -1;
	if (asprintf(&path, "%s/%.*s.%s", info->output_path, (int)length, name, extension) < 0)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "output path");
	*ret_path = path;
	return 0;
}
