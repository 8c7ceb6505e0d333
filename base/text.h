/* SPDX-License-Identifier: Apache-2.0 */
/* A growable byte string with a hard limit, and making foreign bytes safe to print. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* Zero-initialised except for limit is a valid empty text. */
struct text {
	char *data; /* NUL-terminated once anything was appended, else NULL */
	size_t length;
	size_t capacity;
	size_t limit; /* bytes; appending beyond it fails with BERTH_LIMIT; 0 means 16 MiB */
};

void text_finish(struct text *text);

int text_append(struct text *text, const void *data, size_t length, struct berth_error *err);
int text_append_string(struct text *text, const char *string, struct berth_error *err);
int text_append_format(struct text *text, struct berth_error *err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Removes the first length bytes, which were consumed. */
void text_consume(struct text *text, size_t length);

/* The content as a caller-owned NUL-terminated string; the text is empty afterwards. NULL when
 * out of memory. */
char *text_steal(struct text *text);

/* Copies at most source_length bytes of source to target, always NUL-terminated: control bytes
 * other than tab, NUL, escape sequences and invalid UTF-8 become "\xHH", so that a terminal or a
 * JSON encoder can take the result (Unicode 15, table 3-7). Returns the length written; input that
 * does not fit is cut at a character boundary. */
size_t text_sanitize(const char *source, size_t source_length, char *target, size_t target_size);

/* true when the bytes are well-formed UTF-8 without NUL. */
bool text_is_utf8(const char *data, size_t length);

#define AUTO_TEXT __attribute__((cleanup(text_finish)))
