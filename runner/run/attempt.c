/* SPDX-License-Identifier: Apache-2.0 */
/* The life of one attempt: volumes, launch, loop, outcome, collection. */
#include "runner/run/attempt.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/loop.h"
#include "runner/run/attempt_state.h"
#include "runner/run/checkpoint_place.h"
#include "runner/run/log_sink.h"
#include "runner/run/standard_streams.h"

#define LAST_WORDS_MS 200 /* what the task said on the channel just before it ended */
#define VOLUMES_MAX   3

static int stop_when_complete(struct attempt *attempt)
{
	if (attempt->ended && streams_are_done(attempt->streams))
		loop_stop(attempt->context.loop);
	return 0;
}

static bool on_stderr(void *owner, size_t length)
{
	return attempt_count_log(owner, length);
}

static int on_streams_done(void *owner, struct berth_error *err)
{
	(void)err;
	return stop_when_complete(owner);
}

static const struct streams_handlers streams_handlers = {
	.on_stderr = on_stderr,
	.on_done = on_streams_done,
};

static int handle_sandbox(void *owner, uint32_t events, struct berth_error *err)
{
	struct attempt *attempt = owner;
	int happened;

	(void)events;
	while ((happened = sandbox_dispatch(attempt->sandbox, err)) == SANDBOX_STARTED) {
		attempt->started = true;
		if (attempt_open_channel(attempt, err) < 0)
			return -1;
		/* asked to end before it was there to hear it */
		if (attempt->stop != STOP_NONE &&
		    attempt_ask(attempt, attempt->stop, attempt->stop_signal, err) < 0)
			return -1;
	}
	if (happened <= 0)
		return happened;
	attempt->ended = true;
	loop_source_destroy(attempt->sandbox_source);
	attempt->sandbox_source = NULL;
	if (attempt->channel)
		task_channel_drain(attempt->channel, LAST_WORDS_MS);
	if (attempt_bound_drain(attempt, err) < 0)
		return -1;
	return stop_when_complete(attempt);
}

static int open_volume(struct attempt *attempt, enum run_volume kind,
		       struct sandbox_volume **ret_volume, struct berth_error *err)
{
	const struct resource_limits *limits = &attempt->context.plan->limits;
	struct sandbox_host *host = attempt->context.host;

	switch (kind) {
	case RUN_VOLUME_NONE:
		return 0;
	case RUN_VOLUME_MEMORY:
		return sandbox_volume_create_memory(host, limits->tmpfs_bytes, limits->tmpfs_inodes,
						    ret_volume, err);
	case RUN_VOLUME_DISK:
		return sandbox_volume_open_disk(host, NULL, limits->disk_bytes, limits->disk_inodes,
						ret_volume, err);
	}
	return 0;
}

static int open_streams(struct attempt *attempt, struct berth_error *err)
{
	const struct run_plan *plan = attempt->context.plan;
	const struct streams_options options = {
		.stdin_fd = plan->task ? -1 : STDIN_FILENO,
		.stdout_fd = STDOUT_FILENO,
		.log = attempt->context.log,
		.one_output = plan->options->log_format != LOG_FORMAT_JSON &&
			      standard_streams_are_one(STDOUT_FILENO, STDERR_FILENO),
	};

	return streams_create(attempt->context.loop, &options, &streams_handlers, attempt,
			      &attempt->streams, err);
}

static size_t list_volumes(const struct attempt *attempt,
			   struct sandbox_volume_mount volumes[VOLUMES_MAX])
{
	struct sandbox_volume *checkpoint = checkpoint_place_volume(attempt->context.checkpoints);
	size_t count = 0;

	if (attempt->work)
		volumes[count++] = (struct sandbox_volume_mount){attempt->work, RUN_WORK_PATH};
	if (attempt->output)
		volumes[count++] = (struct sandbox_volume_mount){attempt->output, RUN_OUTPUT_PATH};
	if (checkpoint)
		volumes[count++] = (struct sandbox_volume_mount){checkpoint, RUN_CHECKPOINT_PATH};
	return count;
}

/* The plan's environment and what only this attempt knows. */
static int make_environment(const struct attempt *attempt, struct string_list *list, char *number,
			    struct berth_error *err)
{
	const struct string_list *base = &attempt->context.plan->environment;

	for (size_t i = 0; i < base->count; i++)
		if (string_list_add_borrowed(list, base->items[i], err) < 0)
			return -1;
	return string_list_add_borrowed(list, number, err);
}

static int launch(struct attempt *attempt, struct berth_error *err)
{
	const struct run_plan *plan = attempt->context.plan;
	struct sandbox_volume_mount volumes[VOLUMES_MAX];
	struct string_list environment = {0};
	char number[32];
	int fds[3], result;
	struct sandbox_spec spec = {
		.name = plan->id,
		.arguments = (const char *const *)plan->arguments.items,
		.working_directory = plan->options->cwd ?: RUN_WORK_PATH,
		.mounts = plan->mounts,
		.mount_count = plan->mount_count,
		.volumes = volumes,
		.volume_count = list_volumes(attempt, volumes),
		.limits = plan->limits,
		.network = (enum sandbox_network)plan->options->network,
		.channel = true,
	};

	streams_task_descriptors(attempt->streams, fds);
	spec.stdin_fd = fds[0];
	spec.stdout_fd = fds[1];
	spec.stderr_fd = fds[2];
	(void)snprintf(number, sizeof(number), "BERTH_ATTEMPT=%u", attempt->record->number);
	result = make_environment(attempt, &environment, number, err);
	if (result == 0) {
		spec.environment = (const char *const *)environment.items;
		result = sandbox_launch(attempt->context.host, &spec, &attempt->sandbox, err);
	}
	string_list_finish_borrowed(&environment);
	streams_close_task_descriptors(attempt->streams);
	return result;
}

