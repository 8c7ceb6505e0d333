/* SPDX-License-Identifier: Apache-2.0 */
/* The end of an attempt: what is left of its output, its outcome to the engine, and, once that is
 * committed, its place in the launcher's table given back. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "runner/crash/crash_point.h"
#include "runner/log/log_seal.h"
#include "runner/supervisor/live_state.h"
#include "runner/supervisor/workers.h"

#define LAST_WORDS_MS 200
#define MESSAGE_SIZE  512

struct end_job {
	struct engine_job job;
	struct live *live;
	struct engine_attempt_end end;
	char message[MESSAGE_SIZE];
	char *error, *usage, *protections; /* owned */
};

static int work(struct engine *engine, void *argument, struct berth_error *err)
{
	struct end_job *job = argument;

	int ended = engine_attempt_end(engine, job->live->run_id, job->live->token, &job->end, err);

	crash_point(CRASH_END_RECORDED);
	return ended;
}

struct seal_chore {
	struct control_chore chore;
	int directory;
	int64_t run_id, attempt;
};

static int seal(struct control_chore *chore, struct berth_error *err)
{
	const struct seal_chore *work = (struct seal_chore *)chore;
	int sealed;

	crash_point(CRASH_SEAL_BEFORE);
	sealed = log_seal_attempt(work->directory, work->run_id, work->attempt, err);
	crash_point(CRASH_SEAL_AFTER);
	return sealed;
}

/* One that could not be sealed is read as it is. */
static void on_sealed(struct control_chore *chore, int result, const struct berth_error *err)
{
	(void)result;
	(void)err;
	free(chore);
}

static void seal_later(const struct live *live)
{
	struct seal_chore *chore;

	if (!live->log || !log_writer_has_files(live->log))
		return;
	chore = calloc(1, sizeof(*chore));
	if (!chore)
		return;
	*chore = (struct seal_chore){
		.chore = {.run = seal, .done = on_sealed},
		.directory = live->services->log_directory,
		.run_id = live->run_id,
		.attempt = live->launch.attempt,
	};
	workers_submit(live->services->workers, &chore->chore);
}

/* Recorded: nobody needs the launcher's copy any more. */
static void on_recorded(struct engine_job *engine_job, int result, const struct berth_error *why)
{
	struct end_job *job = (struct end_job *)engine_job;
	struct live *live = job->live;

	(void)why;
	live->jobs--;
	crash_point(CRASH_END_BEFORE_RELEASE);
	/* one that the store cannot record is left to the next supervisor */
	if (result >= 0 && live->has_ended)
		(void)launcher_client_ask(live->services->launcher, live_name(live),
					  LAUNCHER_RELEASE, NULL);
	crash_point(CRASH_END_AFTER_RELEASE);
	seal_later(live);
	live->is_released = true;
	free(job->error);
	free(job->usage);
	free(job->protections);
	free(job);
	live_go_on(live);
}

static struct end_job *create_job(struct live *live)
{
	struct end_job *job = calloc(1, sizeof(*job));

	if (job) {
		job->job.work = work;
		job->job.done = on_recorded;
		job->live = live;
		live->jobs++;
	}
	return job;
}

static json_t *number_or_null(uint64_t value)
{
	return value == SANDBOX_USAGE_UNKNOWN ? json_null() : json_integer((json_int_t)value);
}

static char *format_usage(const struct sandbox_usage *usage)
{
	const struct {
		const char *name;
		uint64_t value;
	} rows[] = {
		{"wallNs",          usage->wall_ns          },
		{"cpuNs",           usage->cpu_ns           },
		{"cpuUserNs",       usage->cpu_user_ns      },
		{"cpuSystemNs",     usage->cpu_system_ns    },
		{"throttledNs",     usage->throttled_ns     },
		{"memoryPeakBytes", usage->memory_peak_bytes},
		{"ioReadBytes",     usage->io_read_bytes    },
		{"ioWriteBytes",    usage->io_write_bytes   },
	};
	AUTO_JSON json_t *object = json_object();

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		(void)json_object_set_new(object, rows[i].name, number_or_null(rows[i].value));
	return object ? json_format_compact(object) : NULL;
}

/* What this run lacked; nothing when it lacked nothing. */
static char *format_protections(const struct sandbox_protection_state *states)
{
	AUTO_JSON json_t *missing = json_object();

	for (size_t i = 0; i < SANDBOX_PROTECTIONS; i++)
		if (states[i].status == SANDBOX_UNAVAILABLE)
			(void)json_object_set_new(missing, sandbox_protection_rows[i].name,
						  json_string(states[i].detail));
	return missing && json_object_size(missing) > 0 ? json_format_compact(missing) : NULL;
}

/* The task's own words become the run's error. */
static enum run_fail_kind read_fail(struct end_job *job)
{
	const char *text = job->live->launch.fail;
	AUTO_JSON json_t *fail = NULL;
	AUTO_JSON json_t *error = NULL;

