/* SPDX-License-Identifier: Apache-2.0 */
/* The part of one section of a log that a reader has in memory. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "runner/log/log_storage.h"

#define LOG_WINDOW_BYTES (256U << 10)

/* Zeroed: empty. */
struct log_window {
	char *data; /* the bytes from start on */
	uint64_t start;
	size_t length;
};

void log_window_finish(struct log_window *window);

/* Makes [from, to) be there, at most LOG_WINDOW_BYTES; what is read in order is read ahead. Bytes
 * that the section lacks are BERTH_PROTOCOL. */
int log_window_need(struct log_window *window, struct log_storage *storage, enum log_file section,
		    uint64_t from, uint64_t to, struct berth_error *err);
