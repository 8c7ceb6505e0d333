/* SPDX-License-Identifier: Apache-2.0 */
/* Rows as JSON, in Trigger.dev's shape where it has one. */
#include "runner/engine/run_json.h"

#include <stdbool.h>
#include <string.h>

#include "base/clock.h"
#include "base/identifier.h"
#include "base/json.h"
#include "base/text.h"
#include "runner/engine/run_state.h"

json_t *run_json_date(uint64_t realtime_ns)
{
	char text[CLOCK_RFC3339_SIZE];

	if (realtime_ns == 0)
		return json_null();
	clock_format_rfc3339(realtime_ns, text);
	return json_string(text);
}

json_t *run_json_id(const char *prefix, int64_t number)
{
	char text[IDENTIFIER_NUMBER_SIZE];

	if (number == 0)
		return json_null();
	identifier_format_number(prefix, number, text);
	return json_string(text);
}

json_t *run_json_text(const char *text)
{
	return text ? json_string(text) : json_null();
}

json_t *run_json_optional(int64_t number, int64_t none)
{
	return number == none ? json_null() : json_integer(number);
}

json_t *run_json_value(const char *text, const char *type)
{
	json_t *value = NULL;

	if (!text)
		return json_null();
	if (type && strcmp(type, "application/json") != 0)
		return json_string(text);
	if (json_parse(text, strlen(text), &value, NULL) == 0)
		return value;
	return json_string(text);
}

json_t *run_json_error(const struct berth_error *why)
{
	char message[sizeof(why->message)];

	(void)text_sanitize(why->message, strlen(why->message), message, sizeof(message));
	return json_pack("{s:s, s:s}", "code", berth_code_name(why->code), "message", message);
}

int run_json_set(json_t *object, const char *key, json_t *value, struct berth_error *err)
{
	if (json_object_set_new(object, key, value) < 0)
		return berth_fail(err, BERTH_MEMORY, 0, "list: out of memory");
	return 0;
}

struct members {
	const char *key;
	json_t *value;
};

/* Takes all the references, also when it fails. */
static int set_all(json_t *object, const struct members *members, size_t count,
		   struct berth_error *err)
{
	int result = 0;

	for (size_t i = 0; i < count; i++)
		if (json_object_set_new(object, members[i].key, members[i].value) < 0)
			result = berth_fail(err, BERTH_MEMORY, 0, "list: out of memory");
	return result;
}
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int set_identity(json_t *run, const struct run_view *view, struct berth_error *err)
{
	const struct members members[] = {
		{"id",               run_json_id("run",                      view->id)},
		{"status",                  json_string(run_state_api_name((enum run_state)view->state))                                                },
		{"taskIdentifier",                  run_json_text(view->task)},
		{"version",                  run_json_text(view->version)                                                       },
		{"queue",                  run_json_text(view->queue)},
		{"concurrencyKey",                  view->concurrency_key && view->concurrency_key[0]
					   ? json_string(view->concurrency_key)
					   : json_null()                                              },
		{"machine",                  run_json_text(view->machine) },
		{"isTest",                  json_boolean(view->is_test)                                               },
		{"isCancelling",                  json_boolean(view->is_cancelling)},
		{"priority",                  json_integer(view->priority_ms / 1000)                                                   },
		{"depth",                  json_integer(view->depth)},
		{"parentId",                  run_json_id("run",						 view->parent_id)},
		{"rootId",  run_json_id("run",view->root_id)},
		{"batchId",run_json_id("batch",                                 view->batch_id)},
		{"batchIndex",          view->batch_id ? json_integer(view->batch_index) : json_null()                             },
		{"replayOf",                  run_json_id("run",                                             view->replay_of)},
		{"deadLetterOf",                  run_json_id("run",                  view->dead_letter_of)},
		{"idempotencyKey",  run_json_text(view->idempotency_key)},
		{"attemptCount",json_integer(view->attempt)},
		{"maxAttempts",   json_integer(view->max_attempts)   },
		{"interruptions",     json_integer(view->interruptions)                                },
		{"maxDuration",      view->max_duration_ms
					? json_real((double)view->max_duration_ms / 1000)
					: json_null()         },
		{"ttl",    view->ttl_ms ? json_real((double)view->ttl_ms / 1000) : json_null()    },
	};

	return set_all(run, members, COUNT(members), err);
}

