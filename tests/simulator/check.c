/* SPDX-License-Identifier: Apache-2.0 */
/* What must be true after every group: each check is a query that finds what breaks it.
 *
 * After a group it looks at the runs, lanes and queues that were written to since the last look,
 * which triggers note, and now and then, and whenever all work has run out, at all of them. */
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "runner/engine/engine_core.h"
#include "runner/engine/run_state.h"
#include "runner/store/sqlite.h"
#include "runner/store/store_runs.h"
#include "tests/simulator/world.h"

/* States: 1 DELAYED 2 QUEUED 3 DEQUEUED 4 EXECUTING 5 WAITING 6 RETRYING 7 RESUMING, final from 8.
 * Timers: 0 delay, 1 expire, 2 retry. */
struct rule {
	const char *broken; /* what a row means */
	const char *sql;    /* a number for the report, and no row when all is well */
};

static const struct rule rules[] = {
	{"a lane's counts are wrong",
	 "SELECT l.id FROM seen_lanes s CROSS JOIN lanes l ON l.id = s.id WHERE l.queued <> "
	 "(SELECT count(*) FROM runs r WHERE r.lane_id = l.id AND r.state IN (2, 7)) OR l.running "
	 "<> (SELECT count(*) FROM runs r WHERE r.lane_id = l.id AND r.state IN (3, 4))"                                                       },
	{"a queue's counts are wrong",
	 "SELECT q.id FROM seen_queues s CROSS JOIN queues q ON q.id = s.id WHERE q.queued <> (SELECT coalesce(sum(queued), 0) FROM lanes "
	 "l WHERE l.queue_id = q.id) OR q.running <> (SELECT coalesce(sum(running), 0) FROM lanes "
	 "l WHERE l.queue_id = q.id)"													  },
	{"a lane's head is wrong",
	 "SELECT l.id FROM seen_lanes s CROSS JOIN lanes l ON l.id = s.id JOIN queues q ON "
	 "q.id = l.queue_id WHERE l.head_ns IS NOT "
	 "CASE WHEN q.key_limit IS NOT NULL AND l.running >= q.key_limit THEN NULL ELSE "
	 "(SELECT min(position_ns) FROM runs r WHERE r.lane_id = l.id AND r.state IN (2, 7)) END"                                              },
	{"a queue's head is wrong",
	 "SELECT q.id FROM seen_queues s CROSS JOIN queues q ON q.id = s.id WHERE q.head_ns IS NOT CASE WHEN q.is_paused OR q.running >= "
	 "min(coalesce(q.override_limit, q.base_limit, 8), 8) THEN NULL ELSE "
	 "(SELECT min(head_ns) FROM lanes l WHERE l.queue_id = q.id) END"                                                                      },
	{"a delayed run has no timer",
	 "SELECT r.id FROM seen_runs s CROSS JOIN runs r ON r.id = s.id WHERE r.state = 1 AND NOT "
	 "EXISTS (SELECT 1 FROM timers t WHERE t.due_ns = r.delay_until_ns AND t.kind = 0 AND "
	 "t.subject_id = r.id)"														},
	{"a run with a ttl has no timer",
	 "SELECT r.id FROM seen_runs s CROSS JOIN runs r ON r.id = s.id WHERE r.state = 2 AND "
	 "r.started_ns IS NULL AND r.expires_ns IS NOT NULL AND NOT EXISTS (SELECT 1 FROM timers "
	 "t WHERE t.due_ns = r.expires_ns AND t.kind = 1 AND t.subject_id = r.id)"                                                             },
	{"a run between attempts has no timer",
	 "SELECT r.id FROM seen_runs s CROSS JOIN runs r ON r.id = s.id WHERE r.state = 6 AND NOT "
	 "EXISTS (SELECT 1 FROM timers t WHERE t.due_ns = r.retry_ns AND t.kind = 2 AND "
	 "t.subject_id = r.id)"														},
	{"a timer of a run that needs none",
	 "SELECT t.subject_id FROM timers t JOIN runs r ON r.id = t.subject_id WHERE "
	 "(t.kind = 0 AND r.state <> 1) OR (t.kind = 1 AND r.state <> 2) OR "
	 "(t.kind = 2 AND r.state <> 6)"												       },
	{"a token is there twice",
	 "SELECT a.run_id FROM seen_runs s CROSS JOIN attempts a ON a.run_id = s.id CROSS JOIN "
	 "attempts b ON b.token = a.token WHERE b.run_id <> a.run_id OR b.number <> a.number"                                                  },
	{"two attempts of a run live",
	 "SELECT a.run_id FROM seen_runs s CROSS JOIN attempts a ON a.run_id = s.id WHERE "
	 "a.ended_ns IS NULL GROUP BY a.run_id HAVING count(*) > 1"									    },
	{"an attempt lives and its run does not know",
	 "SELECT r.id FROM seen_runs s CROSS JOIN runs r ON r.id = s.id CROSS JOIN attempts a ON "
	 "a.run_id = r.id WHERE a.ended_ns IS NULL AND (r.state NOT IN (3, 4, 5, 7) OR "
	 "r.token IS NOT a.token)"													     },
	{"a run has an attempt that is not there",
	 "SELECT r.id FROM seen_runs s CROSS JOIN runs r ON r.id = s.id WHERE r.state IN "
	 "(3, 4, 5, 7) AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.run_id = r.id AND "
	 "a.token = r.token AND a.ended_ns IS NULL)"											   },
	{"a run waits for nothing",
	 "SELECT r.id FROM seen_runs s CROSS JOIN runs r ON r.id = s.id WHERE r.state = 5 AND NOT "
	 "EXISTS (SELECT 1 FROM blocks b WHERE b.run_id = r.id AND b.state = 0)"                                                               },
	{"a run goes on before its wait is over",
	 "SELECT r.id FROM seen_runs s CROSS JOIN runs r ON r.id = s.id WHERE r.state IN (4, 7) "
	 "AND EXISTS (SELECT 1 FROM blocks b WHERE b.run_id = r.id AND b.state = 0)"                                                           },
	{"a run without an attempt has waits",
	 "SELECT r.id FROM seen_runs s CROSS JOIN runs r ON r.id = s.id CROSS JOIN blocks b ON "
	 "b.run_id = r.id WHERE r.state NOT IN (4, 5, 7)"										      },
	{"what ended is still waited for",
	 "SELECT b.run_id FROM seen_runs s CROSS JOIN runs r ON r.id = s.id CROSS JOIN waitpoints "
	 "w ON w.run_id = r.id CROSS JOIN blocks b ON b.waitpoint_id = w.id WHERE b.state = 0 AND "
	 "r.state >= 8"															},
	{"a failed run holds its key",
	 "SELECT r.id FROM seen_runs s CROSS JOIN runs r ON r.id = s.id WHERE "
	 "r.idempotency_key IS NOT NULL AND r.state IN (10, 11, 12, 13, 14)"                                                                   },
	{"a final run has no time of its end",
	 "SELECT r.id FROM seen_runs s CROSS JOIN runs r ON r.id = s.id WHERE "
	 "(r.state >= 8) <> (r.finished_ns IS NOT NULL)"										       },
	{"a started run is not locked to a version",
	 "SELECT r.id FROM seen_runs s CROSS JOIN runs r ON r.id = s.id WHERE "
	 "r.started_ns IS NOT NULL AND r.version_id IS NULL"										   },
	{"a run had more attempts than it may",        /* a step up the ladder is no retry */
	 "SELECT r.id FROM seen_runs s CROSS JOIN runs r ON r.id = s.id JOIN tasks t ON "
	 "t.id = r.task_id WHERE attempt - interruptions > max_attempts AND t.name <> 'climber'"},
};

