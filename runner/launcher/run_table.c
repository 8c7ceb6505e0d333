/* SPDX-License-Identifier: Apache-2.0 */
/* The launcher's memory: rows, found by number and token. */
#include "runner/launcher/run_table.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define HASH_FACTOR UINT64_C(0x9e3779b97f4a7c15) /* 2^64 over the golden ratio */
#define HASH_SHIFT  51                           /* 64 - log2(RUN_TABLE_BUCKETS) */

int run_table_create(struct run_table **ret_table, struct berth_error *err)
{
	struct run_table *table = calloc(1, sizeof(*table));

	_Static_assert(1U << (64 - HASH_SHIFT) == RUN_TABLE_BUCKETS, "the hash fills the table");
	_Static_assert(LAUNCHER_HOLDS_MAX < RUN_TABLE_NONE, "an index fits");
	if (!table)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "run table");
	table->first_free = table->first_free_hold = RUN_TABLE_NONE;
	memset(table->buckets, 0xff, sizeof(table->buckets));
	*ret_table = table;
	return 0;
}

void run_table_destroy(struct run_table *table)
{
	assert(!table || table->count == 0);
	free(table);
}

size_t run_table_index(const struct run_table *table, const struct run *run)
{
	return (size_t)(run - table->runs);
}

/* All attempts of a run are in one bucket. */
static uint16_t *bucket_of(struct run_table *table, int64_t number)
{
	return &table->buckets[((uint64_t)number * HASH_FACTOR) >> HASH_SHIFT];
}

struct run *run_table_find(struct run_table *table, int64_t number, const char *token)
{
	for (uint16_t at = *bucket_of(table, number); at != RUN_TABLE_NONE;
	     at = table->runs[at].next_in_bucket)
		if (table->runs[at].number == number && strcmp(table->runs[at].token, token) == 0)
			return &table->runs[at];
	return NULL;
}

bool run_table_has_number(const struct run_table *table, int64_t number)
{
	uint16_t at = table->buckets[((uint64_t)number * HASH_FACTOR) >> HASH_SHIFT];

	for (; at != RUN_TABLE_NONE; at = table->runs[at].next_in_bucket)
		if (table->runs[at].number == number)
			return true;
	return false;
}

static void init_run(struct run *run)
{
	*run = (struct run){
		.first_hold = RUN_TABLE_NONE,
		.next = RUN_TABLE_NONE,
		.stdout_fd = -1,
		.stderr_fd = -1,
		.channel_fd = -1,
	};
	for (size_t i = 0; i < SANDBOX_VOLUMES_MAX; i++)
		run->volumes[i].view_fd = -1;
}

int run_table_add(struct run_table *table, int64_t number, const char *token, size_t max,
		  struct run **ret_run, struct berth_error *err)
{
	uint16_t *bucket = bucket_of(table, number);
	struct run *run;

	if (run_table_find(table, number, token))
		return berth_fail(err, BERTH_INVALID, 0, "this attempt was launched already");
	if (table->count >= max || table->count >= LAUNCHER_RUNS_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "%zu runs are there already; at most %zu",
				  table->count, max);
	if (table->first_free != RUN_TABLE_NONE) {
		run = &table->runs[table->first_free];
		table->first_free = run->next;
	} else {
		run = &table->runs[table->fresh++];
	}
	init_run(run);
	run->number = number;
	memcpy(run->token, token, LAUNCHER_TOKEN_SIZE);
	run->next_in_bucket = *bucket;
	*bucket = (uint16_t)run_table_index(table, run);
	table->count++;
	*ret_run = run;
	return 0;
}

static void free_hold(struct run_table *table, uint16_t at)
{
	close_fd(&table->holds[at].fd);
	table->holds[at].next = table->first_free_hold;
	table->first_free_hold = at;
}

static void close_everything(struct run_table *table, struct run *run)
{
	while (run->first_hold != RUN_TABLE_NONE) {
		uint16_t at = run->first_hold;

		run->first_hold = table->holds[at].next;
		free_hold(table, at);
	}
	close_fd(&run->stdout_fd);
	close_fd(&run->stderr_fd);
	close_fd(&run->channel_fd);
	for (size_t i = 0; i < run->volume_count; i++) {
		close_fd(&run->volumes[i].view_fd);
		sandbox_volume_close(run->volumes[i].volume);
	}
	protection_set_release(run->protections);
}

void run_table_remove(struct run_table *table, struct run *run)
{
	uint16_t index = (uint16_t)run_table_index(table, run);
	uint16_t *at = bucket_of(table, run->number);

	assert(!run->sandbox && !run->source && !run->is_listed);
	close_everything(table, run);
	while (*at != index)
		at = &table->runs[*at].next_in_bucket;
	*at = run->next_in_bucket;
	run->number = 0;
	run->next = table->first_free;
	table->first_free = index;
	table->count--;
}

struct run *run_table_next(struct run_table *table, size_t index)
{
	for (; index < table->fresh; index++)
		if (table->runs[index].number)
			return &table->runs[index];
	return NULL;
}

int run_table_hold(struct run_table *table, struct run *run, uint64_t connection, int fd,
		   struct berth_error *err)
{
	uint16_t at;

	for (at = run->first_hold; at != RUN_TABLE_NONE; at = table->holds[at].next)
		if (table->holds[at].connection == connection)
			return berth_fail(err, BERTH_INVALID, 0, "connection %ju is held already",
					  (uintmax_t)connection);
	if (run->hold_count == LAUNCHER_RUN_HOLDS_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "more than %d held connections of a run",
				  LAUNCHER_RUN_HOLDS_MAX);
	if (table->first_free_hold != RUN_TABLE_NONE) {
		at = table->first_free_hold;
		table->first_free_hold = table->holds[at].next;
	} else if (table->fresh_hold < LAUNCHER_HOLDS_MAX) {
		at = table->fresh_hold++;
	} else {
		return berth_fail(err, BERTH_LIMIT, 0, "more than %d held connections",
				  LAUNCHER_HOLDS_MAX);
	}
	table->holds[at] = (struct hold){connection, fd, run->first_hold};
	run->first_hold = at;
	run->hold_count++;
	return 0;
}

int run_table_unhold(struct run_table *table, struct run *run, uint64_t connection)
{
	for (uint16_t *link = &run->first_hold; *link != RUN_TABLE_NONE;
	     link = &table->holds[*link].next) {
		uint16_t at = *link;

		if (table->holds[at].connection != connection)
			continue;
		*link = table->holds[at].next;
		free_hold(table, at);
		run->hold_count--;
		return 0;
	}
	return 1;
}

const struct hold *run_table_hold_at(const struct run_table *table, const struct run *run,
				     size_t index)
{
	uint16_t at = run->first_hold;

	while (at != RUN_TABLE_NONE && index-- > 0)
		at = table->holds[at].next;
	return at == RUN_TABLE_NONE ? NULL : &table->holds[at];
}

enum launcher_state run_state_of(const struct run *run)
{
	if (!run->sandbox)
		return LAUNCHER_RUN_ENDED;
	if (run->frozen)
		return LAUNCHER_RUN_FROZEN;
	return run->started ? LAUNCHER_RUN_RUNNING : LAUNCHER_RUN_STARTING;
}
