/* SPDX-License-Identifier: Apache-2.0 */
/* The exit statuses of the verbs that ask the daemon, as data: of refusals, of what a followed run
 * came to, and the table that help and the manual print. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "base/error.h"
#include "runner/control/control_table.h"

enum {
	EXIT_NO_DAEMON = 3,   /* nothing listens, or it may not be asked */
	EXIT_TRY_AGAIN = 75,  /* EX_TEMPFAIL of sysexits(3) */
	EXIT_CANCELLED = 130, /* as a shell says of SIGINT */
};

struct client_exit_row {
	int status;
	const char *meaning;
};
/* Ends with a NULL meaning. */
extern const struct client_exit_row client_exit_rows[];

struct client_refusal_row {
	enum berth_code code;
	int errnum; /* 0: any */
	int exit_status;
	const char *hint; /* the remedy, or NULL */
};

/* control_status is that of the daemon's refusal, 0 when it refused nothing; is_opening: there was
 * no connection yet. Never NULL. */
const struct client_refusal_row *client_refusal_find(const struct berth_error *err,
						     int control_status, bool is_opening);

/* Where to find the name that was looked for in vain; NULL: nowhere. */
const char *client_hint_of_absent(enum control_op op);

/* The exit status for a run's final status as the daemon says it; -1: it is not final. */
int client_exit_of_run(const char *run_status);

/* For people, and as a Markdown table. */
void client_exit_print(FILE *stream);
void client_exit_print_reference(FILE *stream);
