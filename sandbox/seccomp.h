/* SPDX-License-Identifier: Apache-2.0 */
/* Loading the compiled system call filter (seccomp(2)). */
#pragma once

#include <linux/filter.h>

#include "base/error.h"

extern const struct sock_filter sandbox_seccomp_lines[];
extern const unsigned short sandbox_seccomp_line_count;

/* Filters the calling thread for good; needs no_new_privs. Async-signal-safe. */
int seccomp_load(struct berth_error *err);
