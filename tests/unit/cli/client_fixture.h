/* SPDX-License-Identifier: Apache-2.0 */
/* berth's client verbs against a control server that answers from rows, and what they printed. */
#pragma once

#include "tests/unit/control/control_fixture.h"

#define FIXTURE_TEXT 65536

/* What the server answers; the rows of an operation are taken in turn, the last one again and
 * again. */
struct fixture_answer {
	enum control_op op;
	const char *events[6]; /* JSON, before the result; NULL: no more */
	const char *result;    /* JSON; NULL: it is refused, with code and message */
	enum berth_code code;
	int errnum;
	const char *message;
	bool breaks_off; /* after its events, as a daemon that is reloaded */
};

struct client_fixture {
	struct control_fixture control; /* first: it owns the backend */
	const struct fixture_answer *answers;
	size_t answer_count;
	size_t taken[CONTROL_OP_COUNT];
	const char *terminal; /* stdin and stdout of the verb, when not NULL */
	/* of the last verb */
	char asked[FIXTURE_TEXT]; /* a line a request: "run_get {…}" */
	char out[FIXTURE_TEXT], err[FIXTURE_TEXT];
	char given[64]; /* the beginning of the descriptor that came */
};

/* Makes a zeroed one, and BERTH_SOCKET say where it will listen; the control fixture's options may
 * then be changed before fixture_start(&fixture->control). */
void client_fixture_init(struct client_fixture *fixture);

/* For cmocka: *state is a struct client_fixture that answers from rows. */
int client_fixture_set_up(void **state);
int client_fixture_tear_down(void **state);

/* Runs the verb and returns its exit status. words is NULL-terminated and without "berth". */
int client_fixture_run(struct client_fixture *fixture, const struct fixture_answer *answers,
		       size_t count, const char *const *words);

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define RUN(fixture, rows, ...)                                                                    \
	client_fixture_run(fixture, rows, sizeof(rows) / sizeof((rows)[0]), WORDS(__VA_ARGS__))
/* A verb that asks nothing. */
#define RUN_ALONE(fixture, ...) client_fixture_run(fixture, NULL, 0, WORDS(__VA_ARGS__))

/* Fails and shows the text when the part is not in it. */
void expect_in(const char *text, const char *part);
