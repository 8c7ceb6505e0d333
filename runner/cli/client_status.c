/* SPDX-License-Identifier: Apache-2.0 */
/* What the daemon says of itself, for people. */
#include "runner/cli/client_status.h"

#include <stdio.h>
#include <string.h>

#include "base/amount.h"
#include "base/json.h"
#include "runner/cli/client.h"
#include "runner/cli/client_columns.h"

#define VALUE_SIZE (2 * AMOUNT_TEXT_SIZE + 16)

static const struct column_row head_rows[] = {
	{"version",  "version",  COLUMN_TEXT},
	{"started",  "started",  COLUMN_DATE},
	{"draining", "draining", COLUMN_TEXT},
	{"health",   "health",   COLUMN_TEXT},
	{NULL,       NULL,       COLUMN_TEXT},
};

/* Made here of two members each; queued is counted over the queues. */
static const struct column_row ledger_rows[] = {
	{"running", "running", COLUMN_TEXT},
        {"queued",  "queued",  COLUMN_TEXT},
	{"CPUs",    "cpu",     COLUMN_TEXT},
        {"memory",  "memory",  COLUMN_TEXT},
	{"disk",    "disk",    COLUMN_TEXT},
        {"blocked", "blocked", COLUMN_TEXT},
	{"paused",  "paused",  COLUMN_TEXT},
        {NULL,      NULL,      COLUMN_TEXT},
};

static const struct column_row run_columns[] = {
	{"RUN",      "id",               COLUMN_TEXT },
	{"STATUS",   "status",           COLUMN_TEXT },
	{"TASK",     "taskIdentifier",   COLUMN_TEXT },
	{"MACHINE",  "machine",          COLUMN_TEXT },
	{"CPU",      "cpuShare",         COLUMN_TEXT },
	{"CPU TIME", "live.cpuNs",       COLUMN_NS   },
	{"MEMORY",   "live.memoryBytes", COLUMN_BYTES},
	{"PIDS",     "live.pids",        COLUMN_TEXT },
	{"STARTED",  "startedAt",        COLUMN_DATE },
	{NULL,       NULL,               COLUMN_TEXT },
};

static uint64_t number_of(const json_t *object, const char *name)
{
	json_int_t value = json_integer_value(json_object_get(object, name));

	return value > 0 ? (uint64_t)value : 0;
}

static char *format_count(uint64_t count, char target[AMOUNT_TEXT_SIZE])
{
	(void)snprintf(target, AMOUNT_TEXT_SIZE, "%llu", (unsigned long long)count);
	return target;
}

/* "3 of 8" */
static json_t *share_of(const json_t *ledger, const char *name, const char *total_name,
			char *(*format)(uint64_t, char[AMOUNT_TEXT_SIZE]))
{
	char used[AMOUNT_TEXT_SIZE], total[AMOUNT_TEXT_SIZE], text[VALUE_SIZE];

	if (!json_object_get(ledger, name))
		return json_null();
	(void)snprintf(text, sizeof(text), "%s of %s", format(number_of(ledger, name), used),
		       format(number_of(ledger, total_name), total));
	return json_string(text);
}

/* How many wait in all queues, and which of these are paused. */
static void sum_queues(const json_t *queues, json_t *shown)
{
	json_t *paused = json_array();
	const json_t *queue;
	uint64_t queued = 0;
	size_t i;

	json_array_foreach (queues, i, queue) {
		queued += number_of(queue, "queued");
		if (json_is_true(json_object_get(queue, "paused")))
			(void)json_array_append(paused, json_object_get(queue, "name"));
	}
	(void)json_object_set_new(shown, "queued", json_integer((json_int_t)queued));
	(void)json_object_set_new(shown, "paused", paused);
}

int client_status_print(const json_t *status, struct berth_error *err)
{
	const json_t *ledger = json_object_get(status, "ledger");
	AUTO_JSON json_t *shown = json_pack(
		"{s:o, s:o, s:o, s:o}", "running",
		share_of(ledger, "running", "concurrency", format_count), "cpu",
		share_of(ledger, "cpuMillis", "cpuMillisTotal", amount_format_cpu_millis), "memory",
		share_of(ledger, "memoryBytes", "memoryBytesTotal", amount_format_bytes), "disk",
		share_of(ledger, "diskBytes", "diskBytesTotal", amount_format_bytes));

	if (!shown)
		return berth_fail(err, BERTH_MEMORY, 0, "out of memory");
	(void)json_object_set(shown, "blocked", json_object_get(ledger, "blocked"));
	sum_queues(json_object_get(status, "queues"), shown);
	if (columns_print_card(head_rows, status, err) < 0)
		return -1;
	return columns_print_card(ledger_rows, shown, err);
}

static const json_t *find_run(const json_t *status, const char *id)
{
	const json_t *runs = json_object_get(status, "runs");
	const json_t *run;
	size_t i;

	json_array_foreach (runs, i, run) {
		if (strcmp(client_text(run, "id"), id) == 0)
			return run;
	}
	return NULL;
}

/* "153 %" of one CPU between two samples; nothing without an earlier one of the same attempt. */
static void set_share(json_t *run, const json_t *before)
{
	const json_t *now = json_object_get(run, "live");
	const json_t *earlier = json_object_get(find_run(before, client_text(run, "id")), "live");
	uint64_t cpu_ns = number_of(now, "cpuNs"), cpu_then_ns = number_of(earlier, "cpuNs");
	uint64_t at_ns = number_of(now, "sampledNs"), then_ns = number_of(earlier, "sampledNs");
	char text[AMOUNT_TEXT_SIZE];

	if (!now || !earlier || at_ns <= then_ns || cpu_ns < cpu_then_ns)
		return;
	(void)snprintf(text, sizeof(text), "%.0f %%",
		       100.0 * (double)(cpu_ns - cpu_then_ns) / (double)(at_ns - then_ns));
	(void)json_object_set_new(run, "cpuShare", json_string(text));
}

int client_status_print_runs(json_t *status, const json_t *before, struct berth_error *err)
{
	json_t *runs = json_object_get(status, "runs");
	json_t *run;
	size_t i;

	if (json_array_size(runs) == 0)
		return 0;
	json_array_foreach (runs, i, run) {
		set_share(run, before);
	}
	(void)putchar('\n');
	return columns_print_table(run_columns, runs, err);
}
