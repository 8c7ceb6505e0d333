/* SPDX-License-Identifier: Apache-2.0 */
/* What a run was asked to have, as JSON and back, and applying it. */
#include "runner/engine/run_options.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "runner/engine/engine_core.h"

#define AT(member) offsetof(struct run_options, member)
#define YEARS_MS   31536000000000.0

/* What was checked before is read back: the bounds only keep out what nobody wrote. */
/* clang-format off */
static const struct field_row rows[] = {
	{.name = "machine", .type = FIELD_STRING, .offset = AT(machine), .unit = "", .help = ""},
	{.name = "inputs", .type = FIELD_JSON, .offset = AT(inputs), .unit = "", .help = ""},
	{.name = "outputDirectory", .type = FIELD_STRING, .offset = AT(output_directory), .unit = "", .help = ""},
	{.name = "queue", .type = FIELD_STRING, .offset = AT(queue), .unit = "", .help = ""},
	{.name = "concurrencyKey", .type = FIELD_STRING, .offset = AT(concurrency_key), .unit = "", .help = ""},
	{.name = "maxAttempts", .type = FIELD_INTEGER, .offset = AT(max_attempts), .unit = "", .help = ""},
	{.name = "priority", .type = FIELD_INTEGER, .offset = AT(priority), .unit = "", .help = ""},
	{.name = "maxDuration", .type = FIELD_DURATION_MS, .offset = AT(max_duration_ms), .max = YEARS_MS, .unit = "", .help = ""},
	{.name = "ttl", .type = FIELD_DURATION_MS, .offset = AT(ttl_ms), .max = YEARS_MS, .unit = "", .help = ""},
};
/* clang-format on */
#define ROWS       (sizeof(rows) / sizeof(rows[0]))

void run_options_finish(struct run_options *options)
{
	field_finish(rows, ROWS, options);
}

static int put_string(json_t *object, const char *name, const char *text)
{
	return text ? json_object_set_new(object, name, json_string(text)) : 0;
}

static int put_value(json_t *object, const char *name, json_t *value)
{
	return value ? json_object_set(object, name, value) : 0;
}

static int put_integer(json_t *object, const char *name, int64_t value)
{
	return value ? json_object_set_new(object, name, json_integer(value)) : 0;
}

static int put_seconds(json_t *object, const char *name, uint64_t value_ms, bool is_given)
{
	if (!is_given)
		return 0;
	return json_object_set_new(object, name, json_real((double)value_ms / 1000.0));
}

int run_options_format(const struct run_trigger *request, char **ret_text, struct berth_error *err)
{
	AUTO_JSON json_t *object = NULL;

	*ret_text = NULL;
	if (!request->machine && !request->queue && !request->concurrency_key &&
	    !request->max_attempts && !request->priority && !request->max_duration_ms &&
	    !request->has_ttl && !request->inputs && !request->output_directory)
		return 0;
	object = json_object();
	if (put_string(object, "machine", request->machine) < 0 ||
	    put_value(object, "inputs", request->inputs) < 0 ||
	    put_string(object, "outputDirectory", request->output_directory) < 0 ||
	    put_string(object, "queue", request->queue) < 0 ||
	    put_string(object, "concurrencyKey", request->concurrency_key) < 0 ||
	    put_integer(object, "maxAttempts", request->max_attempts) < 0 ||
	    put_integer(object, "priority", request->priority) < 0 ||
	    put_seconds(object, "maxDuration", request->max_duration_ms,
			request->max_duration_ms != 0) < 0 ||
	    put_seconds(object, "ttl", request->ttl_ms, request->has_ttl) < 0)
		return berth_fail(err, BERTH_MEMORY, 0, "engine: out of memory");
	*ret_text = json_format_compact(object);
	if (!*ret_text)
		return berth_fail(err, BERTH_MEMORY, 0, "engine: out of memory");
	return 0;
}

int run_options_parse(const char *text, struct run_options *ret_options, struct berth_error *err)
{
	AUTO_RUN_OPTIONS struct run_options options = {0};
	AUTO_JSON json_t *object = NULL;

	if (text) {
		if (json_parse(text, strlen(text), &object, err) < 0 ||
		    field_parse_object(object, rows, ROWS, &options, err) < 0)
			return berth_fail_context(err, "the run's options");
		options.has_ttl = json_object_get(object, "ttl") != NULL;
	}
	*ret_options = options;
	options = (struct run_options){0};
	return 0;
}

void run_take_machine(struct run_row *run, const struct machine *machine,
		      const struct definition *definition)
{
	struct resource_limits limits = machine->limits;

	limit_overrides_apply(&definition->limits, &limits);
	memcpy(run->machine, machine->name, sizeof(run->machine));
	run->cpu_millis = limits.cpu_millis;
	run->memory_bytes = limits.memory_bytes;
	run->disk_bytes = limits.disk_bytes;
}

int run_options_apply(const struct engine *engine, const struct run_options *options,
		      const struct definition *definition, struct run_row *run,
		      struct berth_error *err)
{
	const char *name = options->machine      ? options->machine
			   : definition->machine ? definition->machine
						 : MACHINE_DEFAULT;
	const struct machine *machine;

	if (machine_find(engine->settings.machines, name, &machine, err) < 0)
		return -1;
	run_take_machine(run, machine, definition);
	run->max_attempts = options->max_attempts   ? options->max_attempts
			    : definition->has_retry ? definition->policy.max_attempts
						    : 1;
	run->max_duration_ms = options->max_duration_ms      ? options->max_duration_ms
			       : definition->max_duration_ms ? definition->max_duration_ms
							     : engine->settings.default_duration_ms;
	return 0;
}
