/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the verbs that ask the daemon give to the table: records, options, functions,
 * and the rows of sub-verbs. */
#pragma once

#include <stdbool.h>

#include "runner/cli/client.h"
#include "runner/cli/command_table.h"

struct trigger_options {
	struct client_options client;
	char *payload, *metadata, *output;
	struct string_list tags, inputs;
	bool follow;
	struct operation_fields fields;
};
extern const struct option_table command_trigger_options;
int command_trigger(void *record, const struct option_arguments *arguments);

extern const struct option_table command_doctor_options;

struct tasks_options {
	struct client_options client;
	bool deployed;
};
extern const struct option_table command_tasks_options;

extern const struct option_table command_batch_options;
int command_batch(void *record, const struct option_arguments *arguments);

struct deploy_options {
	struct client_options client;
	bool schema, dry_run;
	struct operation_fields fields;
};
extern const struct option_table command_deploy_options;
int command_deploy(void *record, const struct option_arguments *arguments);

struct top_options {
	struct client_options client;
	uint64_t interval_ms;
	bool once;
	struct operation_fields fields;
};
extern const struct option_table command_top_options;
int command_top(void *record, const struct option_arguments *arguments);

/* Of struct client_record. */
extern const struct option_table command_status_options, command_backup_options,
	command_prune_options, command_reload_options, command_drain_options;
int command_status(void *record, const struct option_arguments *arguments);
int command_backup(void *record, const struct option_arguments *arguments);
int command_prune(void *record, const struct option_arguments *arguments);
int command_reload(void *record, const struct option_arguments *arguments);
int command_drain(void *record, const struct option_arguments *arguments);

/* Sub-verbs. */
#define BATCH_VERBS       1
#define RUNS_VERBS        7
#define QUEUES_VERBS      6
#define VERSIONS_VERBS    3
#define TOKENS_VERBS      4
#define CHECKPOINTS_VERBS 2
#define KEYS_VERBS        1
extern const struct command_row batch_verbs[], runs_verbs[], queues_verbs[], versions_verbs[],
	tokens_verbs[], checkpoints_verbs[], keys_verbs[];

/* runs list, cancel and replay: the daemon's filter, with dates as people write them. */
struct runs_options {
	struct client_options client;
	char *since, *until;
	char *payload, *output; /* of replay, likewise */
	struct string_list inputs;
	uint64_t grace_ms; /* which has none: it is refused */
	struct operation_fields fields;
};
extern const struct option_table command_runs_list_options, command_runs_cancel_options,
	command_runs_replay_options;
/* The request of what was given of the filter; NULL with err. */
json_t *runs_fields(const struct option_table *table, const struct runs_options *options,
		    struct berth_error *err);
/* clang-format off */
#define RUNS_FILTER_ROWS \
	CLIENT_OPTION_ROWS(runs_options, client), \
	{.field = {.name = "since", .type = FIELD_STRING, .offset = offsetof(struct runs_options, since), .min = 1, .max = 64, .help = "created then or later: so long ago as 2h, or an RFC 3339 date"}, .value = "AGO|DATE"}, \
	{.field = {.name = "until", .type = FIELD_STRING, .offset = offsetof(struct runs_options, until), .min = 1, .max = 64, .help = "created before, likewise"}, .value = "AGO|DATE"}, \
	{.field = {.name = "from", .type = FIELD_STRING, .offset = offsetof(struct runs_options, since), .min = 1, .max = 64, .help = "as --since"}, .hidden = true}, \
	{.field = {.name = "to", .type = FIELD_STRING, .offset = offsetof(struct runs_options, until), .min = 1, .max = 64, .help = "as --until"}, .hidden = true}
/* clang-format on */
int command_runs_list(void *record, const struct option_arguments *arguments);
int command_runs_cancel(void *record, const struct option_arguments *arguments);
int command_runs_replay(void *record, const struct option_arguments *arguments);

struct runs_logs_options {
	struct client_options client;
	char *since;
	int64_t tail;
	bool follow;
	struct operation_fields fields;
};
extern const struct option_table command_runs_logs_options;
int command_runs_logs(void *record, const struct option_arguments *arguments);

extern const struct option_table command_runs_show_options, command_runs_reschedule_options,
	command_runs_tags_options;
int command_runs_show(void *record, const struct option_arguments *arguments);
int command_runs_reschedule(void *record, const struct option_arguments *arguments);
int command_runs_tags(void *record, const struct option_arguments *arguments);
