/* SPDX-License-Identifier: Apache-2.0 */
/* A directory with the log of one attempt, whose files hold what the fuzzer says; and reading it in
 * every way. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "runner/log/log_name.h"

#define LOG_PLACE_RUN     1
#define LOG_PLACE_ATTEMPT 1

struct log_place {
	char path[32];
	int directory;
};

/* Aborts when the host cannot. */
void log_place_make(struct log_place *place);
void log_place_write(const struct log_place *place, enum log_file file, const void *data,
		     size_t size);
/* Reads forward, from times, from positions and by bytes, and prints everything; aborts when
 * something is out of bounds or does not end. */
void log_place_read(const struct log_place *place);
void log_place_remove(struct log_place *place);
