/* SPDX-License-Identifier: Apache-2.0 */
/* The run's root file system: an ordered list of operations, prepared outside as detached mounts
 * (open_tree(2), fsmount(2)) and put together inside the new mount namespace. */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "sandbox/identity.h"
#include "sandbox/sandbox.h"

/* One operation of every sandbox (mount_defaults_table.c), applied before the spec's own. */
enum root_default_kind {
	ROOT_PROC,      /* procfs of the new pid namespace, only its process part */
	ROOT_DEVICE,    /* a memory device of its own; rootless, the host's node, bound */
	ROOT_TMPFS,     /* share: of the limits' tmpfs size, in quarters */
	ROOT_DIRECTORY, /* mode 0755 */
	ROOT_SYMLINK,
};
struct root_default {
	enum root_default_kind kind;
	const char *target;
	const char *source; /* SYMLINK: its text */
	unsigned quarters;  /* TMPFS */
	unsigned minor;     /* DEVICE: of major 1 */
	const char *reason;
};
extern const struct root_default root_defaults[];
extern const size_t root_default_count;

#define ROOT_DEFAULTS_MAX 32

struct root_set_pool;

struct root_plan {
	const struct sandbox_spec *spec;
	const struct identity *identity;
	bool privileged;
	struct root_set_pool *sets;         /* borrowed, when privileged */
	int root_fd;                        /* the empty root; -1: the child makes it */
	int devices_fd;                     /* detached mount of the whole /dev; -1: node by node */
	int default_fds[ROOT_DEFAULTS_MAX]; /* detached tmpfs, or the host's nodes; -1: none */
	int mount_fds[SANDBOX_MOUNTS_MAX];  /* of the spec's binds; -1 otherwise */
	bool mount_is_directory[SANDBOX_MOUNTS_MAX];
	int volume_fds[SANDBOX_VOLUMES_MAX]; /* -1: the child makes a tmpfs */
};

void root_plan_init(struct root_plan *plan);
/* Opens what the caller may open. Privileged: before clone3, in the host's mount namespace;
 * rootless: in the child, where it has the right to mount. */
int root_prepare(struct root_plan *plan, struct berth_error *err);
/* Makes the run's ids own its volumes and writable binds; after the id maps are written. */
int root_map_ownership(struct root_plan *plan, int user_namespace_fd, struct berth_error *err);
/* In the child, alone in its namespaces: builds the root, enters it, detaches the host's. */
int root_build(struct root_plan *plan, struct berth_error *err);
/* In init, at the end: true when one of the default tmpfs is full in bytes or inodes. */
bool root_is_tmpfs_full(void);
/* Closes what root_prepare opened. */
void root_plan_finish(struct root_plan *plan);
