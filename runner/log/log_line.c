/* SPDX-License-Identifier: Apache-2.0 */
/* Where lines begin and end in the bytes of a stream. */
#include "runner/log/log_line.h"

#include <string.h>

static uint64_t cell_of(uint64_t at)
{
	return at / LOG_LINE_GRID * LOG_LINE_GRID;
}

uint64_t log_line_from(uint64_t at)
{
	uint64_t cell = cell_of(at);

	return cell > LOG_LINE_GRID ? cell - LOG_LINE_GRID : 0;
}

uint64_t log_line_until(uint64_t at, uint64_t end)
{
	uint64_t until = cell_of(at) + (uint64_t)2 * LOG_LINE_GRID;

	return until < end ? until : end;
}

/* Behind the last newline in [from, to). */
static bool find_last(const struct log_line_bytes *bytes, uint64_t from, uint64_t to,
		      uint64_t *ret_behind)
{
	const char *data = bytes->data + (from - bytes->base);
	const char *newline = to > from ? memrchr(data, '\n', (size_t)(to - from)) : NULL;

	if (!newline)
		return false;
	*ret_behind = from + (uint64_t)(newline - data) + 1;
	return true;
}

uint64_t log_line_start(const struct log_line_bytes *bytes, uint64_t at)
{
	uint64_t cell = cell_of(at), start;

	if (find_last(bytes, cell, at, &start))
		return start;
	if (cell == 0 || find_last(bytes, cell - LOG_LINE_GRID, cell, &start))
		return cell == 0 ? 0 : start;
	return cell;
}

bool log_line_cut(const struct log_line_bytes *bytes, uint64_t at, uint64_t end, uint64_t *ret_cut)
{
	while (at < end) {
		uint64_t cell_end = cell_of(at) + LOG_LINE_GRID, unused;
		uint64_t stop = cell_end < end ? cell_end : end;
		const char *data = bytes->data + (at - bytes->base);
		const char *newline = memchr(data, '\n', (size_t)(stop - at));

		if (newline) {
			*ret_cut = at + (uint64_t)(newline - data) + 1;
			return true;
		}
		if (stop == cell_end && !find_last(bytes, cell_end - LOG_LINE_GRID, at, &unused)) {
			*ret_cut = cell_end;
			return true;
		}
		at = stop;
	}
	return false;
}
