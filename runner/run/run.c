/* SPDX-License-Identifier: Apache-2.0 */
/* Drives the attempts of one run and the signals that may end it early. */
#include "runner/run/run.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/amount.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/descriptor.h"
#include "base/json.h"
#include "base/loop.h"
#include "runner/run/attempt.h"
#include "runner/run/checkpoint_place.h"
#include "runner/run/final_words.h"
#include "runner/run/log_sink.h"
#include "runner/run/result.h"
#include "runner/run/retry.h"
#include "runner/run/terminal.h"

static const struct signal_row {
	int received, passed_on;
	bool of_terminals;
} signal_rows[] = {
	{SIGTERM, SIGTERM, false},
	{SIGINT,  SIGINT,  true },
	{SIGHUP,  SIGHUP,  true },
	{SIGUSR1, SIGTERM,
	 false		  }, /* what batch schedulers send ahead of the end (sbatch --signal) */
};

#define SIGNALS (sizeof(signal_rows) / sizeof(signal_rows[0]))

struct run {
	const struct run_options *options;
	const struct installation *installation;
	struct loop *loop;
	struct loop_source *signal_source;
	struct log_sink *log;
	struct run_plan *plan;
	struct sandbox_ahead *ahead;
	struct sandbox_host *host;
	struct checkpoint_place *checkpoints;
	struct attempt *attempt; /* the one that runs */
	struct run_record *record;
	unsigned interrupts; /* SIGINTs so far */
	bool cancelled, draining;
};

static int handle_signal(void *owner, int signal, pid_t sender, struct berth_error *err)
{
	const struct signal_row *row = signal_rows;
	struct run *run = owner;
	struct attempt_signal passed_on;

	while (row->received != signal) /* only these are watched */
		row++;
	/* a terminal, which is the kernel, speaks to the whole group in the foreground */
	passed_on = (struct attempt_signal){row->passed_on, row->of_terminals && sender == 0};
	if (signal == SIGINT)
		run->interrupts++;
	if (run->attempt && run->interrupts > 1) {
		attempt_kill(run->attempt);
		return 0;
	}
	if (!run->attempt || run->draining) {
		run->cancelled = true;
		loop_stop(run->loop);
		return 0;
	}
	if (!run->cancelled)
		log_sink_notice(run->log, LOG_INFO, "%s: asked to end by SIG%s", run->plan->label,
				sigabbrev_np(signal));
	run->cancelled = true;
	return attempt_cancel(run->attempt, passed_on, err);
}

static int handle_backoff(void *owner, struct berth_error *err)
{
	struct run *run = owner;

	(void)err;
	loop_stop(run->loop);
	return 0;
}

/* What the task named, or the policy's. */
static uint64_t back_off_ms(const struct run *run, const struct attempt_record *last)
{
	uint64_t at_ns = run->record->fail.retry_at_ns, now_ns = clock_realtime_ns();
	uint32_t random = 0;

	if (at_ns != 0)
		return at_ns > now_ns ? (at_ns - now_ns) / CLOCK_NS_PER_MS : 0;
	if (getrandom(&random, sizeof(random), 0) < 0)
		random = 0; /* no jitter, no harm */
	return retry_delay_ms(last->number, random);
}

/* Waits before the next attempt; a signal ends the wait and the run. */
static int back_off(struct run *run, const struct attempt_record *last, struct berth_error *err)
{
	struct loop_source *timer = NULL;
	char text[AMOUNT_TEXT_SIZE];
	uint64_t delay_ms = back_off_ms(run, last);
	int result;

	log_sink_notice(run->log, LOG_WARN, "%s %s; attempt %u of %u in %s", run->plan->label,
			last->message, last->number + 1, run->plan->attempts,
			amount_format_duration_ns(delay_ms * CLOCK_NS_PER_MS, text));
	if (loop_add_timer(run->loop, handle_backoff, run, &timer, err) < 0)
		return -1;
	result = loop_arm_timer(timer, clock_boottime_ns() + delay_ms * CLOCK_NS_PER_MS, err);
	if (result == 0)
		result = loop_run(run->loop, err);
	loop_source_destroy(timer);
	return result;
}

static int run_attempt(struct run *run, struct attempt_record **ret_record, struct berth_error *err)
{
	const struct attempt_context context = {
		.loop = run->loop,
		.host = run->host,
		.plan = run->plan,
		.log = run->log,
		.checkpoints = run->checkpoints,
		.record = run->record,
	};
	struct attempt_record *record;
	int result;

	if (run_record_start_attempt(run->record, &record, err) < 0)
		return -1;
	result = attempt_start(&context, record, &run->attempt, err);
	if (result == 0)
		result = attempt_finish(run->attempt, err);
	attempt_destroy(run->attempt);
	run->attempt = NULL;
	if (result >= 0)
		*ret_record = record;
	return result;
}

