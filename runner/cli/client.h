/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs that ask the daemon have in common: their options, the request made of them, the
 * call, and the words and exit status of a refusal. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "runner/cli/options.h"
#include "runner/control/control_client.h"
#include "runner/control/control_table.h"

struct client_options {
	char *socket; /* NULL: where control_client_find() looks */
	bool json;
};

/* The record of a verb whose other options are the fields of its operation. */
struct client_record {
	struct client_options client;
	struct operation_fields fields;
};

/* The rows of the options above, which are at member in the record. */
/* clang-format off */
#define CLIENT_OPTION_ROWS(record, member) \
	{.field = {.name = "socket", .type = FIELD_STRING, .offset = offsetof(struct record, member) + offsetof(struct client_options, socket), .min = 1, .max = CONTROL_PATH_SIZE - 1, .help = "the daemon's control socket; default: $BERTH_SOCKET, or where berth serve listens"}, .value = "PATH"}, \
	{.field = {.name = "json", .type = FIELD_BOOL, .offset = offsetof(struct record, member) + offsetof(struct client_options, json), .help = "print JSON"}}
/* clang-format on */

/* A table for struct client_record: the first word_count fields of the operation are words. */
extern const struct option_row client_option_rows[];
#define CLIENT_OPTION_COUNT 2
#define CLIENT_TABLE(op, word_count)                                                               \
	{                                                                                          \
		.rows = client_option_rows, .count = CLIENT_OPTION_COUNT,                          \
		.operation = &control_operations[op], .words = (word_count),                       \
		.operation_offset = offsetof(struct client_record, fields),                        \
	}

/* Sets the operation's first fields from the words. BERTH_INVALID: one is missing or too many. */
int client_take_words(const struct option_table *table, const struct option_arguments *arguments,
		      void *record, struct berth_error *err);

/* What was given, as the fields of a request; NULL when out of memory. */
json_t *client_fields(const struct option_table *table, const void *record);

/* Prints the error, and returns the exit status of one in the command line. */
int client_complain_usage(const struct berth_error *err, const char *hint);
/* Of a word that cannot be a run's identifier. */
int client_complain_run(const char *word);
int client_complain_memory(void);
/* The same of what happened on the way to the answer of op; client may be NULL: it could not be
 * opened. */
int client_complain(const struct control_client *client, enum control_op op,
		    const struct berth_error *err);

/* Opens, asks and closes; what goes wrong is printed. fields NULL is out of memory: it could not be
 * made, and nothing may be asked for without it. Returns an exit status; only with EXIT_DONE is
 * there a result, which is the caller's. */
int client_ask(const struct client_options *options, enum control_op op, const json_t *fields,
	       json_t **ret_result);
/* The same with descriptors. */
int client_ask_with(const struct client_options *options, enum control_op op, const json_t *fields,
		    const int *descriptors, size_t descriptor_count, json_t **ret_result);

/* Nobody refused anything, and the connection is of no more use: the daemon may be reloaded. */
bool client_is_broken_off(const struct control_client *client, const struct berth_error *err);
/* Closes it, and opens it anew as soon as a daemon listens, which may take some seconds. On failure
 * *client is NULL. */
int client_open_again(const struct client_options *options, struct control_client **client,
		      struct berth_error *err);

/* A text member, or "" when it is none. */
const char *client_text(const json_t *object, const char *name);
