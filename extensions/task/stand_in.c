/* SPDX-License-Identifier: Apache-2.0 */
/* Plays the supervisor for a task program that was started by hand. */
#include "extensions/task/stand_in.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/descriptor.h"
#include "base/json.h"
#include "extensions/task/protocol_table.h"

#define FILE_NAME_SIZE (PROTOCOL_CHECKPOINT_NAME_MAX + sizeof(".checkpoint.json"))

struct stand_in {
	struct sdk_transport transport;
	int checkpoints; /* directory; -1: none */
};

/* NULL when the variable is unset or empty. */
static const char *variable(const char *name)
{
	const char *value = getenv(name);

	return value && value[0] != '\0' ? value : NULL;
}

static long long variable_number(const char *name, long long fallback)
{
	const char *text = variable(name);
	char *end = NULL;
	long long value;

	if (!text)
		return fallback;
	errno = 0;
	value = strtoll(text, &end, 10);
	return errno == 0 && *end == '\0' && value >= 0 ? value : fallback;
}

/* 0 when it is not said: the SDK then counts the processors. */
static double variable_cpus(void)
{
	const char *text = variable("BERTH_CPUS");
	char *end = NULL;
	double value;

	if (!text)
		return 0;
	value = strtod(text, &end);
	return *end == '\0' && value > 0 && value <= 4096 ? value : 0;
}

static json_t *inputs_from_environment(void)
{
	const char *rest = variable("BERTH_TASK_INPUTS");
	json_t *inputs = json_array();
	size_t length;

	for (; inputs && rest; rest = rest[length] == ':' ? rest + length + 1 : NULL) {
		length = strcspn(rest, ":");
		if (length > 0 && json_array_append_new(inputs, json_stringn(rest, length)) < 0) {
			json_decref(inputs);
			return NULL;
		}
	}
	return inputs;
}

static int answer_hello(struct stand_in *stand_in, const json_t *request, json_t **ret_reply,
			struct berth_error *err)
{
	const char *payload_text = variable("BERTH_TASK_PAYLOAD");
	const char *run = variable("BERTH_RUN_ID");
	AUTO_JSON json_t *payload = NULL;

	(void)stand_in;
	if (!payload_text)
		payload_text = "null";
	if (json_parse(payload_text, strlen(payload_text), &payload, err) < 0)
		return berth_fail_context(err, "BERTH_TASK_PAYLOAD");
	*ret_reply = json_pack(
		"{s:I, s:s, s:I, s:O, s:o, s:s?, s:s?, s:f, s:I}", "protocol",
		json_integer_value(json_object_get(request, "protocol")), "run",
		run ? run : "run_by_hand", "attempt",
		(json_int_t)variable_number("BERTH_ATTEMPT", 1), "payload", payload, "inputs",
		inputs_from_environment(), "output", variable("BERTH_TASK_OUTPUT"), "checkpoint",
		variable("BERTH_TASK_CHECKPOINT"), "cpus", variable_cpus(), "memory_bytes",
		(json_int_t)variable_number("BERTH_MEMORY_BYTES", 0));
	if (!*ret_reply)
		return berth_fail(err, BERTH_INVALID, 0,
				  "a BERTH_ environment variable is not UTF-8 text");
	return 0;
}

static int checkpoint_file(const json_t *request, char ret_file[FILE_NAME_SIZE],
			   struct berth_error *err)
{
	const char *name = json_string_value(json_object_get(request, "name"));

	if (!name || !protocol_checkpoint_name_is_valid(name))
		return berth_fail(err, BERTH_INVALID, 0, "checkpoint name \"%.80s\"",
				  name ? name : "");
	(void)snprintf(ret_file, FILE_NAME_SIZE, "%s.checkpoint.json", name);
	return 0;
}

static int answer_checkpoint(struct stand_in *stand_in, const json_t *request, json_t **ret_reply,
			     struct berth_error *err)
{
	AUTO_FREE char *text = NULL;
	char file[FILE_NAME_SIZE];

