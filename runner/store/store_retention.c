/* SPDX-License-Identifier: Apache-2.0 */
/* What has ended and may be removed, oldest first, and removing it whole. */
#include "runner/store/store_retention.h"

#include "runner/store/sqlite.h"
#include "runner/store/store_versions.h"

enum statement {
	CANDIDATES, /* one for each enum prune_kind */
	COUNT_ENDED = CANDIDATES + PRUNE_KINDS,
	USED_BYTES,
	DELETE_CHECKPOINTS,
	DELETE_ATTEMPTS,
	DELETE_TAGS,
	DELETE_DATA,
	DELETE_DEBOUNCES,
	DELETE_RUN_WAITPOINT,
	DELETE_RUN,
	DELETE_TOKEN,
	DELETE_ITEMS,
	DELETE_BATCH_WAITPOINT,
	DELETE_BATCH,
	DELETE_DEFINITIONS,
	DELETE_VERSION,
};

/* Whether an answer that names the waitpoint waits to be taken. */
#define IS_BLOCKING(waitpoint)                                                                     \
	"EXISTS (SELECT 1 FROM blocks k WHERE k.waitpoint_id = " waitpoint ")"

/* The statement of tokens in one state. */
#define TOKENS(state)                                                                                         \
	"SELECT id, completed_ns, created_ns, idempotency_expires_ns, " IS_BLOCKING(                          \
		"w.id") " FROM waitpoints w INDEXED BY waitpoints_by_state WHERE kind = 2 AND state = " state \
			" AND ?1 = ?1 AND id > ?2 ORDER BY id LIMIT ?3"

/* All take ended_ns and id of the place, and how many. */
static const struct sqlite_statement_row rows[] = {
	[CANDIDATES + PRUNE_CHECKPOINTS] = {"SELECT c.run_id, r.finished_ns, r.created_ns, NULL, 0 "
					    "FROM (SELECT DISTINCT run_id FROM checkpoints "
					    "WHERE ?1 = ?1 AND run_id > ?2 ORDER BY run_id "
					    "LIMIT ?3) c CROSS JOIN runs r ON r.id = c.run_id"},
	[CANDIDATES + PRUNE_RUNS] =
		{"SELECT r.id, r.finished_ns, r.created_ns, r.idempotency_expires_ns, "
		 "EXISTS (SELECT 1 FROM runs p WHERE p.id = r.parent_id "
		 "AND p.finished_ns IS NULL) "
		 "OR EXISTS (SELECT 1 FROM waitpoints w WHERE w.run_id = r.id "
		 "AND " IS_BLOCKING(
			 "w.id") ") "
				 "OR EXISTS (SELECT 1 FROM batch_items i CROSS JOIN batches b ON b.id = i.batch_id "
				 "LEFT JOIN waitpoints w ON w.batch_id = b.id WHERE i.run_id = r.id "
				 "AND (b.state < 2 OR " IS_BLOCKING(
					 "w.id") ")) "
						 "FROM runs r INDEXED BY runs_by_finish WHERE r.finished_ns IS NOT NULL "
						 "AND (r.finished_ns, r.id) > (?1, ?2) ORDER BY r.finished_ns, r.id LIMIT ?3"},
	[CANDIDATES + PRUNE_TOKENS_COMPLETED] = {TOKENS("1")},
	[CANDIDATES + PRUNE_TOKENS_TIMED_OUT] = {TOKENS("2")},
	[CANDIDATES + PRUNE_BATCHES] = {"SELECT id, completed_ns, created_ns, "
					"idempotency_expires_ns, EXISTS (SELECT 1 FROM "
					"waitpoints w WHERE w.batch_id = b.id "
					"AND " IS_BLOCKING(
						"w.id") ") FROM batches b WHERE "
							"?1 = ?1 AND id > ?2 ORDER BY id LIMIT ?3"},
	/* A version ends when another takes its place, which is not written down: it counts from
	 * when it was made or promoted last. The newest stays, so that no number is given twice. */
	[CANDIDATES + PRUNE_VERSIONS] =
		{"SELECT v.id, CASE WHEN v.is_current = 1 THEN NULL "
		 "ELSE max(v.created_ns, ifnull(v.promoted_ns, 0)) END, v.created_ns, NULL, "
		 "v.name = '" STORE_BUILTIN_VERSION "' OR v.id = (SELECT max(id) FROM versions) "
		 "OR EXISTS (SELECT 1 FROM runs r WHERE r.version_id = v.id) "
		 "OR v.id = (SELECT max(p.id) FROM versions p WHERE p.id < (SELECT c.id "
		 "FROM versions c WHERE c.environment_id = v.environment_id AND c.is_current = 1) "
		 "AND p.name <> '" STORE_BUILTIN_VERSION "') "
		 "FROM versions v WHERE ?1 = ?1 AND v.id > ?2 ORDER BY v.id LIMIT ?3"},
	[COUNT_ENDED] = {"SELECT count(*) FROM runs INDEXED BY runs_by_finish "
			 "WHERE finished_ns IS NOT NULL"},
	[USED_BYTES] = {"SELECT (p.page_count - f.freelist_count) * s.page_size "
			"FROM pragma_page_count p, pragma_freelist_count f, pragma_page_size s"},
	[DELETE_CHECKPOINTS] = {"DELETE FROM checkpoints WHERE run_id = ?"},
	[DELETE_ATTEMPTS] = {"DELETE FROM attempts WHERE run_id = ?"},
	[DELETE_TAGS] = {"DELETE FROM run_tags WHERE run_id = ?"},
	[DELETE_DATA] = {"DELETE FROM run_data WHERE run_id = ?"},
	[DELETE_DEBOUNCES] = {"DELETE FROM debounces WHERE run_id = ?"},
	[DELETE_RUN_WAITPOINT] = {"DELETE FROM waitpoints WHERE run_id = ?"},
	[DELETE_RUN] = {"DELETE FROM runs WHERE id = ?"},
	[DELETE_TOKEN] = {"DELETE FROM waitpoints WHERE id = ?"},
	[DELETE_ITEMS] = {"DELETE FROM batch_items WHERE batch_id = ?"},
	[DELETE_BATCH_WAITPOINT] = {"DELETE FROM waitpoints WHERE batch_id = ?"},
	[DELETE_BATCH] = {"DELETE FROM batches WHERE id = ?"},
	[DELETE_DEFINITIONS] = {"DELETE FROM definitions WHERE version_id = ?"},
	[DELETE_VERSION] = {"DELETE FROM versions WHERE id = ?"},
};

