/* SPDX-License-Identifier: Apache-2.0 */
/* A store in memory with runs that never ran. */
#include "reads_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/identifier.h"
#include "runner/store/sqlite.h"

#define FIRST_NS (UINT64_C(1735689600) * CLOCK_NS_PER_S)

uint64_t fixture_run_ns(int64_t n)
{
	return FIRST_NS + (uint64_t)(n - 1) * CLOCK_NS_PER_S;
}

int64_t fixture_run_id(int64_t n)
{
	return identifier_first_number(fixture_run_ns(n));
}

void fixture_store_script(struct store *store, const char *sql)
{
	struct berth_error err = {0};

	if (sqlite_script(store, sql, "fixture", &err) < 0)
		fail_msg("%s", err.message);
}

static const char names[] =
	"INSERT INTO environments VALUES (2, 'other', 'prod', 0);"
	"INSERT INTO versions VALUES (1, 1, '20250101.1', 'aa', '{}', 1, 1, 0), "
	"(2, 1, '20250101.2', '', '{}', 2000000000, 2000000000, 1);"
	"INSERT INTO versions VALUES (3, 1, 'builtin', '', '{}', 1, NULL, 0);"
	"INSERT INTO definitions VALUES (1, 1, 'alpha', '{\"id\":\"alpha\"}'), "
	"(2, 2, 'alpha', '{\"id\":\"alpha\"}'), (3, 2, 'beta', '{\"id\":\"beta\"}'), "
	"(4, 3, 'video.probe', '{\"id\":\"video.probe\"}');"
	"INSERT INTO tasks VALUES (1, 1, 'alpha'), (2, 1, 'beta'), (3, 1, 'gamma');"
	"INSERT INTO queues (id, environment_id, name, kind, base_limit, override_limit) VALUES "
	"(1, 1, 'task/alpha', 0, NULL, NULL), (2, 1, 'task/beta', 0, 5, NULL), "
	"(3, 1, 'task/gamma', 0, 5, 0), (4, 1, 'shared', 1, NULL, NULL);"
	"INSERT INTO lanes (id, queue_id, concurrency_key) VALUES (1, 1, ''), (2, 2, 'key'), "
	"(3, 3, ''), (4, 4, '');"
	"INSERT INTO batches (id, environment_id, state, expected, accepted, created_ns, "
	"updated_ns) VALUES (1, 1, 1, 5, 5, 1, 1);";

static void insert_runs(struct store *store)
{
	char sql[4096];

	(void)snprintf(
		sql, sizeof(sql),
		"WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < %d) "
		"INSERT INTO runs (id, environment_id, task_id, queue_id, lane_id, state, "
		"position_ns, version_id, machine, cpu_millis, memory_bytes, disk_bytes, "
		"max_attempts, is_test, parent_id, root_id, batch_id, batch_index, created_ns, "
		"updated_ns, finished_ns) "
		"SELECT %lld + (n - 1) * 1000 * (1 << 22), 1, n %% 3 + 1, n %% 4 + 1, n %% 4 + 1, "
		"n %% 15, n, n %% 2 + 1, iif(n %% 2, 'micro', 'small-1x'), 1000, 1, 1, 3, "
		"n %% 10 = 0, iif(n BETWEEN 2 AND 9, %lld, NULL), "
		"iif(n BETWEEN 2 AND 9, %lld, NULL), iif(n BETWEEN 20 AND 24, 1, NULL), "
		"iif(n BETWEEN 20 AND 24, n - 20, NULL), %lld + (n - 1) * 1000000000, "
		"%lld + (n - 1) * 1000000000, iif(n %% 15 >= 8, %lld + n * 1000000000, NULL) "
		"FROM c",
		FIXTURE_RUNS, (long long)fixture_run_id(1), (long long)fixture_run_id(1),
		(long long)fixture_run_id(1), (long long)FIRST_NS, (long long)FIRST_NS,
		(long long)FIRST_NS);
	fixture_store_script(store, sql);
	(void)snprintf(
		sql, sizeof(sql),
		"INSERT INTO run_tags SELECT 'five', id FROM runs WHERE position_ns %% 5 = 0;"
		"INSERT INTO run_tags SELECT 'seven', id FROM runs WHERE position_ns %% 7 = 0;"
		"INSERT INTO run_tags VALUES ('lonely', %lld);"
		"INSERT INTO run_data (run_id, payload, payload_type) "
		"SELECT id, '{\"n\":' || position_ns || '}', 'application/json' FROM runs;"
		"INSERT INTO batch_items (batch_id, place, run_id) "
		"SELECT batch_id, batch_index, id FROM runs WHERE batch_id IS NOT NULL",
		(long long)fixture_run_id(13));
	fixture_store_script(store, sql);
}

struct store *fixture_store_create(void)
{
	struct berth_error err = {0};
	struct store *store;

	if (store_open(NULL, STORE_MEMORY, &store, &err) < 0)
		fail_msg("%s", err.message);
	fixture_store_script(store, names);
	insert_runs(store);
	return store;
}
