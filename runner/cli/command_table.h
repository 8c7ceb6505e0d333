/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of berth: one row each. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "runner/cli/options.h"

enum {
	EXIT_DONE = 0,
	EXIT_FINDING = 1, /* a question was answered with no: berth doctor; the daemon refused */
	EXIT_USAGE = 2,   /* of every verb but run, whose own statuses begin at 124 */
	EXIT_BERTH = 125,
};

/* record is the verb's options, filled by its table. Returns berth's exit status. */
typedef int (*command_function)(void *record, const struct option_arguments *arguments);

struct command_row {
	const char *name;            /* of a sub-verb with its verb's: "runs list" */
	const char *summary;         /* one clause, no full stop */
	const char *const *synopsis; /* NULL-terminated, without "berth" */
	const char *details;         /* paragraphs for --help and the reference, or NULL */
	const struct option_table *options;
	size_t record_size;
	command_function run;
	int usage_status;               /* when the command line is wrong */
	bool takes_words;               /* else a word is an error */
	bool takes_command;             /* understands "--" */
	const struct command_row *subs; /* sub-verbs; with run NULL one of them is needed */
	size_t sub_count;
};

extern const struct command_row command_rows[];
extern const size_t command_row_count;

/* The sub-verb's own word. */
const char *command_word(const struct command_row *row);

/* By its word among rows; NULL when there is none. */
const struct command_row *command_find(const struct command_row *rows, size_t count,
				       const char *word);

/* Every row that can be run, sub-verbs behind their verb; NULL behind the last. */
const struct command_row *command_at(size_t index);
