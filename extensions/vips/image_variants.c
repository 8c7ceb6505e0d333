/* SPDX-License-Identifier: Apache-2.0 */
/* The image.variants task: talks to the supervisor while the pipeline works. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "extensions/task/task.h"
#include "extensions/vips/library.h"
#include "extensions/vips/loader.h"
#include "extensions/vips/output.h"
#include "extensions/vips/pipeline.h"
#include "extensions/vips/report.h"
#include "extensions/vips/request.h"
#include "extensions/vips/source.h"

#define WATCH_MS       50 /* how soon a cancellation is seen */
#define STOP_GRACE_NS  (2 * CLOCK_NS_PER_S)
#define DECODE_PERCENT 40.0 /* of the whole, on the progress bar */

/* How each kind of failure is told to the supervisor. */
static const struct failure_row {
	enum berth_code code;
	enum berth_task_failure kind;
	const char *name;
} failures[] = {
	{BERTH_INVALID,     BERTH_TASK_PERMANENT, "InvalidInput" },
	{BERTH_LIMIT,       BERTH_TASK_PERMANENT, "LimitExceeded"},
	{BERTH_NOT_FOUND,   BERTH_TASK_PERMANENT, "NotFound"     },
	{BERTH_UNSUPPORTED, BERTH_TASK_PERMANENT, "Unsupported"  },
	{BERTH_DENIED,      BERTH_TASK_PERMANENT, "Denied"       },
	{BERTH_SYSTEM,      BERTH_TASK_RETRYABLE, "SystemError"  },
	{BERTH_MEMORY,      BERTH_TASK_RETRYABLE, "OutOfMemory"  },
};

static int fail(struct berth_task *task, enum berth_task_failure kind, const char *name,
		const char *message)
{
	struct berth_task_error error = {0};

	if (berth_task_fail(task, kind, name, message, &error) < 0)
		(void)fprintf(stderr, "image-variants: %s (and: %s)\n", message, error.message);
	return kind == BERTH_TASK_PERMANENT ? BERTH_TASK_EXIT_PERMANENT : BERTH_TASK_EXIT_RETRYABLE;
}

static int fail_as(struct berth_task *task, const struct berth_error *err)
{
	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++)
		if (failures[i].code == err->code)
			return fail(task, failures[i].kind, failures[i].name, err->message);
	return fail(task, BERTH_TASK_RETRYABLE, "SystemError", err->message);
}

/* Tells what is new since the last time. */
static void pass_on(struct berth_task *task, const struct pipeline *pipeline,
		    const struct pipeline_status *status, size_t *logged)
{
	struct berth_task_progress progress = {.eta_s = -1, .rate = -1};

	for (; *logged < status->log_count; ++*logged)
		(void)berth_task_log(task, BERTH_TASK_WARN, pipeline_log_line(pipeline, *logged),
				     NULL, NULL);
	if (status->idle && status->log_lost > 0)
		(void)berth_task_logf(task, BERTH_TASK_WARN, "and %zu more warnings",
				      status->log_lost);
	progress.percent = status->decoded
				   ? DECODE_PERCENT + (100 - DECODE_PERCENT) * status->encoded
				   : DECODE_PERCENT * status->decode_percent / 100;
	progress.percent = fmin(progress.percent, 100);
	progress.message = status->newest ? status->newest : "decode";
	/* The one after the last file is the last and tells 100. */
	(void)berth_task_progress(task, &progress, NULL);
}

static void discard_partial(const struct request *request, int directory)
{
	for (size_t i = 0; i < request->variant_count; i++)
		output_discard(&request->variants[i], directory);
}

/* Why the pipeline was told to stop. */
enum stop_reason {
	STOP_NONE,
	STOP_FAILED,
	STOP_CANCELLED,
	STOP_DECODE_LIMIT,
};

static int fail_stopped(struct berth_task *task, enum stop_reason reason,
			const struct request *request, const struct pipeline_status *status)
{
	char message[96];

	if (reason == STOP_FAILED)
		return fail_as(task, &status->error);
	if (reason == STOP_CANCELLED)
		return fail(task, BERTH_TASK_RETRYABLE, "Cancelled", "cancelled");
	(void)snprintf(message, sizeof(message), "decoding takes longer than decode_limit, %g s",
		       (double)request->decode_limit_ms / 1000);
	return fail(task, BERTH_TASK_PERMANENT, "LimitExceeded", message);
}

static enum stop_reason stop_reason(struct berth_task *task, const struct pipeline_status *status,
				    uint64_t decode_due)
{
	if (status->failed)
		return STOP_FAILED;
	if (berth_task_cancelled(task))
		return STOP_CANCELLED;
	if (!status->decoded && clock_boottime_ns() >= decode_due)
		return STOP_DECODE_LIMIT;
	return STOP_NONE;
}

/* Watches until the threads are through. One that does not come back from a library's call in
 * time is left behind: the process ends here. */
static enum stop_reason watch(struct berth_task *task, const struct request *request,
			      struct pipeline *pipeline, int directory,
			      struct pipeline_status *status)
{
	uint64_t decode_due = clock_boottime_ns() + request->decode_limit_ms * CLOCK_NS_PER_MS;
	enum stop_reason reason = STOP_NONE;
	uint64_t stop_due = 0;
	size_t logged = 0;

