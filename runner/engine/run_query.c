/* SPDX-License-Identifier: Apache-2.0 */
/* A filter over runs, looked up and walked. */
#include "runner/engine/run_query.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/identifier.h"
#include "base/text.h"
#include "runner/engine/run_state.h"

#define PROBE_MAX   256  /* numbers of each value looked at to find the rarest condition */
#define NAMES_BYTES 4096 /* of one list */

struct condition_row {
	enum list_index index; /* LIST_INDEXES: none */
	bool is_text;
};

static const struct condition_row condition_rows[QUERY_CONDITIONS] = {
	[QUERY_BATCH] = {LIST_RUNS_BY_BATCH,   false},
	[QUERY_PARENT] = {LIST_RUNS_BY_PARENT,  false},
	[QUERY_TAG] = {LIST_RUNS_BY_TAG,     true },
	[QUERY_VERSION] = {LIST_RUNS_BY_VERSION, false},
	[QUERY_TASK] = {LIST_RUNS_BY_TASK,    false},
	[QUERY_QUEUE] = {LIST_RUNS_BY_QUEUE,   false},
	[QUERY_STATE] = {LIST_RUNS_BY_STATE,   false},
	[QUERY_MACHINE] = {LIST_INDEXES,         true },
};

static int fail_name(struct berth_error *err, enum berth_code code, const char *what,
		     const char *name)
{
	char safe[80];

	(void)text_sanitize(name, strnlen(name, 64), safe, sizeof(safe));
	return berth_fail(err, code, 0, "%s \"%s\"", what, safe);
}

static int add_states(struct query_condition *condition, const char *name, struct berth_error *err)
{
	size_t before = condition->count;

	for (int state = 0; state < RUN_STATES; state++) {
		if (strcmp(run_state_api_name((enum run_state)state), name) != 0)
			continue;
		if (condition->count == READ_NAMES_MAX)
			return berth_fail(err, BERTH_LIMIT, 0, "status: more than %d names",
					  READ_NAMES_MAX);
		condition->numbers[condition->count++] = state;
	}
	if (condition->count == before)
		return fail_name(err, BERTH_INVALID, "there is no status", name);
	return 0;
}

static int add_name(struct run_query *query, struct store *store, enum query_what what,
		    const char *name, struct berth_error *err)
{
	static const enum list_name kinds[QUERY_CONDITIONS] = {
		[QUERY_TASK] = LIST_NAME_TASK,
		[QUERY_QUEUE] = LIST_NAME_QUEUE,
		[QUERY_VERSION] = LIST_NAME_VERSION,
	};
	struct query_condition *condition = &query->conditions[what];
	int found;

	if (what == QUERY_STATE)
		return add_states(condition, name, err);
	if (condition_rows[what].is_text) {
		condition->texts[condition->count++] = name;
		return 0;
	}
	found = store_list_find(store, kinds[what], query->environment_id, name,
				&condition->numbers[condition->count], err);
	if (found == 0)
		condition->count++;
	return found < 0 ? -1 : 0;
}

/* One comma separated list, already in writable memory that lasts. */
static int add_names(struct run_query *query, struct store *store, enum query_what what, char *list,
		     struct berth_error *err)
{
	char *place = NULL;
	size_t count = 0;

	for (char *name = strtok_r(list, ",", &place); name; name = strtok_r(NULL, ",", &place)) {
		bool is_known = false;

		for (size_t i = 0; condition_rows[what].is_text && i < count; i++)
			is_known |= strcmp(query->conditions[what].texts[i], name) == 0;
		if (is_known)
			continue;
		if (count++ == READ_NAMES_MAX)
			return berth_fail(err, BERTH_LIMIT, 0, "a filter of more than %d names",
					  READ_NAMES_MAX);
		if (add_name(query, store, what, name, err) < 0)
			return -1;
	}
	if (count == 0)
		return berth_fail(err, BERTH_INVALID, 0, "a filter without a name");
	if (query->conditions[what].count == 0)
		query->matches_nothing = true;
	return 0;
}

