/* SPDX-License-Identifier: Apache-2.0 */
/* The mount API of Linux 5.2 and 5.12 as functions; all are async-signal-safe. */
#pragma once

#include <linux/mount.h>

#include "base/error.h"

/* A detached copy of the tree at path, with attributes set on every mount of it. path may be that
 * of a descriptor, /proc/self/fd/N, also of one that was opened in our parent's mount namespace. */
int mount_clone_tree(const char *path, unsigned long long attributes, int *ret_fd,
		     struct berth_error *err);

/* A new, detached file system. options: NULL-terminated key, value pairs; a NULL value is a flag.
 */
int mount_create(const char *type, const char *const *options, unsigned attributes, int *ret_fd,
		 struct berth_error *err);

/* Attaches a detached mount at an absolute path. */
int mount_attach(int mount_fd, const char *target, struct berth_error *err);

/* Sets attributes on one attached mount. */
int mount_restrict(const char *path, unsigned long long attributes, struct berth_error *err);

/* The same on a detached mount. */
int mount_restrict_tree(int mount_fd, unsigned long long attributes, struct berth_error *err);

/* Translates ownership on a detached mount by a user namespace's map. */
int mount_map_ids(int mount_fd, int user_namespace_fd, struct berth_error *err);