static int start(struct attempt *attempt, struct berth_error *err)
{
	const struct run_plan *plan = attempt->context.plan;

	if (open_volume(attempt, plan->work, &attempt->work, err) < 0 ||
	    open_volume(attempt, plan->output, &attempt->output, err) < 0 ||
	    open_streams(attempt, err) < 0 || launch(attempt, err) < 0)
		return -1;
	if (loop_add_descriptor(attempt->context.loop, sandbox_descriptor(attempt->sandbox),
				EPOLLIN, handle_sandbox, attempt, &attempt->sandbox_source,
				err) < 0)
		return -1;
	return attempt_arm(attempt, err);
}

int attempt_start(const struct attempt_context *context, struct attempt_record *record,
		  struct attempt **ret_attempt, struct berth_error *err)
{
	struct attempt *attempt = calloc(1, sizeof(*attempt));

	if (!attempt)
		return berth_fail(err, BERTH_MEMORY, 0, "out of memory");
	attempt->context = *context;
	attempt->record = record;
	record->started_ns = clock_realtime_ns();
	if (identifier_create("attempt", record->id, err) < 0 || start(attempt, err) < 0) {
		attempt_destroy(attempt);
		return -1;
	}
	*ret_attempt = attempt;
	return 0;
}

/* Only what a completed run left is worth keeping: half a video looks like a whole one. */
static int collect(struct attempt *attempt, struct berth_error *err)
{
	const struct run_plan *plan = attempt->context.plan;
	struct run_record *record = attempt->context.record;
	const struct collector_limits limits = {
		.bytes = plan->limits.disk_bytes,
		.entries = (uint64_t)plan->limits.disk_inodes,
	};

	if (!attempt->output || attempt->record->outcome != OUTCOME_COMPLETED)
		return 0;
	if (!plan->options->output) {
		if (collector_has_entries(sandbox_volume_descriptor(attempt->output)))
			log_sink_notice(attempt->context.log, LOG_WARN,
					"%s: the files in /output are not kept: give --output DIR",
					plan->label);
		return 0;
	}
	record->has_collected = true;
	return collector_copy(sandbox_volume_descriptor(attempt->output), plan->options->output,
			      &limits, &record->collected, err);
}

/* What the task said of its failure says more than its exit status. */
static void describe(struct attempt *attempt)
{
	struct attempt_record *record = attempt->record;
	const struct fail_record *fail = &attempt->context.record->fail;

	if (record->outcome == OUTCOME_RETRYABLE || record->outcome == OUTCOME_PERMANENT)
		if (fail->kind != RUN_FAIL_NONE) {
			(void)snprintf(record->message, sizeof(record->message), "%s: %s: %s",
				       outcome_rows[record->outcome].sentence, fail->name,
				       fail->message);
			return;
		}
	(void)outcome_format_message(record->outcome, &record->sandbox, record->message,
				     sizeof(record->message));
}

static void conclude(struct attempt *attempt)
{
	struct attempt_record *record = attempt->record;
	struct run_record *run = attempt->context.record;
	const struct outcome_facts facts = {
		.sandbox = &record->sandbox,
		.stop = attempt->stop,
		.fail = run->fail.kind,
	};
	const struct sandbox_protection_state *protections = sandbox_protections(attempt->sandbox);

	record->sandbox = *sandbox_outcome(attempt->sandbox);
	record->outcome = outcome_decide(&facts);
	record->exit_code = outcome_exit_code(record->outcome, &record->sandbox);
	record->reason = outcome_reason(record->outcome, &record->sandbox);
	describe(attempt);
	for (size_t i = 0; i < SANDBOX_PROTECTIONS; i++)
		run->protections[i] = protections[i];
	run->has_protections = true;
}

int attempt_finish(struct attempt *attempt, struct berth_error *err)
{
	int result = loop_run(attempt->context.loop, err);
	int lost;

	attempt->record->ended_ns = clock_realtime_ns();
	if (result < 0)
		return -1;
	conclude(attempt);
	/* a shell's redirection would have told the command itself */
	lost = streams_output_failure(attempt->streams);
	if (lost && attempt->record->outcome == OUTCOME_COMPLETED)
		return berth_fail(err, BERTH_SYSTEM, lost, "pass on the task's stdout");
	return collect(attempt, err);
}

void attempt_destroy(struct attempt *attempt)
{
	if (!attempt)
		return;
	loop_source_destroy(attempt->sandbox_source);
	loop_source_destroy(attempt->deadline);
	loop_source_destroy(attempt->grace);
	loop_source_destroy(attempt->sample);
	task_channel_destroy(attempt->channel);
	sandbox_destroy(attempt->sandbox);
	streams_destroy(attempt->streams);
	sandbox_volume_close(attempt->work);
	sandbox_volume_close(attempt->output);
	free(attempt);
}
