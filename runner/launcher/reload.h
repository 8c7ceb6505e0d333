/* SPDX-License-Identifier: Apache-2.0 */
/* Executing the program on disk in our place: the table goes along in a sealed memfd, the children
 * and descriptors stay. */
#pragma once

#include "base/error.h"

struct launcher;

/* Whether the program on disk takes over from this one: it is run with --check. */
int reload_check(const struct launcher *launcher, struct berth_error *err);

/* Does not return when it succeeds. When it fails, everything is as before, but for the pools. */
void reload_execute(struct launcher *launcher, struct berth_error *err);

/* In the new program, from launcher->options.resume_fd: before the host is opened … */
int reload_read_host(struct launcher *launcher, unsigned *ret_group_sequence,
		     struct berth_error *err);
/* … and after it. */
int reload_read_runs(struct launcher *launcher, struct berth_error *err);

/* The version that --check compares: of the memfd, of the records in it, of the protocol. */
int reload_is_version(const char *version);
