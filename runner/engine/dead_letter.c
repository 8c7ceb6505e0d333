/* SPDX-License-Identifier: Apache-2.0 */
/* The task that is told of a run that failed for good. */
#include "runner/engine/dead_letter.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/identifier.h"
#include "base/json.h"
#include "runner/engine/definition_cache.h"
#include "runner/engine/engine_core.h"
#include "runner/engine/engine_runs.h"
#include "runner/store/store_versions.h"

static bool has_failed(const struct run_row *run)
{
	return run->state == RUN_FAILED || run->state == RUN_CRASHED ||
	       run->state == RUN_SYSTEM_FAILURE || run->state == RUN_TIMED_OUT;
}

static int find_name(struct engine *engine, const struct run_row *run, char **ret_name,
		     struct berth_error *err)
{
	const struct definition *definition;

	*ret_name = NULL;
	if (!has_failed(run) || run->dead_letter_of || !run->definition_id)
		return 0;
	if (definition_cache_get(engine->definitions, engine->store, run->definition_id,
				 &definition, err) < 0)
		/* it could not be read before either: that is why the run ended */
		return run->state == RUN_SYSTEM_FAILURE && !store_is_broken(engine->store) ? 0 : -1;
	if (!definition->dead_letter)
		return 0;
	*ret_name = strdup(definition->dead_letter);
	return *ret_name ? 0 : berth_fail(err, BERTH_MEMORY, 0, "engine: out of memory");
}

/* A JSON payload as it is, another as a text; too large a one is left out. */
static json_t *payload_value(const struct run_data_row *data)
{
	size_t length = data->payload ? strlen(data->payload) : 0;
	json_t *value = NULL;

	if (length == 0 || length > RUN_PAYLOAD_MAX / 2)
		return json_null();
	if (json_parse(data->payload, length, &value, NULL) == 0)
		return value;
	return json_stringn(data->payload, length);
}

static char *make_payload(const struct run_row *run, const char *task,
			  const struct run_data_row *data, const char *error)
{
	AUTO_JSON json_t *object = NULL, *error_value = NULL;
	char name[IDENTIFIER_NUMBER_SIZE];

	identifier_format_number("run", run->id, name);
	if (error && json_parse(error, strlen(error), &error_value, NULL) < 0)
		error_value = json_string(error);
	object = json_pack("{s:s,s:s,s:o,s:O?,s:I}", "originalTaskId", task, "originalRunId", name,
			   "originalPayload", payload_value(data), "error", error_value,
			   "attemptCount", (json_int_t)(run->attempt - run->interruptions));
	return object ? json_format_compact(object) : NULL;
}

struct letter {
	struct run_trigger trigger;
};

static int trigger(struct engine *engine, void *argument, struct berth_error *err)
{
	const struct letter *letter = argument;
	struct run_accepted accepted;

	return engine_trigger(engine, &letter->trigger, &accepted, err);
}

/* The error of the run says why nobody was told. */
static int note_refusal(struct engine *engine, const struct run_row *run, const char *error,
			const struct berth_error *why, struct berth_error *err)
{
	AUTO_JSON json_t *object = NULL;
	AUTO_FREE char *text = NULL;

	if (!error || json_parse(error, strlen(error), &object, NULL) < 0)
		object = json_object();
	if (json_object_set_new(object, "deadLetter", json_string(why->message)) < 0)
		return berth_fail(err, BERTH_MEMORY, 0, "engine: out of memory");
	text = json_format_compact(object);
	if (!text)
		return berth_fail(err, BERTH_MEMORY, 0, "engine: out of memory");
	return store_run_data_write_error(engine->store, run->id, text, err);
}

static bool is_refusal(const struct engine *engine, const struct berth_error *why)
{
	return !store_is_broken(engine->store) && why->errnum == 0 &&
	       (why->code == BERTH_INVALID || why->code == BERTH_NOT_FOUND ||
		why->code == BERTH_LIMIT);
}

int dead_letter_start(struct engine *engine, const struct run_row *run, const char *error,
		      struct berth_error *err)
{
	struct letter letter = {
		.trigger = {.environment_id = run->environment_id,
			    .dead_letter_of = run->id,
			    .is_test = run->is_test}
        };
	AUTO_RUN_DATA struct run_data_row data = {0};
	AUTO_FREE char *name = NULL, *task = NULL, *payload = NULL;
	struct berth_error why = {0};

	if (find_name(engine, run, &name, err) < 0)
		return -1;
	if (!name)
		return 0;
	if (store_run_data_read_input(engine->store, run->id, &data, err) < 0 ||
	    store_task_name(engine->store, run->task_id, &task, err) < 0)
		return -1;
	payload = make_payload(run, task, &data, error);
	if (!payload)
		return berth_fail(err, BERTH_MEMORY, 0, "engine: out of memory");
	letter.trigger.task = name;
	letter.trigger.payload = payload;
	if (engine_do(engine, trigger, &letter, &why) == 0)
		return 0;
	if (is_refusal(engine, &why))
		return note_refusal(engine, run, error, &why, err);
	*err = why;
	return -1;
}
