/* SPDX-License-Identifier: Apache-2.0 */
/* What each verb's file gives to the table: its function and its options. */
#pragma once

#include <stddef.h>

#include "runner/cli/options.h"

extern const struct option_table command_run_options;
int command_run(void *record, const struct option_arguments *arguments);

struct serve_options {
	char *state, *socket, *config, *policy, *cgroup;
};
extern const struct option_table command_serve_options;
int command_serve(void *record, const struct option_arguments *arguments);

/* The verbs that list something: one option, --json. */
struct listing_options {
	bool json;
};
extern const struct option_table listing_options_table;

int command_machines(void *record, const struct option_arguments *arguments);
int command_extensions(void *record, const struct option_arguments *arguments);
int command_tasks(void *record, const struct option_arguments *arguments);
int command_doctor(void *record, const struct option_arguments *arguments);
int command_version(void *record, const struct option_arguments *arguments);

extern const struct option_table no_options_table;
int command_completion(void *record, const struct option_arguments *arguments);