#define RULES       (sizeof(rules) / sizeof(rules[0]))
#define WHOLE_EVERY 256 /* groups */

/* What a write means to look at again. The index is for the rule of the tokens. */
static const char triggers[] =
	"CREATE INDEX attempts_by_token ON attempts (token);"
	"CREATE TEMP TABLE seen_runs (id INTEGER PRIMARY KEY);"
	"CREATE TEMP TABLE seen_lanes (id INTEGER PRIMARY KEY);"
	"CREATE TEMP TABLE seen_queues (id INTEGER PRIMARY KEY);"
	"CREATE TEMP TRIGGER run_inserted AFTER INSERT ON runs BEGIN "
	"INSERT OR IGNORE INTO seen_runs VALUES (new.id);"
	"INSERT OR IGNORE INTO seen_lanes VALUES (new.lane_id); END;"
	"CREATE TEMP TRIGGER run_updated AFTER UPDATE ON runs BEGIN "
	"INSERT OR IGNORE INTO seen_runs VALUES (new.id);"
	"INSERT OR IGNORE INTO seen_lanes VALUES (old.lane_id), (new.lane_id); END;"
	"CREATE TEMP TRIGGER run_deleted AFTER DELETE ON runs BEGIN "
	"INSERT OR IGNORE INTO seen_runs VALUES (old.id);"
	"INSERT OR IGNORE INTO seen_lanes VALUES (old.lane_id); END;"
	"CREATE TEMP TRIGGER lane_inserted AFTER INSERT ON lanes BEGIN "
	"INSERT OR IGNORE INTO seen_queues VALUES (new.queue_id);"
	"INSERT OR IGNORE INTO seen_lanes VALUES (new.id); END;"
	"CREATE TEMP TRIGGER lane_updated AFTER UPDATE ON lanes BEGIN "
	"INSERT OR IGNORE INTO seen_queues VALUES (new.queue_id);"
	"INSERT OR IGNORE INTO seen_lanes VALUES (new.id); END;"
	"CREATE TEMP TRIGGER queue_inserted AFTER INSERT ON queues BEGIN "
	"INSERT OR IGNORE INTO seen_queues VALUES (new.id); END;"
	"CREATE TEMP TRIGGER queue_updated AFTER UPDATE ON queues BEGIN "
	"INSERT OR IGNORE INTO seen_queues VALUES (new.id); END;"
	"CREATE TEMP TRIGGER queue_limited AFTER UPDATE OF key_limit ON queues BEGIN "
	"INSERT OR IGNORE INTO seen_lanes SELECT id FROM lanes WHERE queue_id = new.id; END;"
	"CREATE TEMP TRIGGER attempt_inserted AFTER INSERT ON attempts BEGIN "
	"INSERT OR IGNORE INTO seen_runs VALUES (new.run_id); END;"
	"CREATE TEMP TRIGGER attempt_updated AFTER UPDATE ON attempts BEGIN "
	"INSERT OR IGNORE INTO seen_runs VALUES (new.run_id); END;"
	"CREATE TEMP TRIGGER attempt_deleted AFTER DELETE ON attempts BEGIN "
	"INSERT OR IGNORE INTO seen_runs VALUES (old.run_id); END;"
	"CREATE TEMP TRIGGER timer_deleted AFTER DELETE ON timers WHEN old.kind < 3 BEGIN "
	"INSERT OR IGNORE INTO seen_runs VALUES (old.subject_id); END;"
	"CREATE TEMP TRIGGER block_inserted AFTER INSERT ON blocks BEGIN "
	"INSERT OR IGNORE INTO seen_runs VALUES (new.run_id);"
	"INSERT OR IGNORE INTO seen_runs SELECT run_id FROM waitpoints "
	"WHERE id = new.waitpoint_id AND run_id IS NOT NULL; END;"
	"CREATE TEMP TRIGGER block_updated AFTER UPDATE ON blocks BEGIN "
	"INSERT OR IGNORE INTO seen_runs VALUES (new.run_id);"
	"INSERT OR IGNORE INTO seen_runs SELECT run_id FROM waitpoints "
	"WHERE id = new.waitpoint_id AND run_id IS NOT NULL; END;"
	"CREATE TEMP TRIGGER block_deleted AFTER DELETE ON blocks BEGIN "
	"INSERT OR IGNORE INTO seen_runs VALUES (old.run_id); END;"
	"CREATE TEMP TRIGGER waitpoint_inserted AFTER INSERT ON waitpoints "
	"WHEN new.run_id IS NOT NULL BEGIN "
	"INSERT OR IGNORE INTO seen_runs VALUES (new.run_id); END;";

