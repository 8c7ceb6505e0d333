/* SPDX-License-Identifier: Apache-2.0 */
/* The simulator's clock, launcher and groups. */
#include "tests/simulator/world.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "runner/engine/engine_core.h"
#include "runner/engine/run_state.h"
#include "runner/store/store_runs.h"

#define EPOCH_NS  (UINT64_C(1767225600) * CLOCK_NS_PER_S)
#define TICK_MOST 64
#define AGAIN_NS  CLOCK_NS_PER_S

static const struct world *clock_of;

static uint64_t read_clock(void)
{
	return clock_of->now_ns;
}

static const struct clock_source simulated = {read_clock, read_clock};

/* splitmix64, https://prng.di.unimi.it/splitmix64.c */
uint64_t world_random(struct world *world, uint64_t below)
{
	uint64_t mixed = world->random += UINT64_C(0x9e3779b97f4a7c15);

	mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (mixed ^ (mixed >> 31)) % below;
}

bool world_chance(struct world *world, uint64_t times)
{
	return world_random(world, times) == 0;
}

uint64_t world_pause_ns(struct world *world, uint64_t mean_ms)
{
	uint64_t pause_ms = mean_ms / 2 + 1;

	/* halves and doublings: mostly short, at times long */
	while (pause_ms < mean_ms * 8 && world_chance(world, 3))
		pause_ms *= 2;
	return world_random(world, pause_ms * 2) * CLOCK_NS_PER_MS;
}

_Noreturn void world_fail(const struct world *world, const char *format, ...)
{
	va_list arguments;

	(void)fflush(stdout);
	(void)fprintf(stderr,
		      "simulator: seed %" PRIu64 ", %.3f s after the start, group %" PRIu64 ": ",
		      world->seed, (double)(world->now_ns - EPOCH_NS) / 1e9, world->groups);
	va_start(arguments, format);
	(void)vfprintf(stderr, format, arguments);
	va_end(arguments);
	(void)fputc('\n', stderr);
	abort();
}

static int refuse_commit(void *argument)
{
	const struct world *world = argument;

	return world->fails_commit;
}

static void make_engine(struct world *world)
{
	struct berth_error err = {0};

	if (engine_create(world->store, &world->settings, &world->engine, &err) < 0)
		world_fail(world, "engine: %s", err.message);
	engine_seed(world->engine, world_random(world, UINT64_MAX));
}

void world_open(struct world *world, uint64_t seed)
{
	struct berth_error err = {0};

	memset(world, 0, sizeof(*world));
	world->seed = world->random = seed;
	world->now_ns = EPOCH_NS;
	clock_of = world;
	clock_inject(&simulated);
	if (machine_list_load(NULL, MACHINE_NO_DIRECTORY, &world->machines, &err) < 0 ||
	    store_open("", STORE_MEMORY, &world->store, &err) < 0)
		world_fail(world, "open: %s", err.message);
	store_set_commit_hook(world->store, refuse_commit, world);
	world->settings = (struct engine_settings){
		.concurrency = 8,
		.burst = 1.5,
		.cpu_millis = 6000,
		.memory_bytes = UINT64_C(12) << 30,
		.starvation_ms = 5000,
		.max_ttl_ms = 0,
		.queue_size_limit = 200,
		.machines = &world->machines,
	};
	check_open(world);
	make_engine(world);
	if (engine_group_begin(world->engine, &err) < 0 ||
	    engine_do(world->engine, act_deploy, world, &err) < 0 ||
	    engine_group_commit(world->engine, &err) < 0)
		world_fail(world, "deploy: %s", err.message);
	engine_hold(world->engine, false);
}

void world_close(struct world *world)
{
	engine_destroy(world->engine);
	check_close();
	store_close(world->store);
	machine_list_finish(&world->machines);
	clock_inject(NULL);
}

static struct live *find_live(struct world *world, const char *token)
{
	for (size_t i = 0; i < world->live_count; i++)
		if (strcmp(world->live[i].token, token) == 0)
			return &world->live[i];
	return NULL;
}

static void remove_live(struct world *world, struct live *live)
{
	*live = world->live[--world->live_count];
}

static void launch(struct world *world, const struct engine_effect *effect)
{
	struct live *live;

	for (size_t i = 0; i < world->live_count; i++)
		if (world->live[i].run_id == effect->run_id)
			world_fail(world, "a second attempt of run %" PRId64 " beside a live one",
				   effect->run_id);
	if (world->live_count == WORLD_LIVE_MAX)
		world_fail(world, "more than %d live attempts", WORLD_LIVE_MAX);
	live = &world->live[world->live_count++];
	*live = (struct live){.run_id = effect->run_id, .phase = LIVE_LAUNCHING};
	memcpy(live->token, effect->token, sizeof(live->token));
	live->due_ns = world->now_ns + world_pause_ns(world, 2000);
	live->acts_left = (int)world_random(world, 4);
	world->attempts++;
}

struct known *world_find_known(struct world *world, int64_t run_id)
{
	for (size_t i = world->known_count; i-- > 0;) /* mostly it is a young one */
		if (world->known[i].run_id == run_id)
			return &world->known[i];
	return NULL;
}

static void note_end(struct world *world, int64_t run_id)
{
	struct known *known = world_find_known(world, run_id);

	if (known && ++known->ends > 1)
		world_fail(world, "run %" PRId64 " ended twice", run_id);
}

static void answer(struct world *world, struct live *live)
{
	if (live->phase != LIVE_WAITING)
		return;
	live->phase = LIVE_EXECUTING;
	live->due_ns = world->now_ns + world_pause_ns(world, 1000);
}