static int add_lists(struct run_query *query, struct store *store,
		     const struct read_run_filter *filter, struct berth_error *err)
{
	const char *const lists[QUERY_CONDITIONS] = {
		[QUERY_TAG] = filter->tag,      [QUERY_VERSION] = filter->version,
		[QUERY_TASK] = filter->task,    [QUERY_QUEUE] = filter->queue,
		[QUERY_STATE] = filter->status, [QUERY_MACHINE] = filter->machine,
	};
	char *next;

	query->names = malloc(QUERY_CONDITIONS * NAMES_BYTES);
	if (!query->names)
		return berth_fail(err, BERTH_MEMORY, 0, "list: out of memory");
	next = query->names;
	for (int what = 0; what < QUERY_CONDITIONS; what++) {
		size_t length = lists[what] ? strnlen(lists[what], NAMES_BYTES) : 0;

		if (!lists[what])
			continue;
		if (length == NAMES_BYTES)
			return berth_fail(err, BERTH_LIMIT, 0, "a filter of more than %d bytes",
					  NAMES_BYTES - 1);
		if (!text_is_utf8(lists[what], length))
			return berth_fail(err, BERTH_INVALID, 0, "a filter is not UTF-8");
		memcpy(next, lists[what], length + 1);
		if (add_names(query, store, (enum query_what)what, next, err) < 0)
			return -1;
		next += length + 1;
	}
	return 0;
}

static struct list_range make_range(const struct run_query *query, enum query_what what, size_t i)
{
	struct list_range range = {
		.index = LIST_RUNS,
		.above_id = query->above_id,
		.below_id = query->below_id,
		.oldest_first = query->merge.oldest_first,
	};

	if (what < QUERY_CONDITIONS) {
		range.index = condition_rows[what].index;
		range.key = query->conditions[what].numbers[i];
		range.text = query->conditions[what].texts[i];
	}
	return range;
}

/* How many runs meet a condition near the beginning of the range: the runs found over the span of
 * numbers they were found in, summed over the values. All of them when there are few: then the span
 * is everything, and the density all but 0. */
static int probe(const struct run_query *query, struct store *store, enum query_what what,
		 int64_t first_id, double *ret_density, struct berth_error *err)
{
	double density = 0;

	for (size_t i = 0; i < query->conditions[what].count; i++) {
		struct list_range range = make_range(query, what, i);
		int64_t ids[PROBE_MAX];
		size_t count;
		double span = (double)query->below_id - (double)query->above_id;

		if (store_list_ids(store, &range, ids, PROBE_MAX, &count, err) < 0)
			return -1;
		if (count == PROBE_MAX)
			span = (double)llabs(ids[PROBE_MAX - 1] - first_id) + 1;
		density += (double)count / span;
	}
	*ret_density = density;
	return 0;
}

/* Chooses what leads. */
static int choose(struct run_query *query, struct store *store, struct berth_error *err)
{
	struct list_range all = make_range(query, QUERY_CONDITIONS, 0);
	enum query_what best = QUERY_CONDITIONS;
	double best_density = 0, density;
	int64_t first_id = 0;
	size_t count;

	if (store_list_ids(store, &all, &first_id, 1, &count, err) < 0)
		return -1;
	for (int what = 0; what < QUERY_CONDITIONS; what++) {
		if (query->conditions[what].count == 0 ||
		    condition_rows[what].index == LIST_INDEXES)
			continue;
		if (probe(query, store, (enum query_what)what, first_id, &density, err) < 0)
			return -1;
		if (best == QUERY_CONDITIONS || density < best_density) {
			best = (enum query_what)what;
			best_density = density;
		}
	}
	query->merge.count = best == QUERY_CONDITIONS ? 1 : query->conditions[best].count;
	for (size_t i = 0; i < query->merge.count; i++)
		query->merge.streams[i].range = make_range(query, best, i);
	return 0;
}

