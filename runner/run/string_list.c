/* SPDX-License-Identifier: Apache-2.0 */
/* Growth by doubling, always NULL-terminated. */
#include "runner/run/string_list.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define LIST_MAX (1U << 20) /* far above what execve(2) takes */

static int list_reserve(struct string_list *list, struct berth_error *err)
{
	size_t capacity = list->capacity ? list->capacity * 2 : 8;
	char **items;

	if (list->count + 1 < list->capacity)
		return 0;
	if (capacity > LIST_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "more than %u strings", LIST_MAX / 2);
	items = realloc(list->items, capacity * sizeof(*items));
	if (!items)
		return berth_fail(err, BERTH_MEMORY, 0, "out of memory");
	list->items = items;
	list->capacity = capacity;
	return 0;
}

int string_list_add_borrowed(struct string_list *list, char *string, struct berth_error *err)
{
	if (list_reserve(list, err) < 0)
		return -1;
	list->items[list->count++] = string;
	list->items[list->count] = NULL;
	return 0;
}

char *string_list_add_format(struct string_list *list, struct berth_error *err, const char *format,
			     ...)
{
	char *string = NULL;
	va_list args;
	int length;

	if (list_reserve(list, err) < 0)
		return NULL;
	va_start(args, format);
	length = vasprintf(&string, format, args);
	va_end(args);
	if (length < 0) {
		(void)berth_fail(err, BERTH_MEMORY, 0, "out of memory");
		return NULL;
	}
	list->items[list->count++] = string;
	list->items[list->count] = NULL;
	return string;
}

void string_list_finish_borrowed(struct string_list *list)
{
	free(list->items);
	*list = (struct string_list){0};
}

void string_list_finish_owned(struct string_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	string_list_finish_borrowed(list);
}
