/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs that ask one thing and show the answer, as data. */
#pragma once

#include "runner/cli/client.h"
#include "runner/cli/client_columns.h"

enum client_shape {
	CLIENT_LIST, /* an array, as a table */
	CLIENT_PAGE, /* {data, next}, as a table and how to go on */
	CLIENT_CARD, /* an object, a line a member */
	CLIENT_ID,   /* the member that is named by subject alone, for scripts; a word on stderr
			when it was there already */
	CLIENT_SAID, /* a sentence: said, and the member that is named by subject */
};

struct client_verb {
	enum control_op op;
	const struct option_table *options;
	enum client_shape shape;
	const struct column_row *columns; /* of LIST, PAGE and CARD */
	const char *said;    /* "paused"; of tables: what there are none of: "queues" */
	const char *subject; /* "name"; NULL: the sentence has none */
};

/* record begins with a struct client_options. Returns an exit status. */
int client_verb_run(const struct client_verb *verb, void *record,
		    const struct option_arguments *arguments);

/* The same with fields that were made already. */
int client_verb_ask(const struct client_verb *verb, const struct client_options *options,
		    const json_t *fields);

/* Only the printing; takes the result over. */
int client_verb_show(const struct client_verb *verb, bool as_json, json_t *result);
