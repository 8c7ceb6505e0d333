/* SPDX-License-Identifier: Apache-2.0 */
/* Counts the primes up to payload.limit, a segment at a time, with a checkpoint after each: killed
 * at any instant, the next attempt goes on from the last finished segment. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <berth/task.h>

#define SEGMENT     (UINT64_C(1) << 20) /* numbers sieved at once */
#define LIMIT_MAX   UINT64_C(1000000000000)
#define ROOT_MAX    1000000 /* of LIMIT_MAX */
#define STATE_SIZE  128
#define OUTPUT_SIZE 128

/* All that a next attempt needs to know. */
struct state {
	uint64_t next; /* the first number that was not looked at */
	uint64_t count, largest;
};

static char sieve[SEGMENT], small[ROOT_MAX + 1];

static void mark_small(void)
{
	for (uint64_t i = 2; i <= ROOT_MAX; i++)
		for (uint64_t j = i * i; !small[i] && j <= ROOT_MAX; j += i)
			small[j] = 1;
}

static void count_segment(struct state *state, uint64_t end)
{
	uint64_t begin = state->next;

	memset(sieve, 0, sizeof(sieve));
	for (uint64_t i = 2; i * i < end; i++) {
		uint64_t first = (begin + i - 1) / i * i;

		for (uint64_t j = first < i * i ? i * i : first; !small[i] && j < end; j += i)
			sieve[j - begin] = 1;
	}
	for (uint64_t number = begin; number < end; number++) {
		if (sieve[number - begin])
			continue;
		state->count++;
		state->largest = number;
	}
	state->next = end;
}

/* 1 when an earlier attempt had come somewhere. */
static int restore(struct berth_task *task, struct state *state, struct berth_task_error *err)
{
	char *text = NULL;
	int found;

	if (berth_task_restore(task, "state", &text, err) < 0)
		return -1;
	found = text && sscanf(text, "[%" SCNu64 ",%" SCNu64 ",%" SCNu64 "]", &state->next,
			       &state->count, &state->largest) == 3;
	free(text);
	return found;
}

static int save(struct berth_task *task, const struct state *state, struct berth_task_error *err)
{
	char text[STATE_SIZE];

	(void)snprintf(text, sizeof(text), "[%" PRIu64 ",%" PRIu64 ",%" PRIu64 "]", state->next,
		       state->count, state->largest);
	return berth_task_checkpoint(task, "state", text, err);
}

/* Done, or -1: failed, and then err says why, or asked to end. */
static int count_primes(struct berth_task *task, uint64_t limit, struct state *state,
			struct berth_task_error *err)
{
	while (state->next <= limit && !berth_task_cancelled(task)) {
		struct berth_task_progress progress = {.eta_s = -1, .rate = -1};
		uint64_t rest = limit + 1 - state->next;

		count_segment(state, state->next + (rest < SEGMENT ? rest : SEGMENT));
		progress.percent = 100.0 * (double)(state->next - 1) / (double)limit;
		if (save(task, state, err) < 0 || berth_task_progress(task, &progress, err) < 0)
			return -1;
	}
	return state->next > limit ? 0 : -1;
}

static int tell(struct berth_task *task, const struct state *state, struct berth_task_error *err)
{
	char output[OUTPUT_SIZE];

	(void)snprintf(output, sizeof(output), "{\"count\":%" PRIu64 ",\"largest\":%" PRIu64 "}",
		       state->count, state->largest);
	return berth_task_output(task, output, err);
}

/* payload.limit; 0: there is none that makes sense. */
static uint64_t read_limit(struct berth_task *task)
{
	json_t *payload = json_loads(berth_task_info(task)->payload, JSON_DECODE_ANY, NULL);
	json_int_t limit = json_integer_value(json_object_get(payload, "limit"));

	json_decref(payload);
	return limit >= 2 && (uint64_t)limit <= LIMIT_MAX ? (uint64_t)limit : 0;
}

static int work(struct berth_task *task, struct berth_task_error *err)
{
	struct state state = {.next = 2};
	uint64_t limit = read_limit(task);
	int found;

	if (limit == 0) {
		(void)berth_task_fail(task, BERTH_TASK_PERMANENT, "InvalidPayload",
				      "limit is no integer from 2 to 10^12", err);
		return BERTH_TASK_EXIT_PERMANENT;
	}
	found = restore(task, &state, err);
	if (found > 0)
		berth_task_logf(task, BERTH_TASK_INFO, "going on at %" PRIu64, state.next);
	mark_small();
	if (found < 0 || count_primes(task, limit, &state, err) < 0 || tell(task, &state, err) < 0)
		return BERTH_TASK_EXIT_RETRYABLE;
	return 0;
}

int main(void)
{
	struct berth_task_error err = {0};
	struct berth_task *task = NULL;
	int status = BERTH_TASK_EXIT_RETRYABLE;

	if (berth_task_open(&task, &err) == 0)
		status = work(task, &err);
	if (err.message[0])
		(void)fprintf(stderr, "primes: %s\n", err.message);
	berth_task_close(task);
	return status;
}
