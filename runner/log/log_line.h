/* SPDX-License-Identifier: Apache-2.0 */
/* Where lines begin and end in the bytes of a stream. A line ends behind its newline; one that has
 * none is cut at a multiple of LOG_LINE_GRID when the LOG_LINE_GRID bytes before it hold no
 * newline. So every cut follows from the 32 to 64 KiB before it, wherever reading starts. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_LINE_GRID (32U << 10)
#define LOG_LINE_NEED (3 * LOG_LINE_GRID) /* log_line_until() is never further behind the other */

/* Bytes of a stream from base on, at least those that the functions below ask for. */
struct log_line_bytes {
	const char *data;
	uint64_t base;
};

/* Which bytes must be there to start at `at` and look for the next cut before end. */
uint64_t log_line_from(uint64_t at);
uint64_t log_line_until(uint64_t at, uint64_t end);

/* The beginning of the line or piece that the byte before `at` belongs to, or `at` itself when
 * there is a cut. */
uint64_t log_line_start(const struct log_line_bytes *bytes, uint64_t at);

/* The next cut in (at, end]; false: there is none. */
bool log_line_cut(const struct log_line_bytes *bytes, uint64_t at, uint64_t end, uint64_t *ret_cut);
