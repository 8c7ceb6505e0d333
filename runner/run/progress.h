/* SPDX-License-Identifier: Apache-2.0 */
/* A task's progress as text: the live bar of a terminal and the plain line of a log. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROGRESS_RATE_UNIT_SIZE 33
#define PROGRESS_MESSAGE_SIZE   257
#define PROGRESS_LINE_SIZE      1024

struct run_progress {
	double percent; /* 0 … 100; negative: unknown */
	double eta_s;   /* negative: unknown */
	double rate;    /* negative: unknown */
	char rate_unit[PROGRESS_RATE_UNIT_SIZE];
	char message[PROGRESS_MESSAGE_SIZE]; /* safe to print */
};

/* "[#######-------]  42.0 %  181 frames/s  12 s left  segment 3" in at most width columns,
 * without newline. Returns target. */
char *progress_format_bar(const struct run_progress *progress, size_t width,
			  char target[PROGRESS_LINE_SIZE]);

/* "42.0 %, 181 frames/s, 12 s left, segment 3". Returns target. */
char *progress_format_line(const struct run_progress *progress, char target[PROGRESS_LINE_SIZE]);

/* Which reports are worth a plain line: the first, the last, and else one every 10 s. */
struct progress_pace {
	bool started, finished;
	uint64_t last_ns;
};
bool progress_pace_due(struct progress_pace *pace, const struct run_progress *progress,
		       uint64_t now_ns);
