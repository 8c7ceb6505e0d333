/* SPDX-License-Identifier: Apache-2.0 */
/* What happens in the simulator's world: people trigger, cancel and turn knobs; tasks work, wait,
 * start others and end. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "runner/engine/engine_batches.h"
#include "runner/engine/engine_queues.h"
#include "runner/engine/engine_runs.h"
#include "runner/engine/engine_versions.h"
#include "runner/engine/engine_waits.h"
#include "tests/simulator/world.h"

static const char *const tasks[WORLD_TASKS] = {"plain",  "retried", "climber",
					       "shared", "fragile", "tenant"};
static const char *const queues[WORLD_QUEUES] = {"task/plain", "task/tenant", "pool",
						 "task/shared"};
static const char *const machines[] = {NULL, "micro", "small-2x", "medium-2x", "large-2x"};
static const char *const delays[] = {"30s", "5m", "2h", "1d"};

static const char definitions[] =
	"[{\"id\":\"plain\"},"
	"{\"id\":\"retried\",\"retry\":{\"maxAttempts\":4},\"deadLetter\":\"plain\"},"
	"{\"id\":\"climber\",\"retry\":{\"maxAttempts\":2,\"outOfMemory\":{\"ladder\":true}}},"
	"{\"id\":\"shared\",\"queue\":{\"name\":\"pool\",\"concurrencyLimit\":2}},"
	"{\"id\":\"fragile\",\"interrupted\":\"fail\",\"ttl\":600},"
	"{\"id\":\"tenant\",\"queue\":{\"concurrencyLimit\":5,\"keyLimit\":1}}]";

int act_deploy(struct engine *engine, void *argument, struct berth_error *err)
{
	struct world *world = argument;
	AUTO_JSON json_t *list = NULL;
	char name[VERSION_NAME_SIZE];
	struct engine_deploy deploy = {.bundle = "", .manifest = "{}", .promote = true};

	if (json_parse(definitions, sizeof(definitions) - 1, &list, err) < 0)
		return -1;
	deploy.tasks = list;
	world->versions++;
	return engine_deploy(engine, &deploy, name, err);
}

#define PICK(world, list) ((list)[world_random(world, sizeof(list) / sizeof((list)[0]))])

static char *text_of(const char *text)
{
	return (char *)(uintptr_t)text; /* requests are not written to */
}

static int trigger(struct engine *engine, struct world *world, struct run_trigger *request,
		   int64_t *ret_run_id, struct berth_error *err)
{
	struct run_accepted accepted;

	request->task = text_of(PICK(world, tasks));
	if (world_chance(world, 6))
		request->machine = text_of(PICK(world, machines));
	if (engine_trigger(engine, request, &accepted, err) < 0)
		return -1;
	if (!accepted.is_cached && world->accepted_count < 64)
		world->accepted[world->accepted_count++] = accepted.run_id;
	*ret_run_id = accepted.run_id;
	return 0;
}

static int act_trigger(struct engine *engine, struct world *world, struct berth_error *err)
{
	struct run_trigger request = {.payload = text_of("{}"), .max_duration_ms = 60000};
	char key[16], tenant[16], debounce[16];
	int64_t run_id;

	(void)snprintf(key, sizeof(key), "key-%" PRIu64, world_random(world, 8));
	(void)snprintf(tenant, sizeof(tenant), "tenant-%" PRIu64, world_random(world, 4));
	(void)snprintf(debounce, sizeof(debounce), "burst-%" PRIu64, world_random(world, 3));
	if (world_chance(world, 4))
		request.delay = text_of(PICK(world, delays));
	if (world_chance(world, 4)) {
		request.has_ttl = true;
		request.ttl_ms = world_random(world, 300000);
	}
	if (world_chance(world, 5))
		request.priority = (int64_t)world_random(world, 1000);
	if (world_chance(world, 6)) {
		request.idempotency_key = key;
		request.idempotency_ttl_ms = 1 + world_random(world, 7200000);
	}
	if (world_chance(world, 3))
		request.concurrency_key = tenant;
	if (world_chance(world, 8)) {
		request.debounce_key = debounce;
		request.debounce_mode = (int)(1 + world_random(world, 2));
		request.debounce_delay_ms = 1000 + world_random(world, 60000);
		request.debounce_max_ms = world_chance(world, 2) ? 600000 : 0;
	}
	if (world_chance(world, 10))
		request.max_attempts = (int64_t)(1 + world_random(world, 5));
	return trigger(engine, world, &request, &run_id, err);
}

