/* SPDX-License-Identifier: Apache-2.0 */
/* A task's trigger as the engine takes it. */
#include "runner/supervisor/live_trigger.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"

#define KEY_TEXT_SIZE 160

static int copy_texts(const struct protocol_trigger *from, struct run_trigger *to,
		      struct berth_error *err)
{
	const struct {
		const char *from;
		char **to;
	} texts[] = {
		{from->task,            &to->task           },
		{from->payload_type,    &to->payload_type   },
		{from->queue,           &to->queue          },
		{from->concurrency_key, &to->concurrency_key},
		{from->machine,         &to->machine        },
		{from->version,         &to->version        },
		{from->idempotency_key, &to->idempotency_key},
		{from->delay,           &to->delay          },
		{from->debounce_key,    &to->debounce_key   },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (!texts[i].from)
			continue;
		*texts[i].to = strdup(texts[i].from);
		if (!*texts[i].to)
			return berth_fail(err, BERTH_MEMORY, ENOMEM, "trigger");
	}
	return 0;
}

/* A type that is not JSON comes as a text, and is kept as it is. */
static int copy_values(const struct protocol_trigger *from, struct run_trigger *to,
		       struct berth_error *err)
{
	bool is_json = !from->payload_type || strcmp(from->payload_type, "application/json") == 0;

	if (from->payload)
		to->payload = is_json ? json_format_compact(from->payload)
				      : strdup(json_string_value(from->payload) ?: "");
	if (from->metadata)
		to->metadata = json_deep_copy(from->metadata);
	if (from->tags)
		to->tags = json_deep_copy(from->tags);
	if ((from->payload && !to->payload) || (from->metadata && !to->metadata) ||
	    (from->tags && !to->tags))
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "trigger");
	return 0;
}

/* -1 is what the task left out; the engine says so by 0. */
static uint64_t said(int64_t value)
{
	return value > 0 ? (uint64_t)value : 0;
}

int live_trigger_copy(const struct protocol_trigger *trigger, struct run_trigger *ret_request,
		      struct berth_error *err)
{
	if (copy_texts(trigger, ret_request, err) < 0 || copy_values(trigger, ret_request, err) < 0)
		return -1;
	ret_request->idempotency_ttl_ms = said(trigger->idempotency_ttl_ms);
	ret_request->ttl_ms = said(trigger->ttl_ms);
	ret_request->has_ttl = trigger->ttl_ms >= 0;
	ret_request->priority = (int64_t)said(trigger->priority);
	ret_request->max_attempts = (int64_t)said(trigger->max_attempts);
	ret_request->max_duration_ms = said(trigger->max_duration_ms);
	ret_request->debounce_delay_ms = said(trigger->debounce_delay_ms);
	ret_request->debounce_max_ms = said(trigger->debounce_max_ms);
	if (trigger->debounce_key)
		ret_request->debounce_mode = RUN_DEBOUNCE_LEADING + trigger->debounce_mode;
	ret_request->is_test = trigger->is_test;
	return 0;
}

void live_trigger_key(const char *token, const struct task_request *request,
		      char ret_key[SHA256_TEXT_SIZE])
{
	char text[KEY_TEXT_SIZE];
	int length;

	if (request->name[0])
		length = snprintf(text, sizeof(text), "%s/once/%s", token, request->name);
	else
		length = snprintf(text, sizeof(text), "%s/line/%" PRIu64 "/%" PRIu64, token,
				  request->connection, request->sequence);
	sha256_text(text, (size_t)length, ret_key);
}
