/* SPDX-License-Identifier: Apache-2.0 */
/* A run's tags and metadata. */
#include "runner/engine/run_tags.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "runner/engine/engine_core.h"
#include "runner/engine/engine_runs.h"
#include "runner/engine/run_check.h"
#include "runner/engine/run_move.h"
#include "runner/store/store_runs.h"

int run_tags_write(struct engine *engine, int64_t run_id, const json_t *tags,
		   struct berth_error *err)
{
	json_t *tag;
	size_t index;

	if (json_is_string(tags))
		return store_run_tag_insert(engine->store, run_id, json_string_value(tags), err);
	json_array_foreach (tags, index, tag)
		if (store_run_tag_insert(engine->store, run_id, json_string_value(tag), err) < 0)
			return -1;
	return 0;
}

int run_metadata_format(const json_t *metadata, char **ret_text, struct berth_error *err)
{
	AUTO_FREE char *text = NULL;

	if (metadata) {
		text = json_format_compact(metadata);
		if (!text)
			return berth_fail(err, BERTH_MEMORY, 0, "engine: out of memory");
		if (strlen(text) > RUN_METADATA_MAX)
			return berth_fail(err, BERTH_LIMIT, 0,
					  "metadata: %zu bytes, at most %d are allowed",
					  strlen(text), RUN_METADATA_MAX);
	}
	*ret_text = steal_ptr(&text);
	return 0;
}

int engine_add_tags(struct engine *engine, int64_t run_id, const json_t *tags,
		    struct berth_error *err)
{
	struct run_row run;
	int64_t count;

	if (run_check_tags(tags, err) < 0 || run_find(engine, run_id, &run, err) < 0 ||
	    run_tags_write(engine, run_id, tags, err) < 0 ||
	    store_run_tag_count(engine->store, run_id, &count, err) < 0)
		return -1;
	if (count > RUN_TAGS_MAX)
		return berth_fail(err, BERTH_LIMIT, 0,
				  "tags: %lld with those that are there, at "
				  "most %d are allowed",
				  (long long)count, RUN_TAGS_MAX);
	return engine_add_run_effect(engine, ENGINE_CHANGED, run_id, err);
}

int engine_set_metadata(struct engine *engine, int64_t run_id, const char *token, const json_t *set,
			struct berth_error *err)
{
	AUTO_FREE char *text = NULL;
	struct run_row run;
	int found = token ? run_find_live(engine, run_id, token, &run, err)
			  : run_find(engine, run_id, &run, err);

	if (found != 0)
		return found;
	if (!json_is_object(set))
		return berth_fail(err, BERTH_INVALID, 0, "metadata: not an object");
	if (run_metadata_format(set, &text, err) < 0 ||
	    store_run_data_write_metadata(engine->store, run_id, text, err) < 0)
		return -1;
	return engine_add_run_effect(engine, ENGINE_CHANGED, run_id, err);
}
