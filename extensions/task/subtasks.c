/* SPDX-License-Identifier: Apache-2.0 */
/* The SDK's calls about other runs: triggering them one by one and in batches, and tokens. */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "extensions/task/outcome.h"
#include "extensions/task/protocol_table.h"
#include "extensions/task/request.h"
#include "extensions/task/result.h"
#include "extensions/task/session.h"
#include "extensions/task/task.h"

struct text_member {
	const char *key, *value;
};

struct json_member {
	const char *key, *value;
	size_t max;
	bool object_only;
};

struct number_member {
	const char *key;
	int64_t value; /* 0: not given */
};

/* Members whose value is given; text has to be UTF-8. */
static int set_texts(json_t *request, const struct text_member *members, size_t count,
		     struct berth_error *err)
{
	for (size_t i = 0; i < count; i++)
		if (members[i].value &&
		    json_object_set_new(request, members[i].key, json_string(members[i].value)) < 0)
			return berth_fail(err, BERTH_INVALID, 0, "%s: not UTF-8 text",
					  members[i].key);
	return 0;
}

static int set_jsons(json_t *request, const struct json_member *members, size_t count,
		     struct berth_error *err)
{
	for (size_t i = 0; i < count; i++)
		if (members[i].value &&
		    sdk_request_set_json(request, members[i].key, members[i].value, members[i].max,
					 members[i].object_only, err) < 0)
			return -1;
	return 0;
}

static int set_numbers(json_t *request, const struct number_member *members, size_t count,
		       struct berth_error *err)
{
	for (size_t i = 0; i < count; i++)
		if (members[i].value != 0 &&
		    json_object_set_new(request, members[i].key, json_integer(members[i].value)) <
			    0)
			return berth_fail(err, BERTH_MEMORY, ENOMEM, "%s", members[i].key);
	return 0;
}

#define COUNT(members) (sizeof(members) / sizeof((members)[0]))

static int set_options(json_t *request, const char *name_key, const char *task,
		       const struct berth_task_trigger_options *options, struct berth_error *err)
{
	const struct text_member texts[] = {
		{name_key,          options->name           },
                {"task",            task                    },
		{"queue",           options->queue          },
                {"concurrency_key", options->concurrency_key},
		{"machine",         options->machine        },
                {"version",         options->version        },
		{"delay",           options->delay          },
                {"idempotency_key", options->idempotency_key},
	};
	const struct json_member jsons[] = {
		{"payload",  options->payload,  PROTOCOL_PAYLOAD_MAX,  false},
		{"metadata", options->metadata, PROTOCOL_METADATA_MAX, true },
		{"tags",     options->tags,     PROTOCOL_FIELDS_MAX,   false},
	};
	const struct number_member numbers[] = {
		{"idempotency_ttl_ms", (int64_t)options->idempotency_ttl_ms},
		{"ttl_ms",             (int64_t)options->ttl_ms            },
		{"priority",           (int64_t)options->priority_s        },
		{"max_attempts",       options->max_attempts               },
		{"max_duration_ms",    (int64_t)options->max_duration_ms   },
	};

	if (set_texts(request, texts, COUNT(texts), err) < 0 ||
	    set_jsons(request, jsons, COUNT(jsons), err) < 0)
		return -1;
	return set_numbers(request, numbers, COUNT(numbers), err);
}

/* Triggers, and waits when op is PROTOCOL_TRIGGER_AND_WAIT. */
static int trigger_call(struct berth_task *task, enum protocol_op op, const char *name,
			const struct berth_task_trigger_options *options, json_t **ret_reply,
			struct berth_error *err)
{
	static const struct berth_task_trigger_options none = {0};
	const char *name_key = protocol_messages[op].waits ? "wait" : "once";
	AUTO_JSON json_t *request = sdk_request_create(op);

