/* SPDX-License-Identifier: Apache-2.0 */
/* Parsed definitions and the numbers behind names, each in a table where a newer one takes an
 * older one's place. */
#include "runner/engine/definition_cache.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "runner/store/store_versions.h"

#define DEFINITIONS 256 /* places: a power of two */
#define TASKS       256
#define CURRENT     256

struct definition_place {
	int64_t definition_id; /* 0: empty */
	struct definition definition;
};

struct task_place {
	int64_t task_id; /* 0: empty */
	int64_t environment_id;
	char name[TASK_NAME_MAX + 1];
};

struct current_place {
	int64_t task_id; /* 0: empty */
	int64_t definition_id;
};

struct definition_cache {
	struct definition_place definitions[DEFINITIONS];
	struct task_place tasks[TASKS];
	struct current_place current[CURRENT];
	bool is_used;
};

int definition_cache_create(struct definition_cache **ret_cache, struct berth_error *err)
{
	struct definition_cache *cache = calloc(1, sizeof(*cache));

	if (!cache)
		return berth_fail(err, BERTH_MEMORY, 0, "engine: out of memory");
	*ret_cache = cache;
	return 0;
}

void definition_cache_clear(struct definition_cache *cache)
{
	if (!cache->is_used)
		return;
	for (size_t i = 0; i < DEFINITIONS; i++)
		if (cache->definitions[i].definition_id)
			definition_finish(&cache->definitions[i].definition);
	memset(cache, 0, sizeof(*cache));
}

void definition_cache_destroy(struct definition_cache *cache)
{
	if (!cache)
		return;
	definition_cache_clear(cache);
	free(cache);
}

static int read_definition(struct store *store, int64_t definition_id,
			   struct definition *ret_definition, struct berth_error *err)
{
	AUTO_FREE char *text = NULL;
	AUTO_JSON json_t *object = NULL;
	int64_t version_id = 0;
	int found = store_definition_read(store, definition_id, &text, &version_id, err);

	if (found < 0)
		return -1;
	if (found > 0)
		return berth_fail(err, BERTH_NOT_FOUND, 0, "there is no definition %lld",
				  (long long)definition_id);
	if (json_parse(text, strlen(text), &object, err) < 0 ||
	    definition_parse(object, ret_definition, err) < 0)
		return berth_fail_context(err, "definition %lld", (long long)definition_id);
	ret_definition->version_id = version_id;
	return 0;
}

int definition_cache_get(struct definition_cache *cache, struct store *store, int64_t definition_id,
			 const struct definition **ret_definition, struct berth_error *err)
{
	struct definition_place *place = &cache->definitions[definition_id & (DEFINITIONS - 1)];
	struct definition definition;

	if (place->definition_id != definition_id) {
		if (read_definition(store, definition_id, &definition, err) < 0)
			return -1;
		if (place->definition_id)
			definition_finish(&place->definition);
		place->definition = definition;
		place->definition_id = definition_id;
		cache->is_used = true;
	}
	*ret_definition = &place->definition;
	return 0;
}

int definition_of_version(struct store *store, int64_t environment_id, int64_t version_id,
			  const char *task, int64_t *ret_definition_id, struct berth_error *err)
{
	int64_t builtin_id;
	int found = 1;

	if (version_id)
		found = store_definition_find(store, version_id, task, ret_definition_id, err);
	if (found <= 0)
		return found;
	found = store_version_find(store, environment_id, STORE_BUILTIN_VERSION, &builtin_id, err);
	return found == 0 ? store_definition_find(store, builtin_id, task, ret_definition_id, err)
			  : found;
}

/* FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/ */
static size_t hash(const char *text)
{
	uint32_t value = UINT32_C(2166136261);

	for (; *text; text++)
		value = (value ^ (unsigned char)*text) * UINT32_C(16777619);
	return value;
}

int definition_cache_task(struct definition_cache *cache, struct store *store,
			  int64_t environment_id, const char *name, int64_t *ret_task_id,
			  struct berth_error *err)
{
	struct task_place *place = &cache->tasks[hash(name) & (TASKS - 1)];
	int64_t task_id;
	int found;

	if (place->task_id != 0 && place->environment_id == environment_id &&
	    strcmp(place->name, name) == 0) {
		*ret_task_id = place->task_id;
		return 0;
	}
	found = strlen(name) > TASK_NAME_MAX
			? 1
			: store_task_find(store, environment_id, name, &task_id, err);
	if (found > 0)
		return berth_fail(err, BERTH_NOT_FOUND, 0,
				  "there is no task \"%.128s\": deploy it first", name);
	if (found < 0)
		return -1;
	*place = (struct task_place){.task_id = task_id, .environment_id = environment_id};
	memcpy(place->name, name, strlen(name));
	cache->is_used = true;
	*ret_task_id = task_id;
	return 0;
}

int definition_cache_current(struct definition_cache *cache, struct store *store,
			     int64_t environment_id, int64_t task_id, int64_t *ret_definition_id,
			     struct berth_error *err)
{
	struct current_place *place = &cache->current[task_id & (CURRENT - 1)];
	AUTO_FREE char *name = NULL;
	int64_t version_id = 0, definition_id = 0;

	if (place->task_id != task_id) {
		if (store_task_name(store, task_id, &name, err) < 0 ||
		    store_version_current(store, environment_id, &version_id, err) < 0 ||
		    definition_of_version(store, environment_id, version_id, name, &definition_id,
					  err) < 0)
			return -1;
		*place = (struct current_place){task_id, definition_id};
		cache->is_used = true;
	}
	*ret_definition_id = place->definition_id;
	return 0;
}
