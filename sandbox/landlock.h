/* SPDX-License-Identifier: Apache-2.0 */
/* A second wall around files, abstract sockets and signals (landlock(7)). */
#pragma once

#include "base/error.h"

/* The first version that can allow renames between directories (5.19): a ruleset of the version
 * before it refuses them all, which package managers do not survive. */
#define LANDLOCK_ABI_MIN 2

/* The kernel's Landlock ABI version; 0 when it has none. */
int landlock_abi(void);

/* Restricts the calling process and its children to the tree at "/", without device nodes and
 * device ioctls, abstract sockets and signals to its own domain. Async-signal-safe. */
int landlock_restrict(int abi, struct berth_error *err);
