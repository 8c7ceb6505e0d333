/* SPDX-License-Identifier: Apache-2.0 */
/* The progress of a followed run on stderr: a live bar below what else is printed, or a plain line
 * now and then where stderr is no terminal. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "runner/run/progress.h"

/* Zeroed but for is_live: nothing is known yet. */
struct client_progress {
	bool is_live; /* stderr is a terminal */
	bool is_known, is_shown;
	struct run_progress progress;
	struct progress_pace pace;
};

/* progress is what the daemon tells of it. */
void client_progress_take(struct client_progress *shown, const json_t *progress);

/* Around anything else that is printed: takes the bar away, and puts it back. */
void client_progress_hide(struct client_progress *shown);
void client_progress_show(struct client_progress *shown);