	for (;;) {
		pipeline_watch(pipeline, WATCH_MS, status);
		pass_on(task, pipeline, status, &logged);
		if (status->idle)
			return reason == STOP_NONE && status->failed ? STOP_FAILED : reason;
		if (reason == STOP_NONE) {
			reason = stop_reason(task, status, decode_due);
			if (reason == STOP_NONE)
				continue;
			pipeline_stop(pipeline);
			stop_due = clock_boottime_ns() + STOP_GRACE_NS;
		} else if (clock_boottime_ns() >= stop_due) {
			int exit_status = fail_stopped(task, reason, request, status);

			discard_partial(request, directory);
			berth_task_close(task);
			_exit(exit_status);
		}
	}
}

static int tell_output(struct berth_task *task, const struct request *request,
		       const struct pipeline *pipeline)
{
	const struct berth_task_info *info = berth_task_info(task);
	struct pipeline_result result = pipeline_result(pipeline);
	AUTO_JSON json_t *output =
		report_output(request, &result, info->inputs[0], info->output_path);
	AUTO_FREE char *text = output ? json_format_compact(output) : NULL;
	struct berth_task_error error = {0};

	if (!text)
		return fail(task, BERTH_TASK_RETRYABLE, "OutOfMemory", "write the output");
	if (berth_task_output(task, text, &error) < 0)
		return fail(task, BERTH_TASK_RETRYABLE, "SystemError", error.message);
	return 0;
}

/* Threads for the CPUs the run has: nproc lies inside a quota. */
static unsigned worker_count(double cpus)
{
	double count = ceil(cpus);

	if (!(count > 1))
		return 1;
	return count > PIPELINE_WORKERS_MAX ? PIPELINE_WORKERS_MAX : (unsigned)count;
}

static bool needs_heif(const struct request *request, const struct source *source)
{
	bool needed = source->loader->module;

	for (size_t i = 0; i < request->variant_count; i++)
		needed = needed || request->variants[i].format == VARIANT_AVIF;
	return needed;
}

static int run_pipeline(struct berth_task *task, const struct request *request, int directory)
{
	const struct berth_task_info *info = berth_task_info(task);
	struct pipeline_spec spec = {.request = request,
				     .source = {.descriptor = -1},
				     .output_directory = directory,
				     .workers = worker_count(info->cpus),
				     .memory_bytes = info->memory_bytes};
	struct pipeline_status status;
	struct pipeline *pipeline = NULL;
	struct berth_error error = {0};
	enum stop_reason reason;
	int exit_status;

	if (source_open(info->inputs[0], &spec.source, &error) < 0 ||
	    library_start(spec.workers, &error) < 0 ||
	    (needs_heif(request, &spec.source) && library_load_heif(&error) < 0) ||
	    pipeline_start(&spec, &pipeline, &error) < 0) {
		source_close(&spec.source);
		return fail_as(task, &error);
	}
	reason = watch(task, request, pipeline, directory, &status);
	exit_status = reason == STOP_NONE ? tell_output(task, request, pipeline)
					  : fail_stopped(task, reason, request, &status);
	pipeline_destroy(pipeline);
	return exit_status;
}

static int run(struct berth_task *task)
{
	const struct berth_task_info *info = berth_task_info(task);
	struct request request = {0};
	struct berth_error error = {0};
	AUTO_JSON json_t *payload = NULL;
	AUTO_CLOSE int directory = -1;
	int status;

	if (json_parse(info->payload, strlen(info->payload), &payload, &error) < 0 ||
	    request_parse(payload, &request, &error) < 0) {
		request_finish(&request);
		return fail(task, BERTH_TASK_PERMANENT, "InvalidPayload", error.message);
	}
	if (!info->inputs[0] || info->inputs[1])
		status = fail(task, BERTH_TASK_PERMANENT, "InvalidInput",
			      "image.variants takes exactly one input: --input FILE");
	else if (!info->output_path)
		status = fail(task, BERTH_TASK_PERMANENT, "InvalidInput",
			      "image.variants writes files: give a directory, --output DIR");
	else if ((directory = open(info->output_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		status = fail(task, BERTH_TASK_RETRYABLE, "SystemError", strerror(errno));
	else
		status = run_pipeline(task, &request, directory);
	request_finish(&request);
	return status;
}

static int describe(void)
{
	AUTO_JSON json_t *description = report_describe();

	if (!description || json_dumpf(description, stdout, JSON_INDENT(2)) < 0)
		return BERTH_TASK_EXIT_RETRYABLE;
	(void)putchar('\n');
	return fflush(stdout) == 0 ? 0 : BERTH_TASK_EXIT_RETRYABLE;
}

int main(int argc, char **argv)
{
	struct berth_task *task = NULL;
	struct berth_task_error error = {0};
	int status;

	if (argc == 2 && strcmp(argv[1], "--describe") == 0)
		return describe();
	if (berth_task_open(&task, &error) < 0) {
		(void)fprintf(stderr, "image-variants: %s\n", error.message);
		return BERTH_TASK_EXIT_RETRYABLE;
	}
	status = run(task);
	berth_task_close(task);
	return status;
}
