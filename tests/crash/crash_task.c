/* SPDX-License-Identifier: Apache-2.0 */
/* The task of the crash tests: does the steps that its payload lists, resumes behind the last one
 * that a checkpoint says is done, and notes in a ledger outside what it was answered, so that
 * nobody has to believe the daemon. Each line: attempt, pid, nanoseconds, word, arguments. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "extensions/task/task.h"

#define LINE_MAX_BYTES 512
#define EXIT_BROKEN    70 /* EX_SOFTWARE: the checker complains */
#define EXIT_CANCELLED 1
#define STEP_DONE      (-1)

struct state {
	struct berth_task *task;
	const struct berth_task_info *info;
	int ledger;
	int step;            /* which is done now */
	int lines, messages; /* said by this attempt */
	char key[128];       /* of this step: the same in every attempt */
	struct berth_task_error error;
};

static void note(struct state *state, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void note(struct state *state, const char *format, ...)
{
	struct timespec now;
	char line[LINE_MAX_BYTES];
	va_list args;
	int length;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	length = snprintf(line, sizeof(line), "%u %d %lld%09ld ", state->info->attempt, getpid(),
			  (long long)now.tv_sec, now.tv_nsec);
	va_start(args, format);
	length += vsnprintf(line + length, sizeof(line) - (size_t)length, format, args);
	va_end(args);
	if (length >= (int)sizeof(line) - 1)
		length = (int)sizeof(line) - 2;
	line[length++] = '\n';
	/* one write(2) to a file opened O_APPEND: no line is mixed with another's */
	if (write(state->ledger, line, (size_t)length) != length)
		abort();
}

static int broken(struct state *state, const char *what)
{
	if (state->error.errnum == ECANCELED) {
		note(state, "cancelled");
		return EXIT_CANCELLED;
	}
	note(state, "error %s: %s", what, state->error.message);
	return EXIT_BROKEN;
}

static int say_lines(struct state *state, const char *argument)
{
	int count = atoi(argument);

	for (int i = 0; i < count; i++) {
		(void)printf("line %d\n", state->lines++);
		(void)fflush(stdout);
		if (berth_task_logf(state->task, BERTH_TASK_INFO, "message %d", state->messages++) <
		    0)
			return broken(state, "log");
	}
	return STEP_DONE;
}

/* A line every 50 ms. */
static int tick(struct state *state, const char *argument)
{
	int said = STEP_DONE;

	for (int i = atoi(argument); i > 0 && said == STEP_DONE; i--) {
		said = say_lines(state, "1");
		(void)usleep(50 * 1000);
	}
	return said;
}

static int save(struct state *state, int done)
{
	char data[32];

	note(state, "saving %d", done);
	(void)snprintf(data, sizeof(data), "%d", done);
	if (berth_task_checkpoint(state->task, "step", data, &state->error) < 0)
		return broken(state, "checkpoint");
	note(state, "saved %d", done);
	return STEP_DONE;
}

static int save_step(struct state *state, const char *argument)
{
	(void)argument;
	return save(state, state->step + 1);
}

/* Once: the next attempt begins behind it. */
static int ask_retry(struct state *state, const char *argument)
{
	int saved = save(state, state->step + 1);

	(void)argument;
	return saved == STEP_DONE ? BERTH_TASK_EXIT_RETRYABLE : saved;
}

static int sleep_ms(struct state *state, const char *argument)
{
	int left_ms = atoi(argument);

	for (; left_ms > 0; left_ms -= 10) {
		(void)usleep(10 * 1000);
		if (berth_task_cancelled(state->task)) {
			note(state, "cancelled");
			return EXIT_CANCELLED;
		}
	}
	return STEP_DONE;
}

static int nap(struct state *state, const char *argument)
{
	if (berth_task_wait_for_ms(state->task, (uint64_t)atoi(argument), &state->error) < 0)
		return broken(state, "wait");
	note(state, "napped %d", state->step);
	return STEP_DONE;
}

static int take_result(struct state *state, const char *what, struct berth_task_result *result)
{
	if (result->ok)
		note(state, "%s %d %s", what, state->step, result->id);
	else
		note(state, "error %s %s: %s", what, result->id ? result->id : "?",
		     result->error ? result->error : "?");
	berth_task_result_finish(result);
	return STEP_DONE;
}

static int wait_child(struct state *state, const char *argument)
{
	struct berth_task_trigger_options options = {
		.payload = "{\"steps\":[\"lines:2\"]}",
		.idempotency_key = state->key,
	};
	struct berth_task_result result;

	if (berth_task_trigger_and_wait(state->task, argument, &options, &result, &state->error) <
	    0)
		return broken(state, "trigger_and_wait");
	return take_result(state, "child", &result);
}

static int trigger(struct state *state, const char *argument)
{
	struct berth_task_trigger_options options = {
		.payload = "{\"steps\":[\"lines:2\"]}",
		.idempotency_key = state->key,
	};
	char *run = NULL;

	if (berth_task_trigger(state->task, argument, &options, &run, &state->error) < 0)
		return broken(state, "trigger");
	note(state, "child %d %s", state->step, run);
	free(run);
	return STEP_DONE;
}

static int wait_batch(struct state *state, const char *argument)
{
	json_t *items = json_array();
	char *text, *results = NULL;
	char key[2][160];
	int waited;

	for (int i = 0; i < 2; i++) {
		(void)snprintf(key[i], sizeof(key[i]), "%s-%d", state->key, i);
		(void)json_array_append_new(items, json_pack("{s:s, s:s, s:{s:[s]}}", "task",
							     argument, "idempotency_key", key[i],
							     "payload", "steps", "lines:2"));
	}
	text = json_dumps(items, JSON_COMPACT);
	json_decref(items);
	waited = berth_task_batch_and_wait(state->task, text, &results, &state->error);
	free(text);
	if (waited < 0)
		return broken(state, "batch_and_wait");
	note(state, strstr(results, "\"ok\":false") ? "error batch %d %.200s" : "batch %d",
	     state->step, results);
	free(results);
	return STEP_DONE;
}

/* A token that somebody outside completes who reads the ledger. */
static int wait_token(struct state *state, const char *argument)
{
	struct berth_task_token_options options = {.idempotency_key = state->key};
	struct berth_task_result result;
	char *token = NULL;
	int waited;

	(void)argument;
	if (berth_task_token_create(state->task, &options, &token, &state->error) < 0)
		return broken(state, "token_create");
	note(state, "token %d %s", state->step, token);
	waited = berth_task_wait_token(state->task, token, &result, &state->error);
	free(token);
	if (waited < 0)
		return broken(state, "wait_token");
	return take_result(state, "answered", &result);
}

static int set_output(struct state *state, const char *argument)
{
	if (berth_task_output(state->task, argument, &state->error) < 0)
		return broken(state, "output");
	note(state, "output");
	return STEP_DONE;
}

static const struct {
	const char *name;
	int (*run)(struct state *state, const char *argument);
} steps[] = {
	{"batch",   wait_batch},
        {"child",   wait_child},
        {"lines",   say_lines },
        {"nap",     nap       },
	{"output",  set_output},
        {"retry",   ask_retry },
        {"save",    save_step },
        {"sleep",   sleep_ms  },
	{"tick",    tick      },
        {"token",   wait_token},
        {"trigger", trigger   },
};

static int run_step(struct state *state, const char *text)
{
	const char *colon = strchr(text, ':');
	size_t length = colon ? (size_t)(colon - text) : strlen(text);

	(void)snprintf(state->key, sizeof(state->key), "%s-%d", state->info->run, state->step);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (strlen(steps[i].name) == length && strncmp(steps[i].name, text, length) == 0)
			return steps[i].run(state, colon ? colon + 1 : "");
	note(state, "error there is no step %.*s", (int)length, text);
	return EXIT_BROKEN;
}

static int run_steps(struct state *state, const json_t *list)
{
	char *saved = NULL;
	int status = STEP_DONE;

	if (berth_task_restore(state->task, "step", &saved, &state->error) < 0)
		return broken(state, "restore");
	state->step = saved ? atoi(saved) : 0;
	note(state, "restored %d", state->step);
	free(saved);
	for (; status == STEP_DONE && state->step < (int)json_array_size(list); state->step++)
		status = run_step(state,
				  json_string_value(json_array_get(list, (size_t)state->step)));
	return status == STEP_DONE ? 0 : status;
}

/* Before anything can be asked: an attempt that fails to open must be seen to have begun. */
static int open_ledger(void)
{
	char path[128];
	const char *run = getenv("BERTH_RUN_ID");

	(void)snprintf(path, sizeof(path), "/ledger/%s", run ? run : "none");
	return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
}

int main(void)
{
	struct berth_task_info info = {.attempt = 0};
	struct state state = {.info = &info, .ledger = open_ledger()};
	const char *attempt = getenv("BERTH_ATTEMPT");
	json_t *payload;
	int status;

	if (state.ledger < 0)
		return EXIT_BROKEN;
	info.attempt = attempt ? (unsigned)atoi(attempt) : 0;
	note(&state, "start");
	if (berth_task_open(&state.task, &state.error) < 0)
		return broken(&state, "open");
	state.info = berth_task_info(state.task);
	payload = json_loads(state.info->payload, 0, NULL);
	status = run_steps(&state, json_object_get(payload, "steps"));
	json_decref(payload);
	note(&state, "end %d %d", state.lines, state.messages);
	state.info = &info;
	berth_task_close(state.task);
	return status;
}
