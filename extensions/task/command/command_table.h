/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of berth-task: one row each, and their options. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/field.h"

/* How berth-task ends. */
enum command_status {
	COMMAND_DONE = 0,
	COMMAND_NO = 1,     /* not cancelled; nothing found; what was waited for failed */
	COMMAND_USAGE = 2,  /* the command line is wrong */
	COMMAND_FAILED = 3, /* the supervisor refused it or is not there */
};

struct berth_task;

struct command_options {
	bool permanent, json;
	double eta, rate; /* negative: not given */
	char *message, *unit;
	char *for_duration, *until, *name; /* NULL: not given, as what follows */
	json_t *tokens, *runs;             /* lists: arrays of texts */
	char *batch;
	char *payload, *queue, *concurrency_key, *machine, *delay, *idempotency_key, *once;
	json_t *tags;
	uint64_t ttl_ms, max_duration_ms, timeout_ms; /* 0: not given */
	int64_t priority_s, max_attempts;
	bool and_wait;
};

struct command_line {
	struct command_options options;
	const char **words; /* what is no option; they are argv's */
	size_t word_count;
};

struct command_row {
	const char *name; /* may be two words: "checkpoint save" */
	const char *arguments;
	const char *help;
	size_t min_words, max_words;
	const char *const *options; /* names in command_options_rows; NULL-terminated, or NULL */
	bool with_payload;          /* needs the run's payload */
	/* Returns 0, COMMAND_NO or -1 with err. */
	int (*run)(struct berth_task *task, const struct command_line *line,
		   struct berth_error *err);
};

extern const struct command_row command_rows[];
extern const size_t command_row_count;

/* An option of type FIELD_JSON is a list of up to max texts: each time it is given adds one. */
extern const struct field_row command_option_rows[];
extern const size_t command_option_count;

/* The row that the first words of argv name, and how many words that took; NULL: none. */
const struct command_row *command_find(int argc, char **argv, int *ret_used);

/* Sorts the arguments behind the command's name into options and words. BERTH_INVALID when they do
 * not fit the row. The line is to be finished also after a failure. */
int command_line_parse(const struct command_row *row, int argc, char **argv,
		       struct command_line *ret_line, struct berth_error *err);
void command_line_finish(struct command_line *line);
