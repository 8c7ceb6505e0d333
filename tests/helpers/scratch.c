/* SPDX-License-Identifier: Apache-2.0 */
/* A directory of a test's own, and its removal with all that is in it. */
#include "tests/helpers/scratch.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

#define OPEN_DIRECTORIES_MAX 16

int scratch_make(const char *name, char ret_path[SCRATCH_SIZE])
{
	(void)snprintf(ret_path, SCRATCH_SIZE, "/tmp/berth-test-%.32s-XXXXXX", name);
	return mkdtemp(ret_path) ? 0 : -1;
}

static int remove_entry(const char *path, const struct stat *facts, int kind, struct FTW *where)
{
	(void)facts;
	(void)kind;
	(void)where;
	return remove(path);
}

int scratch_remove(const char *path)
{
	return nftw(path, remove_entry, OPEN_DIRECTORIES_MAX, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}