static int64_t any_run(struct world *world)
{
	return world->known_count ? world->known[world_random(world, world->known_count)].run_id
				  : 0;
}

static int act_cancel(struct engine *engine, struct world *world, struct berth_error *err)
{
	return engine_cancel(engine, any_run(world), world_chance(world, 3) ? 0 : 30000, err);
}

static int act_replay(struct engine *engine, struct world *world, struct berth_error *err)
{
	struct run_accepted accepted;

	if (engine_replay(engine, any_run(world), NULL, &accepted, err) < 0)
		return -1;
	world->accepted[world->accepted_count++] = accepted.run_id;
	return 0;
}

static int act_reschedule(struct engine *engine, struct world *world, struct berth_error *err)
{
	return engine_reschedule(engine, any_run(world), PICK(world, delays), err);
}

static int act_queue(struct engine *engine, struct world *world, struct berth_error *err)
{
	int64_t queue_id;

	if (engine_queue_ensure(engine, 1, PICK(world, queues), &queue_id, err) < 0)
		return -1;
	if (world_chance(world, 2))
		return engine_queue_pause(engine, queue_id, world_chance(world, 2), err);
	return engine_queue_override(engine, queue_id, (int64_t)world_random(world, 5) - 1, err);
}

typedef int (*outside_act)(struct engine *engine, struct world *world, struct berth_error *err);

static int act_version(struct engine *engine, struct world *world, struct berth_error *err)
{
	return act_deploy(engine, world, err);
}

/* as often as they are named */
static const outside_act outside[] = {
	act_trigger, act_trigger, act_trigger, act_trigger,    act_trigger, act_trigger,
	act_trigger, act_trigger, act_trigger, act_trigger,    act_trigger, act_trigger,
	act_cancel,  act_cancel,  act_replay,  act_reschedule, act_queue,   act_version,
};

int act_outside(struct engine *engine, void *argument, struct berth_error *err)
{
	struct world *world = argument;
	size_t accepted = world->accepted_count;
	int result = PICK(world, outside)(engine, world, err);

	if (result < 0)
		world->accepted_count = accepted;
	return result;
}

static int wait_until(struct engine *engine, struct act *act, struct engine_wait *wait,
		      struct berth_error *err)
{
	char wait_id[32];
	int result;

	(void)snprintf(wait_id, sizeof(wait_id), "w%d", act->live->waits++);
	wait->run_id = act->live->run_id;
	wait->token = act->live->token;
	wait->wait_id = wait_id;
	result = engine_wait(engine, wait, err);
	act->live->next_phase = LIVE_WAITING;
	act->world->waits++;
	return result;
}

static int act_wait_date(struct engine *engine, struct act *act, struct berth_error *err)
{
	struct engine_wait wait = {
		.until_ns = act->world->now_ns + world_pause_ns(act->world, 120000),
	};

	return wait_until(engine, act, &wait, err);
}

static int act_wait_child(struct engine *engine, struct act *act, struct berth_error *err)
{
	struct run_trigger request = {.parent_id = act->live->run_id, .parent_waits = true};
	struct engine_wait wait = {.run_count = 1};
	int64_t child;

	if (trigger(engine, act->world, &request, &child, err) < 0)
		return -1;
	wait.runs = &child;
	return wait_until(engine, act, &wait, err);
}

static int act_child(struct engine *engine, struct act *act, struct berth_error *err)
{
	struct run_trigger request = {.parent_id = act->live->run_id};
	int64_t child;

	return trigger(engine, act->world, &request, &child, err);
}

static int act_batch(struct engine *engine, struct act *act, struct berth_error *err)
{
	struct world *world = act->world;
	struct engine_batch_request batch = {
		.expected = (int64_t)(1 + world_random(world, 4)),
		.parent_id = act->live->run_id,
		.parent_waits = true,
	};
	struct engine_wait wait = {0};
	bool is_cached, is_duplicate;

	if (engine_batch_create(engine, &batch, &wait.batch_id, &is_cached, err) < 0)
		return -1;
	for (int64_t i = 0; i < batch.expected; i++) {
		struct run_trigger request = {.task = text_of(PICK(world, tasks)),
					      .parent_waits = true};
		struct run_accepted accepted;

		if (world_chance(world, 10))
			request.task = text_of("nobody");
		if (engine_batch_add(engine, wait.batch_id, i, &request, &accepted, &is_duplicate,
				     err) < 0)
			return -1;
		if (accepted.run_id && !accepted.is_cached)
			world->accepted[world->accepted_count++] = accepted.run_id;
	}
	if (engine_batch_seal(engine, wait.batch_id, err) < 0)
		return -1;
	return wait_until(engine, act, &wait, err);
}

