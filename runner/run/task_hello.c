/* SPDX-License-Identifier: Apache-2.0 */
/* What hello answers: the facts of the run, formatted once and shared by all connections. */
#include "runner/run/task_hello.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/field.h"
#include "base/json.h"

static json_t *inputs_array(const char *const *inputs)
{
	AUTO_JSON json_t *array = json_array();

	for (size_t i = 0; array && inputs && inputs[i]; i++)
		if (json_array_append_new(array, json_string(inputs[i])) < 0)
			return NULL;
	return steal_ptr(&array);
}

/* The members that never change, then the end of the line. */
static int format_rest(const json_t *object, struct text *rest, struct berth_error *err)
{
	AUTO_FREE char *text = json_format_compact(object);

	if (!text)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "prepare the hello reply");
	if (text_append_string(rest, text + 1, err) < 0)
		return -1;
	return text_append(rest, "\n", 1, err);
}

/* The texts that are always there; null says that there is none. */
static int set_texts(json_t *object, const struct task_channel_info *info)
{
	return json_object_update_new(
		object, json_pack("{s:s, s:s?, s:s?, s:s?, s:s?}", "run", info->run, "attempt_id",
				  info->attempt_id, "task", info->task, "output", info->output_path,
				  "checkpoint", info->checkpoint_path));
}

/* What only some runs have: left out of the others' replies. */
static int set_origins(json_t *object, const struct task_channel_info *info)
{
	const struct {
		const char *name, *value;
	} origins[] = {
		{"queue",           info->queue          },
                {"concurrency_key", info->concurrency_key},
		{"version",         info->version        },
                {"parent",          info->parent         },
		{"root",            info->root           },
                {"batch",           info->batch          },
	};

	for (size_t i = 0; i < sizeof(origins) / sizeof(origins[0]); i++) {
		(void)json_object_del(object, origins[i].name);
		if (origins[i].value &&
		    json_object_set_new(object, origins[i].name, json_string(origins[i].value)) < 0)
			return -1;
	}
	if (info->max_attempts == 0)
		(void)json_object_del(object, "max_attempts");
	return 0;
}

static int format_rests(struct task_hello *hello, const struct task_channel_info *info,
			json_t *payload, struct berth_error *err)
{
	const struct protocol_message *message = &protocol_messages[PROTOCOL_HELLO];
	AUTO_JSON json_t *inputs = inputs_array(info->inputs);
	AUTO_JSON json_t *object = NULL;
	struct protocol_hello_reply reply = {
		.attempt = info->attempt,
		.payload = payload,
		.inputs = inputs,
		.cpu_millis = info->cpu_millis,
		.memory_bytes = info->memory_bytes,
		.max_attempts = info->max_attempts,
	};

	if (!inputs)
		return berth_fail(err, BERTH_INVALID, 0, "an input's path is not UTF-8");
	object = field_format_object(message->reply, message->reply_count, &reply);
	if (!object || json_object_del(object, "cancelled") < 0 ||
	    json_object_del(object, "protocol") < 0)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "prepare the hello reply");
	/* the record's texts are owned by definition, these are not: set here */
	if (set_texts(object, info) < 0 || set_origins(object, info) < 0)
		return berth_fail(err, BERTH_INVALID, 0, "a fact of the hello reply is not UTF-8");
	if (format_rest(object, &hello->with_payload, err) < 0)
		return -1;
	(void)json_object_del(object, "payload");
	return format_rest(object, &hello->without_payload, err);
}

static int payload_parse(const char *text, json_t **ret_payload, struct berth_error *err)
{
	size_t length = strlen(text);

	if (length > PROTOCOL_PAYLOAD_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "payload: %zu bytes, at most %d", length,
				  PROTOCOL_PAYLOAD_MAX);
	if (json_parse(text, length, ret_payload, err) < 0)
		return berth_fail_context(err, "payload");
	return 0;
}

int task_hello_init(struct task_hello *hello, const struct task_channel_info *info,
		    struct berth_error *err)
{
	AUTO_JSON json_t *payload = NULL;

	*hello = (struct task_hello){0};
	if (payload_parse(info->payload ? info->payload : "null", &payload, err) < 0)
		return -1;
	/* written anew it may be longer: "\u00e9" is two bytes, but 1e1 is 10.0 */
	if (json_dumpb(payload, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY) > PROTOCOL_PAYLOAD_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "payload: at most %d bytes of JSON",
				  PROTOCOL_PAYLOAD_MAX);
	if (format_rests(hello, info, payload, err) == 0)
		return 0;
	task_hello_finish(hello);
	return -1;
}

void task_hello_finish(struct task_hello *hello)
{
	text_finish(&hello->with_payload);
	text_finish(&hello->without_payload);
}

int task_hello_append(struct text *reply, int64_t id, int64_t protocol, bool is_cancelled,
		      struct berth_error *err)
{
	return text_append_format(reply, err,
				  "{\"id\":%" PRId64
				  ",\"ok\":true,\"cancelled\":%s,\"protocol\":%" PRId64 ",",
				  id, is_cancelled ? "true" : "false", protocol);
}