/* Asked ones end soon, in one way or another; killed ones at once. */
static void stop(struct world *world, struct live *live, uint64_t within_ms)
{
	if (live->phase == LIVE_ENDED)
		return;
	live->is_asked = true;
	live->phase = LIVE_ENDED;
	live->end = (struct engine_attempt_end){
		.outcome = world_chance(world, 4) ? OUTCOME_COMPLETED : OUTCOME_CANCELLED,
	};
	live->due_ns = world->now_ns + (within_ms ? world_pause_ns(world, within_ms) : 1);
}

static void apply(struct world *world, const struct engine_effect *effect)
{
	struct live *live = find_live(world, effect->token);

	switch (effect->kind) {
	case ENGINE_LAUNCH:
		launch(world, effect);
		break;
	case ENGINE_ASK:
		if (live)
			stop(world, live, 10000);
		break;
	case ENGINE_KILL:
		if (live)
			stop(world, live, 0);
		break;
	case ENGINE_ANSWER:
		if (live)
			answer(world, live);
		break;
	case ENGINE_ENDED:
		note_end(world, effect->run_id);
		break;
	case ENGINE_RESUMED:
	case ENGINE_CHANGED:
	case ENGINE_FORGET:
		break;
	}
}

/* What was reported and is durable now. */
static void settle_reports(struct world *world, bool is_durable)
{
	for (size_t i = world->live_count; i-- > 0;) {
		struct live *live = &world->live[i];

		if (!live->is_reported)
			continue;
		live->is_reported = false;
		if (!is_durable) {
			live->due_ns = world->now_ns + AGAIN_NS;
			continue;
		}
		if (live->is_stale || live->phase == LIVE_ENDED) {
			remove_live(world, live); /* released, or killed as nobody's */
			continue;
		}
		live->phase = live->next_phase;
		live->due_ns = world->now_ns + world_pause_ns(world, 20000);
	}
}

static void note_accepted(struct world *world, bool is_durable)
{
	for (size_t i = 0; is_durable && i < world->accepted_count; i++) {
		if (world->known_count == WORLD_KNOWN_MAX)
			world_fail(world, "more runs than the simulator can keep");
		world->known[world->known_count++] =
			(struct known){.run_id = world->accepted[i], .final_state = -1};
		world->runs++;
	}
	world->accepted_count = 0;
}

static void conclude(struct world *world, bool is_durable)
{
	const struct engine_effect *effects;
	size_t count;

	settle_reports(world, is_durable);
	note_accepted(world, is_durable);
	if (!is_durable)
		return;
	effects = engine_effects(world->engine, &count);
	for (size_t i = 0; i < count; i++)
		apply(world, &effects[i]);
}

static int do_live(struct world *world, struct berth_error *err)
{
	for (size_t i = 0; i < world->live_count; i++) {
		struct act act = {world, &world->live[i]};
		int result;

		if (act.live->phase == LIVE_WAITING || act.live->due_ns > world->now_ns)
			continue;
		act.live->next_phase = act.live->phase;
		result = engine_do(world->engine, act_live, &act, err);
		if (result < 0)
			return -1;
		act.live->is_reported = true;
		act.live->is_stale = result == ENGINE_STALE;
	}
	return 0;
}

void world_group(struct world *world, bool arrivals)
{
	struct berth_error err = {0};
	bool is_lost = world_chance(world, 200);

	world->groups++;
	world->is_settled = false;
	if (engine_group_begin(world->engine, &err) < 0)
		world_fail(world, "begin: %s", err.message);
	if (engine_tick(world->engine, TICK_MOST, &err) < 0)
		world_fail(world, "tick: %s", err.message);
	if (do_live(world, &err) < 0)
		world_fail(world, "report: %s", err.message);
	/* a refusal is an answer like another */
	if (arrivals)
		(void)engine_do(world->engine, act_outside, world, &err);
	world->fails_commit = is_lost;
	if ((engine_group_commit(world->engine, &err) < 0) != is_lost)
		world_fail(world, "commit: %s", err.message);
	world->fails_commit = false;
	world->lost_groups += is_lost;
	if (is_lost) {
		conclude(world, false);
	} else if (world_chance(world, 300)) {
		note_accepted(world, true); /* durable, and nobody was told of the effects */
		for (size_t i = 0; i < world->live_count; i++)
			world->live[i].is_reported = false;
		world_restart(world, false);
	} else {
		conclude(world, true);
		world->is_settled = true;
	}
	check_world(world);
}

uint64_t world_next_ns(const struct world *world)
{
	uint64_t next_ns = engine_next_due_ns(world->engine);

	if (next_ns == 0)
		next_ns = UINT64_MAX;
	for (size_t i = 0; i < world->live_count; i++)
		if (world->live[i].phase != LIVE_WAITING && world->live[i].due_ns < next_ns)
			next_ns = world->live[i].due_ns;
	return next_ns;
}

void world_restart(struct world *world, bool with_launcher)
{
	struct engine_live live[WORLD_LIVE_MAX];
	struct berth_error err = {0};

	engine_destroy(world->engine);
	world->restarts++;
	if (with_launcher) {
		world->live_count = 0;
		world->launcher_deaths++;
	}
	make_engine(world);
	for (size_t i = 0; i < world->live_count; i++) {
		live[i] = (struct engine_live){.run_id = world->live[i].run_id};
		memcpy(live[i].token, world->live[i].token, sizeof(live[i].token));
	}
	if (engine_group_begin(world->engine, &err) < 0 ||
	    engine_recover(world->engine, live, world->live_count, with_launcher, &err) < 0 ||
	    engine_group_commit(world->engine, &err) < 0)
		world_fail(world, "recovery: %s", err.message);
	conclude(world, true);
	engine_hold(world->engine, false);
}