/* What goes with one of a kind, the thing itself last. */
struct removal {
	enum statement first, last;
};
static const struct removal removals[PRUNE_KINDS] = {
	[PRUNE_CHECKPOINTS] = {DELETE_CHECKPOINTS, DELETE_CHECKPOINTS},
	[PRUNE_RUNS] = {DELETE_CHECKPOINTS, DELETE_RUN        },
	[PRUNE_TOKENS_COMPLETED] = {DELETE_TOKEN,       DELETE_TOKEN      },
	[PRUNE_TOKENS_TIMED_OUT] = {DELETE_TOKEN,       DELETE_TOKEN      },
	[PRUNE_BATCHES] = {DELETE_ITEMS,       DELETE_BATCH      },
	[PRUNE_VERSIONS] = {DELETE_DEFINITIONS, DELETE_VERSION    },
};

static int start(struct store *store, size_t index, struct sqlite_use *ret_use,
		 struct berth_error *err)
{
	return sqlite_start(store, SQLITE_FILE_RETENTION, rows, index, ret_use, err);
}

int store_prune_candidates(struct store *store, enum prune_kind kind, struct prune_place *place,
			   struct prune_candidate *ret_candidates, size_t most, size_t *ret_count,
			   struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};
	size_t count = 0;
	int found = 0;

	if (start(store, CANDIDATES + (size_t)kind, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, (int64_t)place->ended_ns);
	sqlite_bind_integer(&use, place->id);
	sqlite_bind_integer(&use, (int64_t)most);
	while (count < most && (found = sqlite_step(&use, err)) > 0) {
		struct prune_candidate *candidate = &ret_candidates[count++];

		candidate->id = sqlite_column_integer(&use);
		candidate->ended_ns = (uint64_t)sqlite_column_optional(&use, 0);
		candidate->created_ns = (uint64_t)sqlite_column_integer(&use);
		candidate->key_expires_ns = (uint64_t)sqlite_column_optional(&use, 0);
		candidate->is_needed = sqlite_column_integer(&use) != 0;
	}
	if (found < 0)
		return -1;
	if (count > 0) {
		place->id = ret_candidates[count - 1].id;
		place->ended_ns = ret_candidates[count - 1].ended_ns;
	}
	*ret_count = count;
	return 0;
}

int store_prune_remove(struct store *store, enum prune_kind kind, int64_t id,
		       struct berth_error *err)
{
	for (size_t index = removals[kind].first; index <= removals[kind].last; index++) {
		AUTO_SQLITE struct sqlite_use use = {0};

		if (start(store, index, &use, err) < 0)
			return -1;
		sqlite_bind_integer(&use, id);
		if (sqlite_execute(&use, err) < 0)
			return -1;
	}
	return 0;
}

static int read_number(struct store *store, size_t index, int64_t *ret_value,
		       struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, index, &use, err) < 0 || sqlite_step(&use, err) < 0)
		return -1;
	*ret_value = sqlite_column_integer(&use);
	return 0;
}

int store_count_ended(struct store *store, int64_t *ret_count, struct berth_error *err)
{
	return read_number(store, COUNT_ENDED, ret_count, err);
}

int store_used_bytes(struct store *store, uint64_t *ret_bytes, struct berth_error *err)
{
	int64_t bytes = 0;

	if (read_number(store, USED_BYTES, &bytes, err) < 0)
		return -1;
	*ret_bytes = (uint64_t)bytes;
	return 0;
}