static int set_dates(json_t *run, const struct run_view *view, struct berth_error *err)
{
	bool is_expired = view->state == RUN_EXPIRED;
	const struct members members[] = {
		{"createdAt",    run_json_date(view->created_ns)                                },
		{"updatedAt",    run_json_date(view->updated_ns)                                },
		{"queuedAt",     run_json_date(view->queued_ns)                                 },
		{"startedAt",    run_json_date(view->started_ns)                                },
		{"finishedAt",   run_json_date(view->finished_ns)                               },
		{"delayedUntil", run_json_date(view->delay_until_ns)                            },
		{"expiresAt",    run_json_date(view->expires_ns)                                },
		{"expiredAt",    run_json_date(is_expired ? view->finished_ns : 0)              },
		{"retryAt",      run_json_date(view->state == RUN_RETRYING ? view->retry_ns : 0)},
	};

	return set_all(run, members, COUNT(members), err);
}

/* The booleans that Trigger.dev's server computes of the API's status. */
static int set_booleans(json_t *run, enum run_state state, struct berth_error *err)
{
	bool is_success = run_state_is_success(state);
	bool is_cancelled = state == RUN_CANCELED;
	bool is_failed = run_state_is_final(state) && !is_success && !is_cancelled;
	bool is_waiting = state == RUN_WAITING || state == RUN_RESUMING;
	bool is_queued =
		state == RUN_PENDING_VERSION || state == RUN_DELAYED || state == RUN_QUEUED;
	const struct members members[] = {
		{"isQueued",    json_boolean(is_queued)                               },
		{"isExecuting",
		 json_boolean(!run_state_is_final(state) && !is_queued && !is_waiting)},
		{"isWaiting",   json_boolean(is_waiting)                              },
		{"isCompleted", json_boolean(is_success || is_failed)                 },
		{"isSuccess",   json_boolean(is_success)                              },
		{"isFailed",    json_boolean(is_failed)                               },
		{"isCancelled", json_boolean(is_cancelled)                            },
	};

	return set_all(run, members, COUNT(members), err);
}

static int set_usage(json_t *run, const struct run_view *view, struct berth_error *err)
{
	const struct members members[] = {
		{"durationMs",      json_integer((json_int_t)(view->wall_ns / CLOCK_NS_PER_MS))},
		{ "usage",
		 json_pack("{s:I, s:I, s:I}", "cpuMs", (json_int_t)(view->cpu_ns / CLOCK_NS_PER_MS),
                 "wallMs", (json_int_t)(view->wall_ns / CLOCK_NS_PER_MS),
                 "memoryPeakBytes", (json_int_t)view->memory_peak_bytes)},
	};

	return set_all(run, members, COUNT(members), err);
}

static int add_tag(void *owner, const char *tag, struct berth_error *err)
{
	if (json_array_append_new(owner, json_string(tag)) < 0)
		return berth_fail(err, BERTH_MEMORY, 0, "list: out of memory");
	return 0;
}

int run_json_create(struct store *store, const struct run_view *view, json_t **ret_run,
		    struct berth_error *err)
{
	AUTO_JSON json_t *run = json_object();
	AUTO_JSON json_t *tags = json_array();

	if (!run || !tags)
		return berth_fail(err, BERTH_MEMORY, 0, "list: out of memory");
	if (set_identity(run, view, err) < 0 || set_dates(run, view, err) < 0 ||
	    set_booleans(run, (enum run_state)view->state, err) < 0 ||
	    set_usage(run, view, err) < 0 ||
	    store_view_tags(store, view->id, add_tag, tags, err) < 0 ||
	    run_json_set(run, "tags", json_incref(tags), err) < 0)
		return -1;
	*ret_run = run;
	run = NULL;
	return 0;
}
