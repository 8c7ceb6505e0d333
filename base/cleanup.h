/* SPDX-License-Identifier: Apache-2.0 */
/* Scope-bound release of descriptors, memory and streams, and the hand-over out of a scope. */
#pragma once

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_close(const int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		(void)close(*fd); /* nothing to be done about a failing close of a discarded fd */
	errno = saved;
}

static inline void cleanup_free(void *pointer)
{
	free(*(void **)pointer);
}

static inline void cleanup_file(FILE **stream)
{
	if (*stream)
		(void)fclose(*stream);
}

static inline void cleanup_directory(DIR **directory)
{
	if (*directory)
		(void)closedir(*directory);
}

#define AUTO_CLOSE     __attribute__((cleanup(cleanup_close)))
#define AUTO_FREE      __attribute__((cleanup(cleanup_free)))
#define AUTO_FILE      __attribute__((cleanup(cleanup_file)))
#define AUTO_DIRECTORY __attribute__((cleanup(cleanup_directory)))

/* Moves the descriptor out of an AUTO_CLOSE variable: the caller owns the result. */
static inline int steal_fd(int *fd)
{
	int value = *fd;

	*fd = -1;
	return value;
}

static inline void *steal_pointer_untyped(void *pointer)
{
	void *value = *(void **)pointer;

	*(void **)pointer = NULL;
	return value;
}

/* Moves the pointer out of an AUTO_FREE variable: the caller owns the result. */
#define steal_ptr(pointer) ((__typeof__(*(pointer)))steal_pointer_untyped(pointer))

/* Closes *fd if it is open and marks it closed. */
static inline void close_fd(int *fd)
{
	cleanup_close(fd);
	*fd = -1;
}
