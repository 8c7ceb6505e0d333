/* SPDX-License-Identifier: Apache-2.0 */
/* Attempts to have or to gain ids, groups, capabilities, and to weaken the locks on them. */
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/escape/probe.h"

static int inspect_capabilities(const struct probe_row *row)
{
	const char *text = probe_status(row->path);

	if (!text)
		return EIO;
	probe_note("%s", text);
	return strtoull(text, NULL, 16) ? PROBE_LEAK : PROBE_HELD;
}

static int raise_capability(const struct probe_row *row)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};

	(void)row;
	data[0].effective = data[0].permitted = 1U << CAP_CHOWN;
	return syscall(SYS_capset, &header, data) < 0 ? errno : PROBE_LEAK;
}

static int raise_ambient(const struct probe_row *row)
{
	(void)row;
	return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0) < 0 ? errno
										  : PROBE_LEAK;
}

static int inspect_no_new_privileges(const struct probe_row *row)
{
	(void)row;
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? PROBE_HELD : PROBE_LEAK;
}

static int drop_no_new_privileges(const struct probe_row *row)
{
	(void)row;
	return prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0) < 0 ? errno : PROBE_LEAK;
}

static int inspect_seccomp(const struct probe_row *row)
{
	const char *text = probe_status("Seccomp");

	(void)row;
	probe_note("mode %s", text ? text : "unknown");
	return text && !strcmp(text, "2") ? PROBE_HELD : PROBE_LEAK;
}

static int inspect_ids(const struct probe_row *row)
{
	uid_t real, effective, saved;
	gid_t group, effective_group, saved_group;

	(void)row;
	if (getresuid(&real, &effective, &saved) < 0 ||
	    getresgid(&group, &effective_group, &saved_group) < 0)
		return errno;
	probe_note("uid %u %u %u, gid %u %u %u", real, effective, saved, group, effective_group,
		   saved_group);
	return real && effective && saved && group && effective_group && saved_group ? PROBE_HELD
										     : PROBE_LEAK;
}

/* 65534 is how a group of the host that is not mapped shows. */
static int inspect_groups(const struct probe_row *row)
{
	gid_t groups[64];
	int count = getgroups(64, groups);

	(void)row;
	for (int i = 0; i < count; i++)
		if (groups[i] != getgid()) {
			probe_note("group %u", groups[i]);
			return PROBE_LEAK;
		}
	return count < 0 ? errno : PROBE_HELD;
}

static int become_root(const struct probe_row *row)
{
	(void)row;
	return setresuid(0, 0, 0) < 0 ? errno : PROBE_LEAK;
}

static int become_root_group(const struct probe_row *row)
{
	(void)row;
	return setresgid(0, 0, 0) < 0 ? errno : PROBE_LEAK;
}

static int become_unmapped(const struct probe_row *row)
{
	(void)row;
	return setresuid(4242, 4242, 4242) < 0 ? errno : PROBE_LEAK;
}

static int add_group(const struct probe_row *row)
{
	gid_t group = 0;

	(void)row;
	return setgroups(1, &group) < 0 ? errno : PROBE_LEAK;
}

static int unlock_securebits(const struct probe_row *row)
{
	(void)row;
	return prctl(PR_SET_SECUREBITS, SECBIT_KEEP_CAPS, 0, 0, 0) < 0 ? errno : PROBE_LEAK;
}

#define CAPABILITIES(text, set, why)                                                               \
	{                                                                                          \
		.name = (text), .protection = "no_capabilities", .history = (why),                 \
		.tries = "find a capability in " set, .attempt = inspect_capabilities,             \
		.path = (set), .expected = {                                                       \
			PROBE_HELD                                                                 \
		}                                                                                  \
	}
#define GAIN(text, what, function)                                                                 \
	{                                                                                          \
		.name = (text), .protection = "no_capabilities", .tries = (what),                  \
		.attempt = (function), .expected = {                                               \
			EPERM,                                                                     \
			EINVAL                                                                     \
		}                                                                                  \
	}

static const struct probe_row rows[] = {
	CAPABILITIES("cap_inheritable", "CapInh", "CVE-2022-24769"),
	CAPABILITIES("cap_permitted", "CapPrm", NULL),
	CAPABILITIES("cap_effective", "CapEff", NULL),
	CAPABILITIES("cap_bounding", "CapBnd", "isolate keeps it"),
	CAPABILITIES("cap_ambient", "CapAmb", NULL),
	GAIN("capset", "raise a capability", raise_capability),
	GAIN("cap_ambient_raise", "raise an ambient capability", raise_ambient),
	GAIN("setuid_root", "become root", become_root),
	GAIN("setgid_root", "become the root group", become_root_group),
	GAIN("setuid_other", "become another user", become_unmapped),
	GAIN("setgroups", "add a group", add_group),
	GAIN("securebits", "change the secure bits", unlock_securebits),
	PROBE_TRY("ids", "uid_range", NULL, "be root inside", inspect_ids, NULL, PROBE_HELD),
	PROBE_TRY("groups", "uid_range", NULL, "keep a supplementary group of the caller",
		  inspect_groups, NULL, PROBE_HELD),
	PROBE_TRY("no_new_privileges", "no_new_privileges", NULL, "run without no_new_privs",
		  inspect_no_new_privileges, NULL, PROBE_HELD),
	PROBE_TRY("drop_no_new_privileges", "no_new_privileges", NULL, "take no_new_privs back",
		  drop_no_new_privileges, NULL, EINVAL, EPERM),
	PROBE_TRY("seccomp_mode", "seccomp", NULL, "run without a filter", inspect_seccomp, NULL,
		  PROBE_HELD),
};

const struct probe_group probe_credentials = PROBE_GROUP("credentials", rows);
