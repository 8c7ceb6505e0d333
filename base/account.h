/* SPDX-License-Identifier: Apache-2.0 */
/* Users and groups of this host by name, from /etc/passwd and /etc/group alone: programs that are
 * linked statically have no NSS. */
#pragma once

#include <sys/types.h>

#include "base/error.h"

/* 1: there is none of that name. */
int account_find_user(const char *name, uid_t *ret_uid, gid_t *ret_gid, struct berth_error *err);
int account_find_group(const char *name, gid_t *ret_gid, struct berth_error *err);
