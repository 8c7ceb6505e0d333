/* SPDX-License-Identifier: Apache-2.0 */
/* A growing list of strings, borrowed or owned by one rule for the whole list. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* Zero-initialised is a valid empty list. items is NULL-terminated once anything was added. */
struct string_list {
	char **items;
	size_t count;
	size_t capacity;
};

/* Adds a string that outlives the list (an argument of the program). */
int string_list_add_borrowed(struct string_list *list, char *string, struct berth_error *err);

/* Adds a formatted copy that string_list_finish_owned() frees; returns it, or NULL with err. */
char *string_list_add_format(struct string_list *list, struct berth_error *err, const char *format,
			     ...) __attribute__((format(printf, 3, 4)));

void string_list_finish_borrowed(struct string_list *list);
void string_list_finish_owned(struct string_list *list);
