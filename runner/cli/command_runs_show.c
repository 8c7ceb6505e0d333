/* SPDX-License-Identifier: Apache-2.0 */
/* berth runs show. */
#include <stdio.h>

#include "base/json.h"
#include "runner/cli/client_commands.h"
#include "runner/cli/client_verb.h"
#include "runner/cli/complaint.h"
#include "runner/cli/listing.h"

const struct option_table command_runs_show_options = CLIENT_TABLE(CONTROL_RUN_GET, 1);

static const struct column_row rows[] = {
	{"run",              "id",                    COLUMN_TEXT   },
	{"status",           "status",                COLUMN_TEXT   },
	{"task",             "taskIdentifier",        COLUMN_TEXT   },
	{"version",          "version",               COLUMN_TEXT   },
	{"queue",            "queue",                 COLUMN_TEXT   },
	{"concurrency key",  "concurrencyKey",        COLUMN_TEXT   },
	{"machine",          "machine",               COLUMN_TEXT   },
	{"tags",             "tags",                  COLUMN_TEXT   },
	{"priority",         "priority",              COLUMN_SECONDS},
	{"idempotency key",  "idempotencyKey",        COLUMN_TEXT   },
	{"created",          "createdAt",             COLUMN_DATE   },
	{"delayed until",    "delayedUntil",          COLUMN_DATE   },
	{"started",          "startedAt",             COLUMN_DATE   },
	{"finished",         "finishedAt",            COLUMN_DATE   },
	{"expires",          "expiresAt",             COLUMN_DATE   },
	{"retry",            "retryAt",               COLUMN_DATE   },
	{"took",             "durationMs",            COLUMN_MS     },
	{"CPU time",         "usage.cpuMs",           COLUMN_MS     },
	{"memory peak",      "usage.memoryPeakBytes", COLUMN_BYTES  },
	{"may take",         "maxDuration",           COLUMN_SECONDS},
	{"attempts",         "attemptCount",          COLUMN_TEXT   },
	{"at most",          "maxAttempts",           COLUMN_TEXT   },
	{"interruptions",    "interruptions",         COLUMN_TEXT   },
	{"parent",           "parentId",              COLUMN_TEXT   },
	{"children",         "children",              COLUMN_TEXT   },
	{"batch",            "batchId",               COLUMN_TEXT   },
	{"replay of",        "replayOf",              COLUMN_TEXT   },
	{"payload",          "payload",               COLUMN_TEXT   },
	{"inputs",           "inputs",                COLUMN_TEXT   },
	{"output directory", "outputDirectory",       COLUMN_TEXT   },
	{"metadata",         "metadata",              COLUMN_TEXT   },
	{"output",           "output",                COLUMN_TEXT   },
	{"error",            "error",                 COLUMN_TEXT   },
	{NULL,	       NULL,                    COLUMN_TEXT   },
};

static const struct column_row attempt_columns[] = {
	{"ATTEMPT", "number",    COLUMN_TEXT },
	{"STATUS",  "status",    COLUMN_TEXT },
	{"OUTCOME", "outcome",   COLUMN_TEXT },
	{"REASON",  "reason",    COLUMN_TEXT },
	{"EXIT",    "exitCode",  COLUMN_TEXT },
	{"MACHINE", "machine",   COLUMN_TEXT },
	{"STARTED", "startedAt", COLUMN_DATE },
	{"ENDED",   "endedAt",   COLUMN_DATE },
	{"LOG",     "logBytes",  COLUMN_BYTES},
	{"MESSAGE", "message",   COLUMN_TEXT },
	{NULL,      NULL,        COLUMN_TEXT },
};

static int show(const json_t *run, struct berth_error *err)
{
	const json_t *attempts = json_object_get(run, "attempts");

	if (columns_print_card(rows, run, err) < 0)
		return -1;
	if (json_array_size(attempts) == 0)
		return 0;
	(void)putchar('\n');
	return columns_print_table(attempt_columns, attempts, err);
}

int command_runs_show(void *record, const struct option_arguments *arguments)
{
	const struct client_record *options = record;
	AUTO_JSON json_t *fields = NULL;
	AUTO_JSON json_t *run = NULL;
	struct berth_error err;
	int status;

	if (client_take_words(&command_runs_show_options, arguments, record, &err) < 0)
		return client_complain_usage(&err, "list runs with: berth runs list");
	fields = client_fields(&command_runs_show_options, record);
	status = client_ask(&options->client, CONTROL_RUN_GET, fields, &run);
	if (status != EXIT_DONE)
		return status;
	if (options->client.json)
		return listing_print_json(json_incref(run));
	if (show(run, &err) == 0)
		return EXIT_DONE;
	complaint_print(&err, NULL);
	return EXIT_BERTH;
}
