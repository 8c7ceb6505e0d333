/* SPDX-License-Identifier: Apache-2.0 */
/* The /dev of a run, made whole by a supervisor that may make nodes: one mount instead of one for
 * every node. */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "sandbox/root.h"

#define DEVICES_PATH "/dev"

/* A detached, read-only file system with the nodes, links and mount points of the default rows
 * below /dev. */
int devices_create(int *ret_fd, struct berth_error *err);

/* true for the rows that devices_create has already made. */
bool devices_have(const struct root_default *row);
