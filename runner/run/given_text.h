/* SPDX-License-Identifier: Apache-2.0 */
/* A value as the command line gives it: the text itself, @FILE, or - for stdin. */
#pragma once

#include <stddef.h>

#include "base/error.h"

/* At most max bytes; the result is NUL-terminated and the caller's. BERTH_LIMIT, BERTH_NOT_FOUND,
 * BERTH_SYSTEM. */
int given_text_read(const char *given, int stdin_fd, size_t max, char **ret_text,
		    size_t *ret_length, struct berth_error *err);

/* A descriptor to its end. */
int given_text_read_stream(int fd, size_t max, char **ret_text, size_t *ret_length,
			   struct berth_error *err);
