/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens: waitpoints that somebody outside completes, or that time out; and the timers of dates. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/identifier.h"
#include "base/json.h"
#include "runner/engine/engine_core.h"
#include "runner/engine/engine_runs.h"
#include "runner/engine/engine_waits.h"
#include "runner/engine/key_check.h"
#include "runner/store/store_timers.h"
#include "runner/store/store_waitpoints.h"

#define TOKEN_OUTPUT_MAX RUN_PAYLOAD_MAX

static int fail_absent(struct berth_error *err, int64_t waitpoint_id)
{
	char id[IDENTIFIER_NUMBER_SIZE];

	identifier_format_number("waitpoint", waitpoint_id > 0 ? waitpoint_id : 0, id);
	return berth_fail(err, BERTH_NOT_FOUND, 0, "there is no token %s", id);
}

/* The token of a key that is still good; 1: there is none, and the key is free. */
static int find_by_key(struct engine *engine, int64_t environment_id, const char *key,
		       int64_t *ret_id, struct berth_error *err)
{
	AUTO_WAITPOINT struct waitpoint_row row = {0};
	int64_t id = 0;
	int found = key ? store_waitpoint_of_key(engine->store, environment_id, key, &id, err) : 1;

	if (found != 0)
		return found;
	if (store_waitpoint_read(engine->store, id, false, &row, err) < 0)
		return -1;
	if (row.idempotency_expires_ns > clock_realtime_ns()) {
		*ret_id = id;
		return 0;
	}
	return store_waitpoint_release_key(engine->store, id, err) < 0 ? -1 : 1;
}

static int check_request(const struct engine_token_request *request, struct berth_error *err)
{
	if (key_check(request->idempotency_key, request->idempotency_ttl_ms, err) < 0 ||
	    key_check_tags(request->tags, err) < 0)
		return -1;
	if (request->timeout_ms > ENGINE_TOKEN_TIMEOUT_MAX_MS)
		return berth_fail(err, BERTH_LIMIT, 0, "a token times out within 10 years");
	return 0;
}

/* Copies what the request names. */
static int fill_row(struct waitpoint_row *row, const struct engine_token_request *request,
		    struct berth_error *err)
{
	uint64_t ttl_ms =
		request->idempotency_ttl_ms ? request->idempotency_ttl_ms : KEY_TTL_DEFAULT_MS;

	row->created_ns = clock_realtime_ns();
	if (request->timeout_ms)
		row->due_ns = row->created_ns + request->timeout_ms * CLOCK_NS_PER_MS;
	if (request->tags && !(row->tags = strdup(request->tags)))
		return berth_fail(err, BERTH_MEMORY, 0, "token: out of memory");
	if (!request->idempotency_key)
		return 0;
	row->idempotency_expires_ns = row->created_ns + ttl_ms * CLOCK_NS_PER_MS;
	row->idempotency_key = strdup(request->idempotency_key);
	if (!row->idempotency_key)
		return berth_fail(err, BERTH_MEMORY, 0, "token: out of memory");
	return 0;
}

int engine_token_create(struct engine *engine, const struct engine_token_request *request,
			int64_t *ret_waitpoint_id, bool *ret_is_cached, struct berth_error *err)
{
	AUTO_WAITPOINT struct waitpoint_row row = {
		.environment_id = request->environment_id ? request->environment_id : 1,
		.kind = WAITPOINT_TOKEN,
		.state = WAITPOINT_WAITING,
	};
	struct timer_row timer = {.kind = TIMER_TOKEN};
	int found;

	if (check_request(request, err) < 0)
		return -1;
	found = find_by_key(engine, row.environment_id, request->idempotency_key, ret_waitpoint_id,
			    err);
	if (found < 0)
		return -1;
	*ret_is_cached = found == 0;
	if (found == 0)
		return 0;
	row.id = engine_next_number(engine);
	if (fill_row(&row, request, err) < 0 ||
	    store_waitpoint_insert(engine->store, &row, err) < 0)
		return -1;
	timer.due_ns = row.due_ns;
	timer.subject_id = row.id;
	if (row.due_ns && store_timer_insert(engine->store, &timer, err) < 0)
		return -1;
	*ret_waitpoint_id = row.id;
	return 0;
}

static int check_output(const char *output, struct berth_error *err)
{
	AUTO_JSON json_t *value = NULL;
	size_t length = output ? strnlen(output, TOKEN_OUTPUT_MAX + 1) : 0;

	if (!output)
		return 0;
	if (length > TOKEN_OUTPUT_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "a token's output has %d bytes at most",
				  TOKEN_OUTPUT_MAX);
	if (json_parse(output, length, &value, err) < 0)
		return berth_fail_context(err, "a token's output");
	return 0;
}

int engine_token_complete(struct engine *engine, int64_t waitpoint_id, const char *output,
			  struct berth_error *err)
{
	AUTO_WAITPOINT struct waitpoint_row row = {0};
	struct timer_row timer = {.kind = TIMER_TOKEN, .subject_id = waitpoint_id};
	int found;

	if (check_output(output, err) < 0)
		return -1;
	found = store_waitpoint_read(engine->store, waitpoint_id, false, &row, err);
	if (found < 0)
		return -1;
	if (found == 1 || row.kind != WAITPOINT_TOKEN)
		return fail_absent(err, waitpoint_id);
	if (row.state != WAITPOINT_WAITING)
		return 0;
	timer.due_ns = row.due_ns;
	if (row.due_ns && store_timer_delete(engine->store, &timer, err) < 0)
		return -1;
	return engine_waitpoint_complete(engine, waitpoint_id, WAITPOINT_COMPLETED, output,
					 output ? "application/json" : NULL, false, err);
}

/* {"code":"TRIGGER_WAITPOINT_TIMEOUT","message":"Waitpoint timed out at …"}, as Trigger.dev says
 * it.
 */
static int time_out(struct engine *engine, const struct waitpoint_row *row, struct berth_error *err)
{
	char date[CLOCK_RFC3339_SIZE], text[128];

	clock_format_rfc3339(row->due_ns, date);
	(void)snprintf(text, sizeof(text),
		       "{\"code\":\"TRIGGER_WAITPOINT_TIMEOUT\","
		       "\"message\":\"Waitpoint timed out at %s\"}",
		       date);
	return engine_waitpoint_complete(engine, row->id, WAITPOINT_TIMED_OUT, text,
					 "application/json", true, err);
}

int engine_waitpoint_due(struct engine *engine, int64_t waitpoint_id, struct berth_error *err)
{
	AUTO_WAITPOINT struct waitpoint_row row = {0};
	int found = store_waitpoint_read(engine->store, waitpoint_id, false, &row, err);

	if (found != 0 || row.state != WAITPOINT_WAITING)
		return found < 0 ? -1 : 0;
	if (row.kind == WAITPOINT_TOKEN)
		return time_out(engine, &row, err);
	return engine_waitpoint_complete(engine, waitpoint_id, WAITPOINT_COMPLETED, NULL, NULL,
					 false, err);
}