	if (!options)
		options = &none;
	if (!request)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "trigger %s", name);
	if (set_options(request, name_key, name, options, err) < 0 ||
	    (!options->name && sdk_request_set_name(request, name_key, err) < 0))
		return -1;
	return sdk_session_call(task, steal_ptr(&request), ret_reply, err);
}

/* A member of a reply that is a text, owned by the caller. */
static int reply_text(const json_t *reply, const char *key, char **ret_text,
		      struct berth_error *err)
{
	const char *text = json_string_value(json_object_get(reply, key));
	char *copy;

	if (!text)
		return berth_fail(err, BERTH_PROTOCOL, 0, "the supervisor's answer has no %s", key);
	copy = strdup(text);
	if (!copy)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "%s", key);
	*ret_text = copy;
	return 0;
}

int berth_task_trigger(struct berth_task *task, const char *name,
		       const struct berth_task_trigger_options *options, char **ret_run,
		       struct berth_task_error *err)
{
	AUTO_JSON json_t *reply = NULL;
	struct berth_error why = {0};
	int status = trigger_call(task, PROTOCOL_TRIGGER, name, options, &reply, &why);

	if (status == 0)
		status = reply_text(reply, "run", ret_run, &why);
	return sdk_outcome(status, &why, err);
}

int berth_task_trigger_and_wait(struct berth_task *task, const char *name,
				const struct berth_task_trigger_options *options,
				struct berth_task_result *ret_result, struct berth_task_error *err)
{
	AUTO_JSON json_t *reply = NULL;
	struct berth_task_result result;
	struct berth_error why = {0};
	int status = trigger_call(task, PROTOCOL_TRIGGER_AND_WAIT, name, options, &reply, &why);

	if (status == 0)
		status = sdk_result_init(&result, reply, &why);
	if (status == 0)
		*ret_result = result;
	return sdk_outcome(status, &why, err);
}

static int batch_call(struct berth_task *task, enum protocol_op op, const char *items,
		      json_t **ret_reply, struct berth_error *err)
{
	AUTO_JSON json_t *request = sdk_request_create(op);

	if (!request)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "batch");
	if (sdk_request_set_json(request, "items", items, PROTOCOL_OUTPUT_MAX, false, err) < 0 ||
	    sdk_request_set_name(request, protocol_messages[op].waits ? "wait" : "once", err) < 0)
		return -1;
	return sdk_session_call(task, steal_ptr(&request), ret_reply, err);
}

/* A value as JSON text, owned by the caller. */
static int reply_json(const json_t *value, const char *what, char **ret_json,
		      struct berth_error *err)
{
	char *text;

	if (!value)
		return berth_fail(err, BERTH_PROTOCOL, 0, "the supervisor's answer has no %s",
				  what);
	text = json_format_compact(value);
	if (!text)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "%s", what);
	*ret_json = text;
	return 0;
}

int berth_task_batch(struct berth_task *task, const char *items, char **ret_batch, char **ret_runs,
		     struct berth_task_error *err)
{
	AUTO_JSON json_t *reply = NULL;
	AUTO_FREE char *runs = NULL;
	struct berth_error why = {0};
	int status = batch_call(task, PROTOCOL_BATCH, items, &reply, &why);

	if (status == 0)
		status = reply_json(json_object_get(reply, "runs"), "runs", &runs, &why);
	if (status == 0)
		status = reply_text(reply, "batch", ret_batch, &why);
	if (status == 0)
		*ret_runs = steal_ptr(&runs);
	return sdk_outcome(status, &why, err);
}

/* Of the one result that a batch is, those of its items. */
static const json_t *item_results(const json_t *results)
{
	const json_t *first = json_array_get(results, 0);
	const char *kind = json_string_value(json_object_get(first, "kind"));
	bool is_batch = kind && strcmp(kind, "batch") == 0;

	return is_batch ? json_object_get(first, "output") : results;
}

