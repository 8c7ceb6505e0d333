/* SPDX-License-Identifier: Apache-2.0 */
/* Freezing and reclaiming take time, which the loop spends elsewhere: a tick goes on with them. */
#include "base/clock.h"
#include "runner/crash/crash_point.h"
#include "runner/launcher/launcher.h"
#include "sandbox/pause.h"

#define TICK_NS            CLOCK_NS_PER_MS
#define FREEZE_NS          (5 * CLOCK_NS_PER_S) /* a process may hang in the kernel (NFS, a disk) */
#define RECLAIM_STEP_BYTES (UINT64_C(8) << 20)  /* a few milliseconds */
#define RECLAIM_NS         (30 * CLOCK_NS_PER_S)

static int arm(struct launcher *launcher, struct berth_error *err)
{
	if (launcher->pace_armed)
		return 0;
	launcher->pace_armed = true;
	return loop_arm_timer(launcher->pace_timer, clock_boottime_ns() + TICK_NS, err);
}

static void tell_plain(struct launcher *launcher, uint16_t kind, const struct run *run)
{
	const union outbox_reply reply = {
		.plain = {launcher_header_make(kind, sizeof(struct launcher_plain), run->number,
					       run->token)},
	};

	outbox_reply(&launcher->outbox, &reply);
}

static uint64_t memory_of(const struct run *run)
{
	struct sandbox_usage usage;

	if (sandbox_read_usage(run->sandbox, &usage, NULL) < 0)
		return SANDBOX_USAGE_UNKNOWN;
	return usage.memory_bytes;
}

static int not_running(struct berth_error *err)
{
	return berth_fail(err, BERTH_INVALID, 0, "the run has ended");
}

int run_freeze(struct launcher *launcher, struct run *run, struct berth_error *err)
{
	int frozen;

	if (!run->sandbox)
		return not_running(err);
	crash_point(CRASH_LAUNCHER_BEFORE_FREEZE);
	frozen = sandbox_freeze(run->sandbox, err);
	if (frozen < 0)
		return -1;
	run->frozen = true;
	crash_point(CRASH_LAUNCHER_AFTER_FREEZE);
	if (frozen == 0) {
		tell_plain(launcher, LAUNCHER_FROZEN, run);
		return 0;
	}
	run->pace |= PACE_FREEZING;
	run->pace_until_ns = clock_boottime_ns() + FREEZE_NS;
	return arm(launcher, err);
}

int run_thaw(struct launcher *launcher, struct run *run, struct berth_error *err)
{
	if (!run->sandbox)
		return not_running(err);
	run->pace = 0;
	crash_point(CRASH_LAUNCHER_BEFORE_THAW);
	if (sandbox_thaw(run->sandbox, err) < 0)
		return -1;
	run->frozen = false;
	crash_point(CRASH_LAUNCHER_AFTER_THAW);
	tell_plain(launcher, LAUNCHER_THAWED, run);
	return 0;
}

int run_reclaim(struct launcher *launcher, struct run *run, struct berth_error *err)
{
	if (!run->sandbox)
		return not_running(err);
	if (!run->frozen || (run->pace & PACE_FREEZING))
		return berth_fail(err, BERTH_INVALID, 0, "only a frozen run's memory is reclaimed");
	run->pace |= PACE_RECLAIMING;
	run->pace_until_ns = clock_boottime_ns() + RECLAIM_NS;
	run->reclaim_from_bytes = memory_of(run);
	return arm(launcher, err);
}

int run_pace_resume(struct launcher *launcher, struct run *run, unsigned pace,
		    struct berth_error *err)
{
	/* whoever asked for memory back is gone */
	run->pace = pace & PACE_FREEZING;
	run->pace_until_ns = clock_boottime_ns() + FREEZE_NS;
	return run->pace ? arm(launcher, err) : 0;
}

static void go_on_freezing(struct launcher *launcher, struct run *run, uint64_t now_ns)
{
	int frozen = sandbox_freeze(run->sandbox, NULL);

	if (frozen == SANDBOX_FREEZING && now_ns < run->pace_until_ns)
		return;
	run->pace &= (uint8_t)~PACE_FREEZING;
	if (frozen == 0) {
		outbox_tell(&launcher->outbox, run, TELL_FROZEN);
		return;
	}
	(void)sandbox_thaw(run->sandbox, NULL);
	run->frozen = false;
	outbox_tell(&launcher->outbox, run, TELL_NOT_FROZEN);
}

static void go_on_reclaiming(struct launcher *launcher, struct run *run, uint64_t now_ns)
{
	int left = sandbox_reclaim(run->sandbox, RECLAIM_STEP_BYTES, NULL);

	if (left == SANDBOX_RECLAIMING && now_ns < run->pace_until_ns)
		return;
	run->pace &= (uint8_t)~PACE_RECLAIMING;
	run->reclaim_left_bytes = memory_of(run);
	outbox_tell(&launcher->outbox, run, TELL_RECLAIMED);
}

int run_pace_tick(void *owner, struct berth_error *err)
{
	struct launcher *launcher = owner;
	const uint64_t now_ns = clock_boottime_ns();
	bool more = false;

	launcher->pace_armed = false;
	for (struct run *run = run_table_next(launcher->table, 0); run;
	     run = run_table_next(launcher->table, run_table_index(launcher->table, run) + 1)) {
		if (run->pace & PACE_FREEZING)
			go_on_freezing(launcher, run, now_ns);
		else if (run->pace & PACE_RECLAIMING)
			go_on_reclaiming(launcher, run, now_ns);
		more = more || run->pace;
	}
	if (more && arm(launcher, err) < 0)
		return -1;
	return launcher_flush(launcher, err);
}
