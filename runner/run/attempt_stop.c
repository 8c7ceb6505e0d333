/* SPDX-License-Identifier: Apache-2.0 */
/* Why and how berth ends an attempt that would go on: cancel, timeout, limits. */
#include <signal.h>

#include "base/clock.h"
#include "base/loop.h"
#include "runner/run/attempt_state.h"
#include "runner/run/checkpoint_place.h"
#include "runner/run/log_sink.h"

#define SAMPLE_NS        CLOCK_NS_PER_S
#define FULL_SAMPLES_MAX 2
#define DRAIN_NS         CLOCK_NS_PER_S /* for the streams of a run that was stopped */

void attempt_stop_now(struct attempt *attempt, enum run_stop stop)
{
	if (attempt->ended)
		return;
	if (stop > attempt->stop)
		attempt->stop = stop;
	sandbox_kill(attempt->sandbox);
}

static int handle_grace(void *owner, struct berth_error *err)
{
	struct attempt *attempt = owner;

	(void)err;
	if (attempt->ended) {
		loop_stop(attempt->context.loop);
		return 0;
	}
	attempt_stop_now(attempt,
			 attempt->stop == STOP_TIMEOUT ? STOP_TIMEOUT_KILL : STOP_CANCEL_KILL);
	return 0;
}

static int arm_grace(struct attempt *attempt, uint64_t delay_ns, struct berth_error *err)
{
	if (!attempt->grace &&
	    loop_add_timer(attempt->context.loop, handle_grace, attempt, &attempt->grace, err) < 0)
		return -1;
	return loop_arm_timer(attempt->grace, clock_boottime_ns() + delay_ns, err);
}

static int tell_task(struct attempt *attempt, struct berth_error *err)
{
	const char *reason = attempt->stop == STOP_TIMEOUT ? "timeout" : "signal";
	uint64_t grace_ms = attempt->context.plan->options->grace_ms;

	if (!attempt->started)
		return 0;
	if (!attempt->stop_told && attempt->channel &&
	    task_channel_cancel(attempt->channel, reason, grace_ms, err) < 0)
		return -1;
	attempt->stop_told = true;
	/* it may be ending at this moment; otherwise the kill comes after the grace period */
	if (attempt->stop_signal.group)
		(void)sandbox_signal_group(attempt->sandbox, attempt->stop_signal.number, NULL);
	else
		(void)sandbox_signal(attempt->sandbox, attempt->stop_signal.number, NULL);
	return 0;
}

int attempt_ask(struct attempt *attempt, enum run_stop stop, struct attempt_signal signal,
		struct berth_error *err)
{
	uint64_t grace_ns = attempt->context.plan->options->grace_ms * CLOCK_NS_PER_MS;

	if (attempt->ended) {
		loop_stop(attempt->context.loop); /* only a slow reader is left to wait for */
		return 0;
	}
	attempt->stop_signal = signal;
	if (attempt->stop == STOP_NONE) {
		attempt->stop = stop;
		if (arm_grace(attempt, grace_ns ?: 1, err) < 0)
			return -1;
	}
	return tell_task(attempt, err);
}

int attempt_bound_drain(struct attempt *attempt, struct berth_error *err)
{
	return attempt->stop == STOP_NONE ? 0 : arm_grace(attempt, DRAIN_NS, err);
}

int attempt_cancel(struct attempt *attempt, struct attempt_signal signal, struct berth_error *err)
{
	return attempt_ask(attempt, STOP_CANCEL, signal, err);
}

void attempt_kill(struct attempt *attempt)
{
	if (attempt->ended)
		loop_stop(attempt->context.loop);
	else
		attempt_stop_now(attempt, STOP_CANCEL_KILL);
}

static int handle_deadline(void *owner, struct berth_error *err)
{
	const struct attempt_signal signal = {.number = SIGTERM};
	struct attempt *attempt = owner;

	/* only its output is still being read; or it was asked already and may be saving */
	if (attempt->ended || attempt->stop != STOP_NONE)
		return 0;
	return attempt_ask(attempt, STOP_TIMEOUT, signal, err);
}

static bool is_full_disk(const struct sandbox_volume *volume)
{
	return volume && sandbox_volume_kind(volume) != SANDBOX_VOLUME_MEMORY &&
	       sandbox_volume_is_full(volume);
}

static bool has_full_disk(const struct attempt *attempt)
{
	return is_full_disk(attempt->work) || is_full_disk(attempt->output) ||
	       is_full_disk(checkpoint_place_volume(attempt->context.checkpoints));
}

static int handle_sample(void *owner, struct berth_error *err)
{
	struct attempt *attempt = owner;
	struct sandbox_usage usage;

	if (attempt->ended)
		return 0;
	if (sandbox_read_usage(attempt->sandbox, &usage, err) < 0)
		return -1;
	if (usage.pids_refused != SANDBOX_USAGE_UNKNOWN &&
	    usage.pids_refused > OUTCOME_PIDS_REFUSED_MAX)
		attempt_stop_now(attempt, STOP_PIDS);
	attempt->full_samples = has_full_disk(attempt) ? attempt->full_samples + 1 : 0;
	if (attempt->full_samples == FULL_SAMPLES_MAX)
		attempt_stop_now(attempt, STOP_DISK);
	return loop_arm_timer(attempt->sample, clock_boottime_ns() + SAMPLE_NS, err);
}

int attempt_arm(struct attempt *attempt, struct berth_error *err)
{
	uint64_t timeout_ns = attempt->context.plan->timeout_ms * CLOCK_NS_PER_MS;
	uint64_t now = clock_boottime_ns();

	if (loop_add_timer(attempt->context.loop, handle_sample, attempt, &attempt->sample, err) <
		    0 ||
	    loop_arm_timer(attempt->sample, now + SAMPLE_NS, err) < 0)
		return -1;
	if (!timeout_ns)
		return 0;
	if (loop_add_timer(attempt->context.loop, handle_deadline, attempt, &attempt->deadline,
			   err) < 0)
		return -1;
	return loop_arm_timer(attempt->deadline, now + timeout_ns, err);
}

bool attempt_count_log(struct attempt *attempt, size_t length)
{
	uint64_t limit = attempt->context.plan->limits.log_bytes;

	attempt->record->log_bytes += length;
	if (!limit || attempt->record->log_bytes <= limit)
		return true;
	attempt_stop_now(attempt, STOP_LOG);
	return false;
}
