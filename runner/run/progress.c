/* SPDX-License-Identifier: Apache-2.0 */
/* Formats progress; decides nothing about where it is shown. */
#include "runner/run/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/amount.h"
#include "base/clock.h"

#define BAR_CELLS_MAX 32
#define BAR_CELLS_MIN 8
#define PACE_NS       (10 * CLOCK_NS_PER_S)
#define ETA_S_MAX     (365.0 * 24 * 3600) /* beyond it a guess is noise */

static void append(char *target, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void append(char *target, const char *format, ...)
{
	size_t used = strnlen(target, PROGRESS_LINE_SIZE - 1);
	va_list args;

	va_start(args, format);
	(void)vsnprintf(target + used, PROGRESS_LINE_SIZE - used, format, args);
	va_end(args);
}

static void append_details(const struct run_progress *progress, const char *separator, char *target)
{
	char eta[AMOUNT_TEXT_SIZE];

	if (progress->rate >= 0)
		append(target, "%s%.*f %s/s", separator, progress->rate < 10 ? 1 : 0,
		       progress->rate, progress->rate_unit[0] ? progress->rate_unit : "items");
	if (progress->eta_s >= 0 && progress->eta_s <= ETA_S_MAX)
		append(target, "%s%s left", separator,
		       amount_format_duration_ns((uint64_t)(progress->eta_s + 0.5) * CLOCK_NS_PER_S,
						 eta));
	if (progress->message[0])
		append(target, "%s%s", separator, progress->message);
}

static double clamp_percent(double percent)
{
	return percent > 100 ? 100 : percent;
}

/* Cuts after width columns: every UTF-8 character counts as one. */
static void cut_columns(char *text, size_t width)
{
	size_t columns = 0;

	for (char *at = text; *at; at++) {
		if (((unsigned char)*at & 0xc0) == 0x80)
			continue;
		if (columns++ == width) {
			*at = '\0';
			return;
		}
	}
}

char *progress_format_bar(const struct run_progress *progress, size_t width,
			  char target[PROGRESS_LINE_SIZE])
{
	size_t cells = width / 3 > BAR_CELLS_MAX ? BAR_CELLS_MAX : width / 3;
	char bar[BAR_CELLS_MAX + 1];

	target[0] = '\0';
	if (progress->percent >= 0 && cells >= BAR_CELLS_MIN) {
		size_t full = (size_t)(clamp_percent(progress->percent) / 100 * (double)cells);

		memset(bar, '-', cells);
		memset(bar, '#', full);
		bar[cells] = '\0';
		append(target, "[%s]  ", bar);
	}
	if (progress->percent >= 0)
		append(target, "%5.1f %%", clamp_percent(progress->percent));
	else
		append(target, "working");
	append_details(progress, "  ", target);
	cut_columns(target, width);
	return target;
}

char *progress_format_line(const struct run_progress *progress, char target[PROGRESS_LINE_SIZE])
{
	target[0] = '\0';
	if (progress->percent >= 0)
		append(target, "%.1f %%", clamp_percent(progress->percent));
	else
		append(target, "working");
	append_details(progress, ", ", target);
	return target;
}

bool progress_pace_due(struct progress_pace *pace, const struct run_progress *progress,
		       uint64_t now_ns)
{
	bool last = progress->percent >= 100;

	if (last && pace->finished)
		return false;
	if (!last && pace->started && now_ns - pace->last_ns < PACE_NS)
		return false;
	pace->started = true;
	pace->finished = last;
	pace->last_ns = now_ns;
	return true;
}