static int run_attempts(struct run *run, struct berth_error *err)
{
	struct run_record *record = run->record;

	for (unsigned number = 1; number <= run->plan->attempts; number++) {
		struct attempt_record *attempt = NULL;

		if (run_attempt(run, &attempt, err) < 0)
			return -1;
		record->attempt_count++;
		record->exit_code = attempt->exit_code;
		if (run->cancelled || !retry_is_due(attempt->outcome, number, run->plan->attempts))
			return 0;
		if (back_off(run, attempt, err) < 0)
			return -1;
		if (run->cancelled)
			return 0;
	}
	return 0;
}

/* One that the caller has ignored (nohup, a shell's background job) would not reach the command. */
static int watch_signals(struct run *run, struct berth_error *err)
{
	struct sigaction action;
	int signals[SIGNALS];
	size_t count = 0;

	for (size_t i = 0; i < SIGNALS; i++)
		if (sigaction(signal_rows[i].received, NULL, &action) == 0 &&
		    action.sa_handler != SIG_IGN)
			signals[count++] = signal_rows[i].received;
	return loop_add_signals(run->loop, signals, count, handle_signal, run, &run->signal_source,
				err);
}

static int prepare(struct run *run, struct berth_error *err)
{
	struct sandbox_host_options host_options = {0};

	if (watch_signals(run, err) < 0)
		return -1;
	if (run->options->network == SANDBOX_NETWORK_NONE)
		host_options.ahead = run->ahead = sandbox_ahead_start();
	if (run_plan_create(run->options, run->installation, &run->plan, err) < 0)
		return -1;
	if (sandbox_host_open(&host_options, &run->host, err) < 0)
		return -1;
	return checkpoint_place_open(run->host, run->plan, &run->checkpoints, err);
}

/* A task's output is its answer: one line of JSON on stdout, indented for a person. */
static void print_output(const struct run *run)
{
	size_t flags =
		JSON_ENCODE_ANY | (terminal_is(STDOUT_FILENO) ? JSON_INDENT(2) : JSON_COMPACT);
	AUTO_FREE char *text = NULL;

	if (!run->plan || !run->plan->task || !run->record->output || run->record->exit_code != 0)
		return;
	text = json_dumps(run->record->output, flags);
	/* nobody who reads is nobody to tell */
	if (text && descriptor_write_all(STDOUT_FILENO, text, strlen(text), NULL) == 0)
		(void)descriptor_write_all(STDOUT_FILENO, "\n", 1, NULL);
}

static void write_result(struct run *run)
{
	AUTO_JSON json_t *result = NULL;
	struct berth_error err;

	if (!run->options->result)
		return;
	result = result_format(run->plan, run->record);
	if (result && result_write(run->options->result, result, &err) == 0)
		return;
	log_sink_notice(run->log, LOG_ERROR, "%s", result ? err.message : "out of memory");
	if (run->record->exit_code == 0)
		run->record->exit_code = EXIT_RUN_ERROR;
}

static int handle_log_room(void *owner, struct berth_error *err)
{
	struct run *run = owner;

	(void)err;
	if (log_sink_pending(run->log) == 0)
		loop_stop(run->loop);
	return 0;
}

/* What stderr's reader has not taken yet; a signal ends the wait. */
static void drain_log(struct run *run)
{
	struct berth_error err;

	run->draining = true;
	log_sink_watch(run->log, handle_log_room, run);
	if (log_sink_pending(run->log) > 0)
		(void)loop_run(run->loop, &err); /* nothing is left that could be told */
}

/* From here on signals have their usual effect: what is left may block on its readers. */
static void restore_signals(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < SIGNALS; i++)
		(void)sigaddset(&set, signal_rows[i].received);
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void finish(struct run *run)
{
	checkpoint_place_close(run->checkpoints);
	run->checkpoints = NULL;
	run->record->ended_ns = clock_realtime_ns();
	final_words_say(run->log, run->plan, run->record);
	write_result(run);
	drain_log(run);
	restore_signals();
	print_output(run);
}

static void destroy(struct run *run)
{
	sandbox_host_close(run->host);
	sandbox_ahead_destroy(run->ahead);
	run_plan_destroy(run->plan);
	log_sink_destroy(run->log);
	loop_destroy(run->loop);
	run_record_finish(run->record);
	free(run->record);
}

int run_execute(const struct run_options *options, const struct installation *installation)
{
	const struct log_sink_options log_options = {
		.format = (enum log_format)options->log_format,
		.quiet = options->quiet,
		.verbose = options->verbose,
	};
	struct run run = {.options = options, .installation = installation};
	struct berth_error err = {0};
	int exit_code = EXIT_RUN_ERROR;

	run.record = calloc(1, sizeof(*run.record));
	if (!run.record || loop_create(&run.loop, &err) < 0 ||
	    log_sink_create(run.loop, STDERR_FILENO, &log_options, &run.log, &err) < 0) {
		loop_destroy(run.loop);
		free(run.record);
		return exit_code;
	}
	run.record->started_ns = clock_realtime_ns();
	run.record->exit_code = EXIT_RUN_ERROR;
	if (prepare(&run, &err) < 0 || run_attempts(&run, &err) < 0) {
		run.record->error = err;
		run.record->exit_code = EXIT_RUN_ERROR;
	}
	finish(&run);
	exit_code = run.record->exit_code;
	destroy(&run);
	return exit_code;
}
