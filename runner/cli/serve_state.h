/* SPDX-License-Identifier: Apache-2.0 */
/* The directory that everything durable is kept in. */
#pragma once

#include <limits.h>
#include <sys/types.h>

#include "base/error.h"

#define SERVE_STATE_SYSTEM "/var/lib/berth"
#define SERVE_USER         "berth" /* who the supervisor is, where there is such a user */

/* given (--state) when not NULL, else the usual one of root or of this user. */
int serve_state_find(const char *given, char ret_path[PATH_MAX], struct berth_error *err);

/* Makes it, and resolves path. It stays ours: the launcher shares it with the supervisor. */
int serve_state_make(char path[PATH_MAX], struct berth_error *err);

/* mkdir -p; mode is the last one's. path is changed meanwhile. */
int serve_make_directories(char *path, mode_t mode, struct berth_error *err);