int berth_task_batch_and_wait(struct berth_task *task, const char *items, char **ret_results,
			      struct berth_task_error *err)
{
	AUTO_JSON json_t *reply = NULL;
	struct berth_error why = {0};
	int status = batch_call(task, PROTOCOL_BATCH_AND_WAIT, items, &reply, &why);

	if (status == 0)
		status = reply_json(item_results(json_object_get(reply, "results")), "results",
				    ret_results, &why);
	return sdk_outcome(status, &why, err);
}

static int token_request(const struct berth_task_token_options *options, json_t **ret_request,
			 struct berth_error *err)
{
	AUTO_JSON json_t *request = sdk_request_create(PROTOCOL_TOKEN_CREATE);
	const struct text_member texts[] = {
		{"idempotency_key", options->idempotency_key}
        };
	const struct json_member jsons[] = {
		{"tags", options->tags, PROTOCOL_FIELDS_MAX, false}
        };
	const struct number_member numbers[] = {
		{"timeout_ms",         (int64_t)options->timeout_ms        },
		{"idempotency_ttl_ms", (int64_t)options->idempotency_ttl_ms},
	};

	if (!request)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "token");
	if (set_texts(request, texts, COUNT(texts), err) < 0 ||
	    set_jsons(request, jsons, COUNT(jsons), err) < 0 ||
	    set_numbers(request, numbers, COUNT(numbers), err) < 0 ||
	    sdk_request_set_name(request, "once", err) < 0)
		return -1;
	*ret_request = steal_ptr(&request);
	return 0;
}

int berth_task_token_create(struct berth_task *task, const struct berth_task_token_options *options,
			    char **ret_token, struct berth_task_error *err)
{
	static const struct berth_task_token_options none = {0};
	AUTO_JSON json_t *reply = NULL;
	json_t *request = NULL;
	struct berth_error why = {0};
	int status = token_request(options ? options : &none, &request, &why);

	if (status == 0)
		status = sdk_session_call(task, request, &reply, &why);
	if (status == 0)
		status = reply_text(reply, "token", ret_token, &why);
	return sdk_outcome(status, &why, err);
}

int berth_task_token_complete(struct berth_task *task, const char *token, const char *output,
			      struct berth_task_error *err)
{
	AUTO_JSON json_t *request = sdk_request_create(PROTOCOL_TOKEN_COMPLETE);
	struct berth_error why = {0};
	const struct text_member texts[] = {
		{"token", token}
        };
	const struct json_member jsons[] = {
		{"output", output, PROTOCOL_OUTPUT_MAX, false}
        };

	if (!request)
		return sdk_outcome(berth_fail(&why, BERTH_MEMORY, ENOMEM, "token"), &why, err);
	if (set_texts(request, texts, COUNT(texts), &why) < 0 ||
	    set_jsons(request, jsons, COUNT(jsons), &why) < 0)
		return sdk_outcome(-1, &why, err);
	return sdk_outcome(sdk_session_call(task, steal_ptr(&request), NULL, &why), &why, err);
}

static int run_get_call(struct berth_task *task, const char *run, char **ret_json,
			struct berth_error *err)
{
	AUTO_JSON json_t *request = sdk_request_create(PROTOCOL_RUN_GET);
	AUTO_JSON json_t *reply = NULL;

	if (!request || json_object_set_new(request, "run", json_string(run)) < 0)
		return berth_fail(err, BERTH_INVALID, 0, "run: not UTF-8 text");
	if (sdk_session_call(task, steal_ptr(&request), &reply, err) < 0)
		return -1;
	/* the envelope is nobody's business */
	(void)json_object_del(reply, "id");
	(void)json_object_del(reply, "ok");
	return reply_json(reply, "run", ret_json, err);
}

int berth_task_run_get(struct berth_task *task, const char *run, char **ret_json,
		       struct berth_task_error *err)
{
	struct berth_error why = {0};

	return sdk_outcome(run_get_call(task, run, ret_json, &why), &why, err);
}
