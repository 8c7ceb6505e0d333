/* SPDX-License-Identifier: Apache-2.0 */
/* Which ids of the host a run's ids are: a range of its own per run, never the host's root. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/* Ranges lie above what systemd and /etc/subuid hand out and below 2^31
 * (https://systemd.io/UIDS-GIDS/). */
#define IDENTITY_BASE_FIRST 0x70000000U
#define IDENTITY_RANGE      65536U
#define IDENTITY_SLOTS      4093U

struct identity {
	bool ranged;   /* false: rootless, only the caller's own uid and gid are mapped */
	uint32_t base; /* host id of inside id 0, when ranged */
	int lock_fd;   /* holds the range until closed */
};

/* Takes a free range (a lock file under state_fd/uids), or the caller's own ids when rootless. */
int identity_acquire(struct identity *identity, int state_fd, bool privileged,
		     struct berth_error *err);

/* Writes uid_map, gid_map and setgroups of a child in a new user namespace
 * (user_namespaces(7)). proc_fd is an fd of its /proc directory. */
int identity_write_maps(const struct identity *identity, int proc_fd, struct berth_error *err);

/* An fd of a user namespace in which host ids uid and gid appear as the run's task, for
 * id-mapped mounts (mount_setattr(2), 5.12). */
int identity_open_mapping(const struct identity *identity, uid_t uid, gid_t gid, int *ret_fd,
			  struct berth_error *err);

/* An fd of a user namespace in which the id of a task, as it stands in a volume, is uid and gid of
 * the host. */
int identity_open_view_mapping(uid_t uid, gid_t gid, int *ret_fd, struct berth_error *err);

void identity_release(struct identity *identity);