	if (!text || json_parse(text, strlen(text), &fail, NULL) < 0)
		return RUN_FAIL_NONE;
	error = json_pack("{s:s, s:O, s:O, s:s}", "type", "BUILT_IN_ERROR", "name",
			  json_object_get(fail, "name"), "message",
			  json_object_get(fail, "message"), "stackTrace", "");
	if (error)
		job->error = json_format_compact(error);
	job->end.retry_at_ns = (uint64_t)json_integer_value(json_object_get(fail, "retryAtNs"));
	return json_is_true(json_object_get(fail, "permanent")) ? RUN_FAIL_PERMANENT
								: RUN_FAIL_RETRYABLE;
}

static void fill(struct end_job *job)
{
	struct live *live = job->live;
	const struct sandbox_outcome *sandbox = &live->outcome;
	struct outcome_facts facts = {.sandbox = sandbox, .stop = live->stop};
	struct engine_attempt_end *end = &job->end;

	facts.fail = read_fail(job);
	end->outcome = outcome_decide(&facts);
	if (end->outcome != OUTCOME_RETRYABLE && end->outcome != OUTCOME_PERMANENT) {
		free(steal_ptr(&job->error));
		end->retry_at_ns = 0;
	}
	end->reason = outcome_reason(end->outcome, sandbox);
	end->exit_code = outcome_exit_code(end->outcome, sandbox);
	end->message =
		outcome_format_message(end->outcome, sandbox, job->message, sizeof(job->message));
	end->error = job->error;
	end->usage = job->usage = format_usage(&sandbox->usage);
	end->protections = job->protections = format_protections(live->protections);
	end->cpu_ns = sandbox_usage_known(sandbox->usage.cpu_ns);
	end->wall_ns = sandbox_usage_known(sandbox->usage.wall_ns);
	end->memory_peak_bytes = sandbox_usage_known(sandbox->usage.memory_peak_bytes);
	end->log_bytes = live->log ? log_writer_kept_bytes(live->log) : 0;
}

/* What the task said last is still on its way: to the engine, or to a disk that is full. */
static int hear_last_words(struct live *live, struct berth_error *err)
{
	int drained;

	if (live->channel) {
		task_channel_drain(live->channel, LAST_WORDS_MS);
		if (task_channel_pending(live->channel) > 0)
			return 1;
	}
	drained = live_drain_streams(live, err);
	if (drained == LOG_WRITER_NO_SPACE)
		return live_wait_for_space(live, err) < 0 ? -1 : 1;
	return drained;
}

int live_report_end(struct live *live, struct berth_error *err)
{
	struct end_job *job;
	int heard;

	if (live->is_reported || !live->is_settled)
		return 0;
	heard = hear_last_words(live, err);
	if (heard != 0)
		return heard < 0 ? -1 : 0;
	job = create_job(live);
	if (!job)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "report the end of a run");
	live->is_reported = true;
	crash_point(CRASH_END_BEFORE_REPORT);
	fill(job);
	live_close_streams(live);
	task_channel_destroy(steal_ptr(&live->channel));
	engine_thread_submit(live->services->engine, &job->job, true);
	return 0;
}

int live_report_failure(struct live *live, const struct berth_error *why, struct berth_error *err)
{
	struct end_job *job = create_job(live);

	if (!job)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "report the end of a run");
	live->is_reported = true;
	(void)snprintf(job->message, sizeof(job->message), "%s", why->message);
	job->end = (struct engine_attempt_end){
		.outcome = OUTCOME_ERROR,
		.exit_code = EXIT_RUN_ERROR,
		.message = job->message,
	};
	live_close_streams(live);
	engine_thread_submit(live->services->engine, &job->job, true);
	return 0;
}

int live_ended(struct live *live, const struct sandbox_outcome *outcome, struct berth_error *err)
{
	bool is_killed = outcome->end == SANDBOX_SIGNALED && outcome->code == SIGKILL &&
			 !(outcome->hits & SANDBOX_HIT_MEMORY);

	/* not its own fault: it goes on at the next start, as one that was interrupted */
	if (*live->services->is_leaving && is_killed && live->stop == STOP_NONE)
		return 0;
	live->has_ended = true;
	live->outcome = *outcome;
	return live_report_end(live, err);
}

int live_refused(struct live *live, const struct launcher_refused *refused, struct berth_error *err)
{
	switch (refused->request) {
	case LAUNCHER_LAUNCH:
		return live_report_failure(live, &refused->error, err);
	case LAUNCHER_FREEZE: /* it only costs more while it waits */
		live->is_frozen = false;
		return 0;
	default: /* it has ended meanwhile, or the host cannot: ENDED or nothing follows */
		return 0;
	}
}