static int act_token(struct engine *engine, struct act *act, struct berth_error *err)
{
	struct engine_token_request request = {
		.timeout_ms = 1 + world_random(act->world, 600000),
	};
	struct engine_wait wait = {.waitpoint_count = 1};
	int64_t waitpoint_id;
	bool is_cached;

	if (engine_token_create(engine, &request, &waitpoint_id, &is_cached, err) < 0)
		return -1;
	if (world_chance(act->world, 4) &&
	    engine_token_complete(engine, waitpoint_id, "1", err) < 0)
		return -1;
	wait.waitpoints = &waitpoint_id;
	return wait_until(engine, act, &wait, err);
}

static int act_output(struct engine *engine, struct act *act, struct berth_error *err)
{
	return engine_attempt_output(engine, act->live->run_id, act->live->token, "{\"done\":true}",
				     "application/json", err);
}

static int act_checkpoint(struct engine *engine, struct act *act, struct berth_error *err)
{
	return engine_checkpoint_save(engine, act->live->run_id, act->live->token, "place", "1",
				      err);
}

typedef int (*live_act)(struct engine *engine, struct act *act, struct berth_error *err);

static const live_act live_acts[] = {
	act_wait_date, act_wait_child, act_child, act_batch, act_token, act_output, act_checkpoint,
};

static const enum run_outcome outcomes[] = {
	OUTCOME_COMPLETED, OUTCOME_COMPLETED,     OUTCOME_COMPLETED,     OUTCOME_COMPLETED,
	OUTCOME_FAILED,    OUTCOME_RETRYABLE,     OUTCOME_PERMANENT,     OUTCOME_CRASHED,
	OUTCOME_TIMED_OUT, OUTCOME_KILLED_MEMORY, OUTCOME_KILLED_MEMORY, OUTCOME_ERROR,
};

static int end_live(struct engine *engine, struct act *act, struct berth_error *err)
{
	struct live *live = act->live;

	if (live->phase != LIVE_ENDED) {
		live->end = (struct engine_attempt_end){
			.outcome = PICK(act->world, outcomes),
			.message = "as it happens",
			.cpu_ns = 1000,
		};
		if (live->end.outcome == OUTCOME_RETRYABLE && world_chance(act->world, 3))
			live->end.retry_at_ns =
				act->world->now_ns + world_pause_ns(act->world, 60000);
		live->phase = LIVE_ENDED;
	}
	return engine_attempt_end(engine, live->run_id, live->token, &live->end, err);
}

/* In a piece of its own: what a task asks for may be refused, and then it goes on. */
static int one_act(struct engine *engine, void *argument, struct berth_error *err)
{
	struct act *act = argument;

	/* children of children of children: somebody must begin to work */
	if (act->world->is_quiet || act->world->known_count > WORLD_KNOWN_MAX / 2)
		return act_output(engine, act, err);
	return PICK(act->world, live_acts)(engine, act, err);
}

int act_live(struct engine *engine, void *argument, struct berth_error *err)
{
	struct act *act = argument;
	struct live *live = act->live;
	size_t accepted = act->world->accepted_count;
	struct berth_error refusal = {0};
	int result;

	if (live->phase == LIVE_LAUNCHING) {
		live->next_phase = LIVE_EXECUTING;
		return engine_attempt_started(engine, live->run_id, live->token, err);
	}
	if (live->phase == LIVE_ENDED || live->acts_left-- <= 0 || accepted > 48)
		return end_live(engine, act, err);
	result = engine_do(engine, one_act, act, &refusal);
	if (result >= 0)
		return result;
	act->world->accepted_count = accepted;
	live->next_phase = LIVE_EXECUTING;
	if (refusal.code == BERTH_SYSTEM || refusal.code == BERTH_MEMORY) {
		*err = refusal;
		return -1;
	}
	return 0;
}