enum check_statement {
	SEE_ALL_RUNS,
	SEE_ALL_LANES,
	SEE_ALL_QUEUES,
	FORGET_RUNS,
	FORGET_LANES,
	FORGET_QUEUES,
	STATES_SEEN,
	COUNT_UNFINISHED,
	SUM_LEDGER,
	LIST_HEADS,
	CHECK_STATEMENTS,
};

static const char *const statement_rows[CHECK_STATEMENTS] = {
	[SEE_ALL_RUNS] = "INSERT OR IGNORE INTO seen_runs SELECT id FROM runs",
	[SEE_ALL_LANES] = "INSERT OR IGNORE INTO seen_lanes SELECT id FROM lanes",
	[SEE_ALL_QUEUES] = "INSERT OR IGNORE INTO seen_queues SELECT id FROM queues",
	[FORGET_RUNS] = "DELETE FROM seen_runs",
	[FORGET_LANES] = "DELETE FROM seen_lanes",
	[FORGET_QUEUES] = "DELETE FROM seen_queues",
	[STATES_SEEN] = "SELECT s.id, r.state FROM seen_runs s LEFT JOIN runs r ON r.id = s.id",
	[COUNT_UNFINISHED] = "SELECT count(*) FROM runs WHERE state < 8",
	[SUM_LEDGER] = "SELECT count(*) FILTER (WHERE state IN (3, 4)), "
		       "coalesce(sum(cpu_millis) FILTER (WHERE state IN (3, 4)), 0), "
		       "coalesce(sum(memory_bytes), 0) FROM runs WHERE state IN (3, 4, 5, 7)",
	[LIST_HEADS] = "SELECT r.id, r.state, r.cpu_millis, r.memory_bytes FROM queues q "
		       "JOIN lanes l ON l.queue_id = q.id AND l.head_ns IS NOT NULL JOIN runs r ON "
		       "r.id = (SELECT id FROM runs WHERE lane_id = l.id AND state IN (2, 7) "
		       "ORDER BY position_ns, id LIMIT 1) WHERE q.head_ns IS NOT NULL",
};

