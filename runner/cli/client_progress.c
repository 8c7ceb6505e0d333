/* SPDX-License-Identifier: Apache-2.0 */
/* The progress of a followed run on stderr. */
#include "runner/cli/client_progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "runner/cli/client.h"
#include "runner/run/terminal.h"

#define CLEAR_LINE "\r\033[K" /* ECMA-48: EL */

static double number_or_unknown(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	return json_is_number(value) ? json_number_value(value) : -1;
}

static void copy_text(const json_t *object, const char *name, char *target, size_t size)
{
	const char *text = client_text(object, name);

	(void)text_sanitize(text, strlen(text), target, size);
}

void client_progress_hide(struct client_progress *shown)
{
	if (shown->is_shown)
		(void)fputs(CLEAR_LINE, stderr);
	shown->is_shown = false;
}

void client_progress_show(struct client_progress *shown)
{
	char line[PROGRESS_LINE_SIZE];

	if (!shown->is_live || !shown->is_known)
		return;
	/* the last column would make some terminals begin a new line */
	(void)progress_format_bar(&shown->progress, terminal_width(STDERR_FILENO) - 1, line);
	(void)fprintf(stderr, CLEAR_LINE "%s", line);
	shown->is_shown = true;
}

void client_progress_take(struct client_progress *shown, const json_t *progress)
{
	struct run_progress *known = &shown->progress;
	char line[PROGRESS_LINE_SIZE];

	known->percent = number_or_unknown(progress, "percent");
	known->eta_s = number_or_unknown(progress, "eta_s");
	known->rate = number_or_unknown(progress, "rate");
	copy_text(progress, "rate_unit", known->rate_unit, sizeof(known->rate_unit));
	copy_text(progress, "message", known->message, sizeof(known->message));
	shown->is_known = true;
	if (shown->is_live)
		client_progress_show(shown);
	else if (progress_pace_due(&shown->pace, known, clock_boottime_ns()))
		(void)fprintf(stderr, "%s\n", progress_format_line(known, line));
}
