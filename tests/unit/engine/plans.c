/* SPDX-License-Identifier: Apache-2.0 */
/* How SQLite would run the statements that a store has prepared. */
#include "plans.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runner/store/sqlite.h"

/* What may scan or sort after all, and why. */
struct exception_row {
	const char *statement; /* how it begins, or what is in it */
	const char *step;      /* how the step begins */
	const char *reason;
};

static const struct exception_row exceptions[] = {
	{"INDEXED BY runs_by_batch WHERE batch_id = ?",       "USE TEMP B-TREE FOR ORDER BY",
	 "a batch has 1000 runs at most"													},
	{"count(DISTINCT wait_id) FROM blocks",               "USE TEMP B-TREE FOR count(DISTINCT)",
	 "an attempt has 2000 blocks at most"												   },
	{"WITH RECURSIVE reached",                            "",                                    "looks at 2000 runs at most"               },
	{"FROM versions v NOT INDEXED",                       "SCAN v",                              "newest first and cut; deployments are few"},
	{"SELECT DISTINCT run_id FROM checkpoints",           "SCAN c",                              "the subquery, which is cut"               },
	{"SELECT due_ns FROM timers ORDER BY due_ns LIMIT 1", "SCAN timers",                         "the first in order"                       },
	{"FROM definitions WHERE version_id = ? AND id > ?",  "USE TEMP B-TREE FOR ORDER BY",
	 "a version's tasks, at its deployment"												 },
	{"pragma_page_count",				 "SCAN",                                "one row each"                             },
	{"sqlite_schema",				     "SCAN",                                "the schema, once at the opening"          },
};

static bool is_excepted(const char *sql, const char *step)
{
	for (size_t i = 0; i < sizeof(exceptions) / sizeof(exceptions[0]); i++)
		if (strstr(sql, exceptions[i].statement) &&
		    strncmp(step, exceptions[i].step, strlen(exceptions[i].step)) == 0)
			return true;
	return false;
}

static bool is_bad(const char *step)
{
	bool scans = strncmp(step, "SCAN ", 5) == 0 && strcmp(step, "SCAN CONSTANT ROW") != 0;

	return scans || strstr(step, "TEMP B-TREE") || strstr(step, "AUTOMATIC");
}

static int check_statement(sqlite3 *database, const char *sql)
{
	sqlite3_stmt *plan = NULL;
	char *explain = NULL;
	int bad = 0;

	assert_true(asprintf(&explain, "EXPLAIN QUERY PLAN %s", sql) > 0);
	assert_int_equal(sqlite3_prepare_v2(database, explain, -1, &plan, NULL), SQLITE_OK);
	while (sqlite3_step(plan) == SQLITE_ROW) {
		const char *step = (const char *)sqlite3_column_text(plan, 3);

		if (!is_bad(step) || is_excepted(sql, step))
			continue;
		print_message("%s\n\t%s\n", sql, step);
		bad++;
	}
	(void)sqlite3_finalize(plan);
	free(explain);
	return bad;
}

static bool has_plan(const char *sql)
{
	static const char *const words[] = {"SELECT", "INSERT", "UPDATE", "DELETE", "WITH"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strncmp(sql, words[i], strlen(words[i])) == 0)
			return true;
	return false;
}

int plans_check(struct store *store)
{
	int bad = 0, count = 0;

	for (int file = 0; file < SQLITE_FILES; file++)
		for (int i = 0; i < SQLITE_STATEMENTS_MAX; i++) {
			const char *sql = store->statements[file][i]
						  ? sqlite3_sql(store->statements[file][i])
						  : NULL;

			if (!sql || !has_plan(sql))
				continue;
			bad += check_statement(store->database, sql);
			count++;
		}
	if (bad > 0)
		fail_msg("%d statements scan or sort", bad);
	return count;
}
