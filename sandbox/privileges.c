/* SPDX-License-Identifier: Apache-2.0 */
/* Giving up every right a task must not have. */
#include "sandbox/privileges.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/securebits.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/sandbox.h"

#define LOCKED_SECUREBITS ((SECURE_ALL_BITS & ~issecure_mask(SECURE_KEEP_CAPS)) | SECURE_ALL_LOCKS)

int privileges_leave_keyring(struct berth_error *err)
{
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 && errno != ENOSYS)
		return berth_fail(err, BERTH_SYSTEM, errno, "join a new session keyring");
	return 0;
}

int privileges_close_sources(struct berth_error *err)
{
	/* up to the first number this kernel does not know: EINVAL */
	for (unsigned long capability = 0;; capability++) {
		if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0)
			continue;
		if (errno == EINVAL)
			break;
		return berth_fail(err, BERTH_SYSTEM, errno, "drop capability %lu", capability);
	}
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "clear the ambient capabilities");
	if (prctl(PR_SET_SECUREBITS, LOCKED_SECUREBITS, 0, 0, 0) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "lock the securebits");
	return 0;
}

/* The raw calls change one thread; this is the only one. */
int privileges_become_task(bool ranged, struct berth_error *err)
{
	if (!ranged)
		return 0;
	if (syscall(SYS_setgroups, 0, NULL) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "setgroups");
	if (syscall(SYS_setresgid, SANDBOX_TASK_GID, SANDBOX_TASK_GID, SANDBOX_TASK_GID) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "setresgid");
	if (syscall(SYS_setresuid, SANDBOX_TASK_UID, SANDBOX_TASK_UID, SANDBOX_TASK_UID) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "setresuid");
	return 0;
}

static int set_capabilities(uint32_t low, struct berth_error *err)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {
		{.effective = low, .permitted = low},
                {0               }
        };

	if (syscall(SYS_capset, &header, data) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "capset");
	return 0;
}

int privileges_drop_all(struct berth_error *err)
{
	if (set_capabilities(0, err) < 0)
		return -1;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "set no_new_privs");
	return 0;
}

int privileges_keep_kill_only(struct berth_error *err)
{
	return set_capabilities(1U << CAP_KILL, err);
}
