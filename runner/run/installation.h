/* SPDX-License-Identifier: Apache-2.0 */
/* Where berth's own files are: next to the program that runs, in a build tree or installed. */
#pragma once

#include <limits.h>

#include "base/error.h"

struct installation {
	char extensions[PATH_MAX];   /* a directory of extension directories; empty: none */
	char task_program[PATH_MAX]; /* berth-task; empty when there is none */
};

/* From the directory of /proc/self/exe: DIR/extensions and DIR/berth-task in a build tree, else
 * DIR/../lib/berth/extensions and DIR/berth-task. */
int installation_find(struct installation *ret_installation, struct berth_error *err);

/* The same for a given directory (tests). */
void installation_find_at(const char *directory, struct installation *ret_installation);