static void set_bounds(struct run_query *query, const struct read_run_filter *filter)
{
	int64_t from = identifier_first_number(filter->from_ns);

	query->above_id = from > 0 ? from - 1 : 0;
	query->below_id = filter->to_ns ? identifier_first_number(filter->to_ns) : INT64_MAX;
	if (filter->after_id == 0)
		return;
	if (query->merge.oldest_first && filter->after_id > query->above_id)
		query->above_id = filter->after_id;
	if (!query->merge.oldest_first && filter->after_id < query->below_id)
		query->below_id = filter->after_id;
}

int run_query_init(struct run_query *query, struct store *store,
		   const struct read_run_filter *filter, bool oldest_first, struct berth_error *err)
{
	memset(query, 0, sizeof(*query));
	if (filter->after_id < 0 || filter->batch_id < 0 || filter->parent_id < 0)
		return berth_fail(err, BERTH_INVALID, 0, "a filter with a negative number");
	query->merge.oldest_first = oldest_first;
	query->environment_id = filter->environment_id ? filter->environment_id : 1;
	query->only_test = filter->only_test;
	set_bounds(query, filter);
	query->conditions[QUERY_BATCH].count = filter->batch_id != 0;
	query->conditions[QUERY_BATCH].numbers[0] = filter->batch_id;
	query->conditions[QUERY_PARENT].count = filter->parent_id != 0;
	query->conditions[QUERY_PARENT].numbers[0] = filter->parent_id;
	if (add_lists(query, store, filter, err) < 0 ||
	    (!query->matches_nothing && choose(query, store, err) < 0)) {
		run_query_finish(query);
		return -1;
	}
	return 0;
}

void run_query_finish(struct run_query *query)
{
	free(query->names);
	query->names = NULL;
}

static bool has_number(const struct query_condition *condition, int64_t number)
{
	for (size_t i = 0; i < condition->count; i++)
		if (condition->numbers[i] == number)
			return true;
	return condition->count == 0;
}

static bool has_machine(const struct query_condition *condition, const char *machine)
{
	for (size_t i = 0; i < condition->count; i++)
		if (strcmp(condition->texts[i], machine) == 0)
			return true;
	return condition->count == 0;
}

/* 1: it has one of the tags. */
static int has_tag(const struct query_condition *condition, struct store *store, int64_t id,
		   struct berth_error *err)
{
	int found = 0;

	for (size_t i = 0; found == 0 && i < condition->count; i++)
		found = store_list_run_has_tag(store, id, condition->texts[i], err);
	return condition->count == 0 ? 1 : found;
}

/* 1: the run meets every condition. */
static int matches(const struct run_query *query, struct store *store, int64_t id,
		   struct berth_error *err)
{
	const struct query_condition *conditions = query->conditions;
	struct list_run run;
	int found = store_list_run(store, id, &run, err);

	if (found != 0)
		return found < 0 ? -1 : 0;
	if (run.environment_id != query->environment_id || (query->only_test && !run.is_test) ||
	    !has_number(&conditions[QUERY_BATCH], run.batch_id) ||
	    !has_number(&conditions[QUERY_PARENT], run.parent_id) ||
	    !has_number(&conditions[QUERY_VERSION], run.version_id) ||
	    !has_number(&conditions[QUERY_TASK], run.task_id) ||
	    !has_number(&conditions[QUERY_QUEUE], run.queue_id) ||
	    !has_number(&conditions[QUERY_STATE], run.state) ||
	    !has_machine(&conditions[QUERY_MACHINE], run.machine))
		return 0;
	return has_tag(&conditions[QUERY_TAG], store, id, err);
}

int run_query_next(struct run_query *query, struct store *store, int64_t *ret_id, int64_t *ret_next,
		   struct berth_error *err)
{
	int64_t id = 0;

	*ret_id = 0;
	*ret_next = 0;
	while (!query->matches_nothing) {
		int64_t last = query->merge.last_id;
		int found;

		if (run_merge_next(&query->merge, store, &id, err) < 0)
			return -1;
		if (id == 0)
			return 0;
		if (query->looks++ == READ_LOOKS_MAX) {
			*ret_next = last;
			return 0;
		}
		found = matches(query, store, id, err);
		if (found < 0)
			return -1;
		if (found) {
			*ret_id = id;
			return 0;
		}
	}
	return 0;
}
