/* SPDX-License-Identifier: Apache-2.0 */
/* The list of everything a sandbox claims: one row each with its reason, the file that applies it
 * and the test that tries to break it from inside (protection_table.c). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum sandbox_protection {
	SANDBOX_USER_NAMESPACE,
	SANDBOX_UID_RANGE,
	SANDBOX_PID_NAMESPACE,
	SANDBOX_MOUNT_NAMESPACE,
	SANDBOX_NETWORK_NAMESPACE,
	SANDBOX_IPC_NAMESPACE,
	SANDBOX_UTS_NAMESPACE,
	SANDBOX_CGROUP_NAMESPACE,
	SANDBOX_TIME_NAMESPACE,
	SANDBOX_READ_ONLY_ROOT,
	SANDBOX_PRIVATE_TMP,
	SANDBOX_MINIMAL_DEV,
	SANDBOX_MASKED_PROC,
	SANDBOX_SECCOMP,
	SANDBOX_NO_CAPABILITIES,
	SANDBOX_NO_NEW_PRIVILEGES,
	SANDBOX_LANDLOCK,
	SANDBOX_RLIMITS,
	SANDBOX_KEYRING,
	SANDBOX_NO_INHERITED_DESCRIPTORS,
	SANDBOX_CLEAN_ENVIRONMENT,
	SANDBOX_NEW_SESSION,
	SANDBOX_NOTHING_SURVIVES,
	SANDBOX_CPU_LIMIT,
	SANDBOX_MEMORY_LIMIT,
	SANDBOX_SWAP_LIMIT,
	SANDBOX_OOM_GROUP,
	SANDBOX_PIDS_LIMIT,
	SANDBOX_IO_WEIGHT,
	SANDBOX_DISK_LIMIT,
	SANDBOX_TMPFS_LIMIT,
	SANDBOX_PROTECTIONS, /* how many there are */
};

struct sandbox_protection_row {
	const char *name;   /* as in --result and berth doctor: "user_namespace" */
	const char *reason; /* what goes wrong without it */
	const char *code;   /* the file that applies it */
	const char *test;   /* the probe or test that tries it from inside */
	const char *remedy; /* what to do on a host that lacks it */
};

extern const struct sandbox_protection_row sandbox_protection_rows[SANDBOX_PROTECTIONS];

enum sandbox_protection_status {
	SANDBOX_ENFORCED,
	SANDBOX_UNAVAILABLE,   /* this host cannot */
	SANDBOX_NOT_REQUESTED, /* the spec did not ask (limit 0, network host) */
};

struct sandbox_protection_state {
	enum sandbox_protection_status status;
	char detail[96]; /* why not, or with what: "cgroup v1", "Landlock ABI 7"; may be empty */
};
