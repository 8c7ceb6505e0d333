/* SPDX-License-Identifier: Apache-2.0 */
/* A directory of a test's own, and its removal with all that is in it. */
#pragma once

#define SCRATCH_SIZE 64

/* Makes /tmp/berth-test-<name>-XXXXXX; 0, or -1 with errno. name is short. */
int scratch_make(const char *name, char ret_path[SCRATCH_SIZE]);

/* Removes a directory and everything below it, following no link and entering no mount; 0 or -1. */
int scratch_remove(const char *path);
