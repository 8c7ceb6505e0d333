/* SPDX-License-Identifier: Apache-2.0 */
/* The tasks that the daemon knows: those of the current version, and the built-in ones. */
#pragma once

#include "runner/cli/client.h"

/* only is a task's name: with everything that was deployed of it; NULL: a list. Returns an exit
 * status. */
int client_tasks_show(const struct client_options *options, const char *only);