/* The program has one world. */
static sqlite3_stmt *rule_statements[RULES];
static sqlite3_stmt *statements[CHECK_STATEMENTS];

static sqlite3_stmt *prepare(struct world *world, const char *sql)
{
	sqlite3_stmt *statement = NULL;

	if (sqlite3_prepare_v2(world->store->database, sql, -1, &statement, NULL) != SQLITE_OK)
		world_fail(world, "%s: %s", sql, sqlite3_errmsg(world->store->database));
	return statement;
}

/* Whether there is a row; without one the statement can be used again. */
static bool step(struct world *world, sqlite3_stmt *statement)
{
	int result = sqlite3_step(statement);

	if (result == SQLITE_ROW)
		return true;
	if (result != SQLITE_DONE || sqlite3_reset(statement) != SQLITE_OK)
		world_fail(world, "%s: %s", sqlite3_sql(statement),
			   sqlite3_errmsg(world->store->database));
	return false;
}

static void run(struct world *world, enum check_statement statement)
{
	if (step(world, statements[statement]))
		world_fail(world, "%s: a row", statement_rows[statement]);
}

static int64_t query(struct world *world, const char *sql)
{
	int64_t value = 0;
	struct berth_error err = {0};

	if (sqlite_query_integer(world->store, sql, &value, &err) < 0)
		world_fail(world, "%s", err.message);
	return value;
}

void check_open(struct world *world)
{
	struct berth_error err = {0};

	if (sqlite_script(world->store, triggers, "triggers", &err) < 0)
		world_fail(world, "%s", err.message);
	for (size_t i = 0; i < RULES; i++)
		rule_statements[i] = prepare(world, rules[i].sql);
	for (size_t i = 0; i < CHECK_STATEMENTS; i++)
		statements[i] = prepare(world, statement_rows[i]);
}

void check_close(void)
{
	/* what they say is said already */
	for (size_t i = 0; i < RULES; i++)
		(void)sqlite3_finalize(rule_statements[i]);
	for (size_t i = 0; i < CHECK_STATEMENTS; i++)
		(void)sqlite3_finalize(statements[i]);
}

static void check_rules(struct world *world)
{
	for (size_t i = 0; i < RULES; i++)
		if (step(world, rule_statements[i]))
			world_fail(world, "%s: %" PRId64, rules[i].broken,
				   (int64_t)sqlite3_column_int64(rule_statements[i], 0));
}

static void check_ledger(struct world *world)
{
	sqlite3_stmt *sums = statements[SUM_LEDGER];
	struct engine_ledger ledger;

	engine_read_ledger(world->engine, &ledger);
	while (step(world, sums)) {
		if (ledger.running != sqlite3_column_int64(sums, 0))
			world_fail(world, "the ledger counts %" PRId64 " running", ledger.running);
		if ((int64_t)ledger.cpu_millis != sqlite3_column_int64(sums, 1))
			world_fail(world, "the ledger's CPU is wrong");
		if ((int64_t)ledger.memory_bytes != sqlite3_column_int64(sums, 2))
			world_fail(world, "the ledger's memory is wrong");
	}
	if ((double)ledger.running > (double)world->settings.concurrency * world->settings.burst)
		world_fail(world, "%" PRId64 " runs hold a slot", ledger.running);
	if (ledger.running > 1 && ledger.cpu_millis > world->settings.cpu_millis + 8000)
		world_fail(world, "the ledger gave away more CPU than there is");
}

static void check_state(struct world *world, struct known *known, int state)
{
	if (known->final_state >= 0 && state != known->final_state)
		world_fail(world, "run %" PRId64 " was %s and is %s", known->run_id,
			   run_state_name((enum run_state)known->final_state),
			   run_state_name((enum run_state)state));
	if (run_state_is_final((enum run_state)state))
		known->final_state = state;
}