	if (checkpoint_file(request, file, err) < 0)
		return -1;
	text = json_format_compact(json_object_get(request, "data"));
	if (!text)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "save a checkpoint");
	if (stand_in->checkpoints >= 0 &&
	    descriptor_replace_durable(stand_in->checkpoints, file, text, strlen(text), err) < 0)
		return -1;
	*ret_reply = json_object();
	return 0;
}

static int answer_restore(struct stand_in *stand_in, const json_t *request, json_t **ret_reply,
			  struct berth_error *err)
{
	struct berth_error why = {0};
	json_t *data = NULL;
	char file[FILE_NAME_SIZE];

	if (checkpoint_file(request, file, err) < 0)
		return -1;
	if (stand_in->checkpoints >= 0 &&
	    json_parse_file(stand_in->checkpoints, file, PROTOCOL_CHECKPOINT_MAX, &data, NULL,
			    &why) < 0 &&
	    why.code != BERTH_NOT_FOUND) {
		if (err)
			*err = why;
		return -1;
	}
	*ret_reply = data ? json_pack("{s:b, s:o}", "found", 1, "data", data)
			  : json_pack("{s:b}", "found", 0);
	return 0;
}

static int answer_usage(struct stand_in *stand_in, const json_t *request, json_t **ret_reply,
			struct berth_error *err)
{
	struct rusage usage = {0};
	json_int_t cpu_ns, peak;

	(void)stand_in;
	(void)request;
	if (getrusage(RUSAGE_SELF, &usage) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "read the resource usage");
	cpu_ns = (json_int_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) *
			 (json_int_t)CLOCK_NS_PER_S +
		 (json_int_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000;
	peak = (json_int_t)usage.ru_maxrss * 1024;
	*ret_reply = json_pack("{s:I, s:I, s:I, s:i}", "cpu_ns", cpu_ns, "memory_bytes", peak,
			       "memory_peak_bytes", peak, "pids", 1);
	return 0;
}

/* Sleeps until the instant, or until the program is asked to end. */
static int sleep_until(const struct sdk_transport *transport, uint64_t realtime_ns,
		       struct berth_error *err)
{
	const struct timespec until = {.tv_sec = (time_t)(realtime_ns / CLOCK_NS_PER_S),
				       .tv_nsec = (long)(realtime_ns % CLOCK_NS_PER_S)};
	int errnum;

	do {
		errnum = clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &until, NULL);
		if (transport->is_ending && transport->is_ending())
			return berth_fail(err, BERTH_SYSTEM, ECANCELED, "wait");
	} while (errnum == EINTR);
	return 0;
}

static int refuse_without_serve(struct stand_in *stand_in, const json_t *request,
				json_t **ret_reply, struct berth_error *err)
{
	(void)stand_in;
	(void)ret_reply;
	return berth_fail(err, BERTH_NOT_FOUND, 0, "%s: needs berth serve",
			  json_string_value(json_object_get(request, "op")));
}

static int answer_wait(struct stand_in *stand_in, const json_t *request, json_t **ret_reply,
		       struct berth_error *err)
{
	const char *until = json_string_value(json_object_get(request, "until"));
	const json_t *for_ms = json_object_get(request, "for_ms");
	uint64_t until_ns =
		clock_realtime_ns() + (uint64_t)json_integer_value(for_ms) * CLOCK_NS_PER_MS;

	if (json_object_get(request, "token") || json_object_get(request, "run") ||
	    json_object_get(request, "batch"))
		return refuse_without_serve(stand_in, request, ret_reply, err);
	if (!until && !for_ms)
		return berth_fail(err, BERTH_INVALID, 0, "nothing to wait for");
	if (until && clock_parse_rfc3339(until, &until_ns, err) < 0)
		return berth_fail_context(err, "until");
	if (sleep_until(&stand_in->transport, until_ns, err) < 0)
		return -1;
	*ret_reply = json_pack("{s:[{s:s, s:s, s:b}]}", "results", "kind", "date", "state",
			       "COMPLETED", "ok", 1);
	return 0;
}

