/* SPDX-License-Identifier: Apache-2.0 */
/* Command-line options as table rows over base/field rows: parsing, help and the reference. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "base/field.h"
#include "runner/control/control_table.h"
#include "runner/run/string_list.h"

#define OPTION_HINT_SIZE 160
#define OPTION_NAME_SIZE 40

struct option_row {
	struct field_row field; /* its name is the long option, underscores written as dashes */
	const char *value;      /* how help writes the value: "NAME"; NULL for a FIELD_BOOL */
	char letter;            /* 0: none */
	bool repeated;          /* the record has a struct string_list of borrowed strings there */
	bool hidden;            /* works, but no help and no completion speaks of it */
};

struct option_table {
	const struct option_row *rows;
	size_t count;
	bool has_limits;      /* also every resource limit as --NAME VALUE … */
	size_t limits_offset; /* … into a struct limit_overrides of the record */
	/* Also the fields of an operation of the control socket, into a struct operation_fields of
	 * the record: all but the first `words`, which are words of the command line, those that
	 * are JSON, and those that a row has the name of. */
	const struct control_operation *operation;
	size_t words;
	size_t operation_offset;
};

/* What was given of an operation's fields. */
struct operation_fields {
	uint64_t given; /* bit: control_field()'s index */
	union control_record record;
};

/* What is left when the options are taken out. */
struct option_arguments {
	struct string_list words; /* borrowed from argv, before any "--" */
	char **command;           /* what follows "--", NULL-terminated; NULL without "--" */
	bool help;                /* --help or -h was given: nothing else was checked */
};

void option_arguments_finish(struct option_arguments *arguments);

/* Parses argv[0 … argc) into a zeroed record, defaults first. --name=value, --name value, -xvalue,
 * -x value and options after words are understood. Errors are BERTH_INVALID; hint, when not empty,
 * says what to type instead. On failure record and *ret_arguments are valid for finishing. */
int options_parse(const struct option_table *table, int argc, char **argv, void *record,
		  struct option_arguments *ret_arguments, char hint[OPTION_HINT_SIZE],
		  struct berth_error *err);

/* Sets a field of the table's operation from a word. */
int options_set_word(const struct option_table *table, size_t index, const char *word, void *record,
		     struct berth_error *err);

/* "max_attempts" and "maxAttempts" as "max-attempts". Returns target. */
char *options_spell(const char *field_name, char target[OPTION_NAME_SIZE]);

/* The operation's field, when it is an option of the table; else NULL. */
const struct field_row *options_operation_field(const struct option_table *table, size_t index);

/* Frees what the rows own in the record. */
void options_finish(const struct option_table *table, void *record);

/* What help, the reference and completions print of one option. */
struct option_help {
	char spelling[64];           /* "-m, --machine NAME" */
	char name[OPTION_NAME_SIZE]; /* "machine" */
	char letter;
	bool takes_value;
	const char *help;
	char detail[200]; /* "default 10 s, 0 … 1 w", "text or json, default auto"; may be empty */
	const char *const *choices;
};

/* The index-th option that is not hidden; false when there are no more. */
bool options_describe(const struct option_table *table, size_t index, struct option_help *ret_help);

/* The options as an aligned list for a terminal. */
void options_print_help(const struct option_table *table, FILE *stream);

/* The options as a Markdown table. */
void options_print_reference(const struct option_table *table, FILE *stream);
