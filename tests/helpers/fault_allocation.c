/* SPDX-License-Identifier: Apache-2.0 */
/* Making the n-th allocation fail, in programs linked with --wrap for malloc and its kin. */
#include <errno.h>
#include <stddef.h>

#include "tests/helpers/fault.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *pointer, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *pointer, size_t size);

static unsigned remaining;
static bool reached;

bool fault_set_allocation(unsigned nth)
{
	bool before = reached;

	remaining = nth;
	reached = false;
	return before;
}

static bool fails(void)
{
	if (remaining == 0 || --remaining > 0)
		return false;
	reached = true;
	errno = ENOMEM;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *pointer, size_t size)
{
	return fails() ? NULL : __real_realloc(pointer, size);
}