struct answer_row {
	int (*answer)(struct stand_in *stand_in, const json_t *request, json_t **ret_reply,
		      struct berth_error *err);
	bool printed;
};

/* Those without a function are answered with an empty reply. */
static const struct answer_row answers[PROTOCOL_OP_COUNT] = {
	[PROTOCOL_HELLO] = {answer_hello,         false},
	[PROTOCOL_LOG] = {NULL,                 true },
	[PROTOCOL_PROGRESS] = {NULL,                 true },
	[PROTOCOL_METADATA] = {NULL,                 true },
	[PROTOCOL_CHECKPOINT] = {answer_checkpoint,    true },
	[PROTOCOL_RESTORE] = {answer_restore,       false},
	[PROTOCOL_OUTPUT] = {NULL,                 true },
	[PROTOCOL_FAIL] = {NULL,                 true },
	[PROTOCOL_USAGE] = {answer_usage,         false},
	[PROTOCOL_WAIT] = {answer_wait,          false},
	[PROTOCOL_TRIGGER] = {refuse_without_serve, false},
	[PROTOCOL_TRIGGER_AND_WAIT] = {refuse_without_serve, false},
	[PROTOCOL_BATCH] = {refuse_without_serve, false},
	[PROTOCOL_BATCH_AND_WAIT] = {refuse_without_serve, false},
	[PROTOCOL_TOKEN_CREATE] = {refuse_without_serve, false},
	[PROTOCOL_TOKEN_COMPLETE] = {refuse_without_serve, false},
	[PROTOCOL_RUN_GET] = {refuse_without_serve, false},
};

static int stand_in_send(struct sdk_transport *transport, json_t *request, struct berth_error *err)
{
	AUTO_FREE char *line = json_format_compact(request);

	(void)transport;
	if (!line)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "print a message");
	(void)fprintf(stderr, "%s\n", line);
	return 0;
}

static int stand_in_call(struct sdk_transport *transport, json_t *request, json_t **ret_reply,
			 struct berth_error *err)
{
	const char *name = json_string_value(json_object_get(request, "op"));
	enum protocol_op op = protocol_find(PROTOCOL_FROM_TASK, name ? name : "");
	AUTO_JSON json_t *reply = NULL;

	if (op == PROTOCOL_OP_COUNT)
		return berth_fail(err, BERTH_INVALID, 0, "there is no such op");
	if (answers[op].printed && stand_in_send(transport, request, err) < 0)
		return -1;
	if (!answers[op].answer)
		reply = json_object();
	else if (answers[op].answer((struct stand_in *)transport, request, &reply, err) < 0)
		return -1;
	if (!reply)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "answer %s", name);
	*ret_reply = steal_ptr(&reply);
	return 0;
}

static void stand_in_poll(struct sdk_transport *transport)
{
	(void)transport; /* nothing ever arrives */
}

static void stand_in_destroy(struct sdk_transport *transport)
{
	struct stand_in *stand_in = (struct stand_in *)transport;

	close_fd(&stand_in->checkpoints);
	free(stand_in);
}

int sdk_stand_in_create(struct sdk_transport **ret_transport, struct berth_error *err)
{
	const char *path = variable("BERTH_TASK_CHECKPOINT");
	AUTO_CLOSE int checkpoints = -1;
	struct stand_in *stand_in;

	if (path) {
		checkpoints = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (checkpoints < 0)
			return berth_fail(err, BERTH_SYSTEM, errno, "open %s", path);
	}
	stand_in = calloc(1, sizeof(*stand_in));
	if (!stand_in)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "start");
	stand_in->transport = (struct sdk_transport){
		.send = stand_in_send,
		.call = stand_in_call,
		.poll = stand_in_poll,
		.destroy = stand_in_destroy,
	};
	stand_in->checkpoints = steal_fd(&checkpoints);
	*ret_transport = &stand_in->transport;
	return 0;
}
