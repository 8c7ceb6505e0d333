/* SPDX-License-Identifier: Apache-2.0 */
/* The engine through many hours in a few seconds: one thread, one seed, no time of its own.
 *   simulator [HOURS [SEED]]
 * Everything that must be true is checked after every group; every two days all work runs out and
 * nothing may be left. On failure it prints the seed. */
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/clock.h"
#include "runner/engine/engine_core.h"
#include "runner/engine/engine_queues.h"
#include "runner/store/store_queues.h"
#include "tests/simulator/world.h"

#define HOURS_DEFAULT 200
#define HOUR_NS       (3600 * CLOCK_NS_PER_S)
#define PERIOD_NS     (48 * HOUR_NS)
#define RUN_OUT_NS    (24 * 30 * HOUR_NS) /* far longer than anything takes */
#define ARRIVAL_MS    600000

static int open_queues(struct engine *engine, void *argument, struct berth_error *err)
{
	(void)argument;
	for (int64_t queue_id = 1;; queue_id++) {
		struct queue_row queue;
		int found = store_queue_read(engine_store(engine), queue_id, &queue, err);

		if (found != 0)
			return found < 0 ? -1 : 0;
		if (engine_queue_pause(engine, queue_id, false, err) < 0 ||
		    engine_queue_override(engine, queue_id, -1, err) < 0)
			return -1;
	}
}

/* Whatever was paused goes on; nothing new comes; everything ends. */
static void run_out(struct world *world)
{
	uint64_t deadline_ns = world->now_ns + RUN_OUT_NS;
	struct berth_error err = {0};

	world->is_quiet = true;
	if (engine_group_begin(world->engine, &err) < 0 ||
	    engine_do(world->engine, open_queues, world, &err) < 0)
		world_fail(world, "open the queues: %s", err.message);
	engine_group_abort(world->engine); /* once for nothing: it must be as if it had not been */
	if (engine_group_begin(world->engine, &err) < 0 ||
	    engine_do(world->engine, open_queues, world, &err) < 0 ||
	    engine_group_commit(world->engine, &err) < 0)
		world_fail(world, "open the queues: %s", err.message);
	world_restart(world, false); /* and so are the effects of that commit lost */
	while (check_unfinished(world) > 0 || world->live_count > 0) {
		uint64_t next_ns = world_next_ns(world);

		if (next_ns == UINT64_MAX || next_ns > deadline_ns)
			world_fail(world, "%" PRId64 " runs never end", check_unfinished(world));
		if (next_ns > world->now_ns)
			world->now_ns = next_ns;
		world_group(world, false);
	}
	check_empty(world);
	world->is_quiet = false;
}

/* A clock that jumps, and deaths. */
static void disturb(struct world *world)
{
	if (world_chance(world, 200))
		world->now_ns += world_random(world, 4 * HOUR_NS);
	if (world_chance(world, 400))
		world->now_ns -= world_random(world, HOUR_NS / 2);
	if (world_chance(world, 100))
		world_restart(world, false);
	if (world_chance(world, 400))
		world_restart(world, true);
}

static void simulate(struct world *world, uint64_t hours)
{
	uint64_t end_ns = world->now_ns + hours * HOUR_NS;

	while (world->now_ns < end_ns) {
		uint64_t period_ns = world->now_ns + PERIOD_NS;
		uint64_t arrival_ns = world->now_ns;

		while (world->now_ns < period_ns) {
			uint64_t next_ns = world_next_ns(world);
			bool arrives = arrival_ns <= next_ns;

			if (arrives)
				next_ns = arrival_ns;
			if (next_ns > world->now_ns)
				world->now_ns = next_ns;
			world_group(world, arrives);
			/* bursts, and pauses between them */
			if (arrives)
				arrival_ns = world->now_ns +
					     world_pause_ns(world, world_chance(world, 8)
									   ? 4 * ARRIVAL_MS
									   : ARRIVAL_MS / 20);
			disturb(world);
		}
		run_out(world);
	}
}

int main(int argc, char **argv)
{
	static struct world world;
	uint64_t hours = argc > 1 ? strtoull(argv[1], NULL, 10) : HOURS_DEFAULT;
	uint64_t seed;

	if (argc > 2)
		seed = strtoull(argv[2], NULL, 10);
	else if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
		return EXIT_FAILURE;
	(void)printf("simulator: %" PRIu64 " hours, seed %" PRIu64 "\n", hours, seed);
	(void)fflush(stdout);
	/* one thread: no locks around each allocation */
	if (sqlite3_config(SQLITE_CONFIG_SINGLETHREAD) != SQLITE_OK ||
	    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0) != SQLITE_OK)
		return EXIT_FAILURE;
	world_open(&world, seed);
	simulate(&world, hours);
	(void)printf("%" PRIu64 " groups (%" PRIu64 " lost), %" PRIu64 " runs, %" PRIu64
		     " attempts, %" PRIu64 " waits, %" PRIu64
		     " restarts of the supervisor, %" PRIu64 " of the launcher, %d versions\n",
		     world.groups, world.lost_groups, world.runs, world.attempts, world.waits,
		     world.restarts, world.launcher_deaths, world.versions);
	world_close(&world);
	return EXIT_SUCCESS;
}
