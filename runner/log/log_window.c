/* SPDX-License-Identifier: Apache-2.0 */
/* The part of one section of a log that a reader has in memory. */
#include "runner/log/log_window.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void log_window_finish(struct log_window *window)
{
	free(window->data);
	*window = (struct log_window){0};
}

static int fill(struct log_window *window, struct log_storage *storage, enum log_file section,
		size_t size, struct berth_error *err)
{
	size_t got;

	if (log_storage_read(storage, section, window->start + window->length,
			     window->data + window->length, size - window->length, &got, err) < 0)
		return -1;
	window->length += got;
	return 0;
}

/* Keeps what is in the window from `from` on; true when something is. */
static bool move_to(struct log_window *window, uint64_t from)
{
	size_t gone = (size_t)(from - window->start);

	if (from < window->start || from - window->start >= window->length) {
		bool is_next = from == window->start + window->length && window->length > 0;

		window->start = from;
		window->length = 0;
		return is_next;
	}
	memmove(window->data, window->data + gone, window->length - gone);
	window->start = from;
	window->length -= gone;
	return true;
}

int log_window_need(struct log_window *window, struct log_storage *storage, enum log_file section,
		    uint64_t from, uint64_t to, struct berth_error *err)
{
	bool in_order;

	assert(to - from <= LOG_WINDOW_BYTES);
	if (from >= window->start && to <= window->start + window->length)
		return 0;
	if (!window->data)
		window->data = malloc(LOG_WINDOW_BYTES);
	if (!window->data)
		return berth_fail(err, BERTH_MEMORY, 0, "out of memory");
	in_order = move_to(window, from);
	/* Messages are not read ahead: what does not count yet may be written anew. What comes may
	 * be damaged where what is needed is not. */
	if (!in_order || section == LOG_FILE_MESSAGES ||
	    fill(window, storage, section, LOG_WINDOW_BYTES, err) < 0)
		if (from + window->length < to &&
		    fill(window, storage, section, (size_t)(to - from), err) < 0)
			return -1;
	if (from + window->length < to)
		return berth_fail(err, BERTH_PROTOCOL, 0, "the log lacks bytes that its index has");
	return 0;
}
