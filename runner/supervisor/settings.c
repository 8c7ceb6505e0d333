/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the settings file, and what follows from it and the host. */
#include "runner/supervisor/settings.h"

#include <fcntl.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "machines/capacity.h"

/* The first member that is wrong, with its line. */
static int parse_members(const char *path, const char *source, json_t *object,
			 struct settings *settings, struct berth_error *err)
{
	const char *name;
	json_t *value;

	json_object_foreach (object, name, value) {
		const char *const keys[] = {name};

		if (field_parse_member(settings_rows, settings_row_count, name, value, settings,
				       err) < 0)
			return berth_fail_context(err, "%s:%zu", path,
						  json_line_of(source, keys, 1));
	}
	return 0;
}

int settings_load(const char *path, struct settings *ret_settings, struct berth_error *err)
{
	AUTO_JSON json_t *object = NULL;
	AUTO_FREE char *source = NULL;
	struct settings settings = {0};

	if (field_set_defaults(settings_rows, settings_row_count, &settings, err) < 0)
		return -1;
	if (path) {
		if (json_parse_file(AT_FDCWD, path, SETTINGS_FILE_MAX, &object, &source, err) < 0)
			return -1;
		if (!json_is_object(object))
			return berth_fail(err, BERTH_INVALID, 0,
					  "%s: the settings are an object {\"name\": value}", path);
		if (parse_members(path, source, object, &settings, err) < 0)
			return -1;
	}
	*ret_settings = settings;
	return 0;
}

int settings_for_engine(const struct settings *settings, struct engine_settings *ret_settings,
			struct berth_error *err)
{
	struct machine_capacity capacity;

	if (machine_host_capacity(&capacity, err) < 0)
		return -1;
	*ret_settings = (struct engine_settings){
		.concurrency = settings->concurrency,
		.burst = settings->burst,
		.cpu_millis = (uint64_t)((double)capacity.cpu_millis * settings->cpu_overcommit),
		.memory_bytes =
			(uint64_t)((double)capacity.memory_bytes * settings->memory_overcommit),
		.disk_bytes = settings->disk_bytes,
		.starvation_ms = settings->starvation_ms,
		.max_ttl_ms = settings->max_ttl_ms,
		.queue_size_limit = settings->queue_size,
		.default_duration_ms = settings->max_duration_ms,
	};
	return 0;
}