/* Acknowledged runs are there; what is final stays so. */
static void check_known(struct world *world)
{
	for (size_t i = 0; i < world->known_count; i++) {
		struct known *known = &world->known[i];
		struct run_row row;
		struct berth_error err = {0};

		if (store_run_read(world->store, known->run_id, &row, &err) != 0)
			world_fail(world, "run %" PRId64 " is lost", known->run_id);
		check_state(world, known, row.state);
	}
}

static void check_known_seen(struct world *world)
{
	sqlite3_stmt *states = statements[STATES_SEEN];

	while (step(world, states)) {
		int64_t run_id = sqlite3_column_int64(states, 0);
		struct known *known = world_find_known(world, run_id);

		if (!known)
			continue; /* nobody was told of it */
		if (sqlite3_column_type(states, 1) == SQLITE_NULL)
			world_fail(world, "run %" PRId64 " is lost", run_id);
		check_state(world, known, sqlite3_column_int(states, 1));
	}
}

/* A head that fits, and a free slot: it would have been started. */
static void check_admission(struct world *world)
{
	sqlite3_stmt *heads = statements[LIST_HEADS];
	struct engine_ledger ledger;
	uint64_t patience_ns = world->settings.starvation_ms * CLOCK_NS_PER_MS;

	if (!world->is_settled)
		return; /* the next group starts it */
	engine_read_ledger(world->engine, &ledger);
	if ((double)ledger.running >= (double)world->settings.concurrency * world->settings.burst)
		return;
	if (ledger.blocked_run_id && world->now_ns >= ledger.blocked_ns + patience_ns)
		return;
	while (step(world, heads)) {
		bool resumes = sqlite3_column_int(heads, 1) == RUN_RESUMING;
		uint64_t cpu = (uint64_t)sqlite3_column_int64(heads, 2);
		uint64_t memory = (uint64_t)sqlite3_column_int64(heads, 3);

		if (ledger.running == 0 ||
		    (ledger.cpu_millis + cpu <= world->settings.cpu_millis &&
		     (resumes || ledger.memory_bytes + memory <= world->settings.memory_bytes)))
			world_fail(world, "run %" PRId64 " could start and does not",
				   (int64_t)sqlite3_column_int64(heads, 0));
	}
}

static void forget_seen(struct world *world)
{
	run(world, FORGET_RUNS);
	run(world, FORGET_LANES);
	run(world, FORGET_QUEUES);
}

static void check_whole(struct world *world)
{
	run(world, SEE_ALL_RUNS);
	run(world, SEE_ALL_LANES);
	run(world, SEE_ALL_QUEUES);
	check_rules(world);
	check_known(world);
}

static void check_seen(struct world *world)
{
	check_rules(world);
	check_known_seen(world);
}

void check_world(struct world *world)
{
	if (world->groups % WHOLE_EVERY == 0)
		check_whole(world);
	else
		check_seen(world);
	forget_seen(world);
	check_ledger(world);
	check_admission(world);
}

int64_t check_unfinished(struct world *world)
{
	int64_t count = 0;

	while (step(world, statements[COUNT_UNFINISHED]))
		count = sqlite3_column_int64(statements[COUNT_UNFINISHED], 0);
	return count;
}

void check_empty(struct world *world)
{
	static const struct rule left[] = {
		{"timers",                        "SELECT count(*) FROM timers WHERE kind <> 5"}, /* unused tokens go on */
		{"waits",                         "SELECT count(*) FROM blocks"                },
		{"debounces",                     "SELECT count(*) FROM debounces"             },
		{"batches that are not complete",
		 "SELECT count(*) FROM batches WHERE completed_ns IS NULL"                     },
		{"waitpoints of runs that ended",
		 "SELECT count(*) FROM waitpoints WHERE kind = 0 AND state = 0"                },
	};
	static const char forget[] =
		"DELETE FROM runs; DELETE FROM run_data; DELETE FROM run_tags; "
		"DELETE FROM attempts; DELETE FROM waitpoints; DELETE FROM batches; "
		"DELETE FROM batch_items; DELETE FROM checkpoints; DELETE FROM timers;";
	struct berth_error err = {0};

	check_whole(world);
	for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++)
		if (query(world, left[i].sql) != 0)
			world_fail(world, "%s are left when every run has ended", left[i].broken);
	if (world->live_count != 0)
		world_fail(world, "%zu processes are left when every run has ended",
			   world->live_count);
	for (size_t i = 0; i < world->known_count; i++)
		if (world->known[i].final_state < 0)
			world_fail(world, "run %" PRId64 " never ended", world->known[i].run_id);
	if (sqlite_script(world->store, forget, "forget", &err) < 0)
		world_fail(world, "%s", err.message);
	forget_seen(world);
	world->known_count = 0;
}
