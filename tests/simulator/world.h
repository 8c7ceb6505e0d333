/* SPDX-License-Identifier: Apache-2.0 */
/* The simulator's world: one seed, a clock that only the simulator moves, an engine over a store in
 * memory, and a launcher whose sandboxes are rows of a table. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "machines/machine.h"
#include "runner/engine/engine.h"
#include "runner/engine/engine_attempts.h"

#define WORLD_TASKS     6
#define WORLD_QUEUES    4
#define WORLD_LIVE_MAX  512
#define WORLD_KNOWN_MAX 8192

enum live_phase {
	LIVE_LAUNCHING, /* will say that it executes */
	LIVE_EXECUTING, /* will do its next act */
	LIVE_WAITING,   /* until it is answered */
	LIVE_ENDED,     /* its end is not acknowledged */
};

/* One sandbox: what the launcher would keep, and what its task is about to do. */
struct live {
	int64_t run_id;
	char token[ENGINE_TOKEN_SIZE];
	enum live_phase phase;
	uint64_t due_ns; /* of its next act or report; not of a waiting one */
	int acts_left;   /* before it ends */
	int waits;       /* requests it made: names of them */
	bool is_asked;   /* to end */
	struct engine_attempt_end end;
	/* what it reported in this group, told when the group is committed */
	bool is_reported, is_stale;
	enum live_phase next_phase;
};

/* A run that the engine acknowledged. */
struct known {
	int64_t run_id;
	int final_state; /* -1 while it goes on */
	int ends;        /* how often ENGINE_ENDED said so */
};

struct world {
	uint64_t seed, random, now_ns, end_ns;
	struct store *store;
	struct engine *engine;
	struct engine_settings settings;
	struct machine_list machines;
	struct live live[WORLD_LIVE_MAX];
	size_t live_count;
	struct known known[WORLD_KNOWN_MAX];
	size_t known_count;
	int64_t accepted[64]; /* acknowledged in this group */
	size_t accepted_count;
	int versions;
	bool is_quiet; /* no new work: what is there runs out */
	bool fails_commit;
	bool is_settled; /* the last thing that happened is a group that was committed */
	/* sums for the summary */
	uint64_t groups, runs, attempts, restarts, launcher_deaths, lost_groups, waits;
};

/* Uniform in [0, below). */
uint64_t world_random(struct world *world, uint64_t below);
/* Once in `times`. */
bool world_chance(struct world *world, uint64_t times);
/* About mean_ms, from 0 to eight times that. */
uint64_t world_pause_ns(struct world *world, uint64_t mean_ms);

/* Prints the seed, the time and what is wrong, and ends the program. */
_Noreturn void world_fail(const struct world *world, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

void world_open(struct world *world, uint64_t seed);
void world_close(struct world *world);

/* One group: what is due in it, and with arrivals what comes from outside. */
void world_group(struct world *world, bool arrivals);
/* When something happens next. */
uint64_t world_next_ns(const struct world *world);

/* NULL: nobody was told of it. */
struct known *world_find_known(struct world *world, int64_t run_id);

/* The supervisor dies and comes back; with the launcher, every sandbox is gone too. */
void world_restart(struct world *world, bool with_launcher);

/* acts.c: pieces of work. */
int act_outside(struct engine *engine, void *world, struct berth_error *err);
/* The live one says or does what is due; argument is a struct act. */
struct act {
	struct world *world;
	struct live *live;
};
int act_live(struct engine *engine, void *act, struct berth_error *err);
/* A version with the simulator's tasks. */
int act_deploy(struct engine *engine, void *world, struct berth_error *err);

/* check.c: everything that must be true after every group; fails the world. */
void check_world(struct world *world);
/* Once, before the first group and after the last. */
void check_open(struct world *world);
void check_close(void);
/* Everything that must be true when nothing is left to do; then forgets all of it. */
void check_empty(struct world *world);
/* Runs that are not final. */
int64_t check_unfinished(struct world *world);
