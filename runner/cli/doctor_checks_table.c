/* SPDX-License-Identifier: Apache-2.0 */
/* The checks of this host: cheap, read-only, none starts a process. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "extensions/catalog.h"
#include "extensions/requirement.h"
#include "runner/cli/doctor_checks.h"
#include "runner/run/installation.h"

#define KERNEL_MAJOR 5 /* clone3 5.3, openat2 5.6, id-mapped mounts 5.12, mount_setattr 5.12 */
#define KERNEL_MINOR 12

static enum doctor_state look_at_kernel(char detail[DOCTOR_DETAIL_SIZE])
{
	struct utsname name;
	unsigned long major, minor = 0;
	char *end;

	if (uname(&name) < 0)
		return DOCTOR_MISSING;
	(void)snprintf(detail, DOCTOR_DETAIL_SIZE, "%s", name.release);
	major = strtoul(name.release, &end, 10);
	if (*end == '.')
		minor = strtoul(end + 1, NULL, 10);
	return major > KERNEL_MAJOR || (major == KERNEL_MAJOR && minor >= KERNEL_MINOR)
		       ? DOCTOR_OK
		       : DOCTOR_MISSING;
}

static enum doctor_state look_at_privilege(char detail[DOCTOR_DETAIL_SIZE])
{
	(void)snprintf(detail, DOCTOR_DETAIL_SIZE, "uid %u", (unsigned)geteuid());
	return geteuid() == 0 ? DOCTOR_OK : DOCTOR_MISSING;
}

static enum doctor_state look_at_user_namespaces(char detail[DOCTOR_DETAIL_SIZE])
{
	FILE *file = fopen("/proc/sys/user/max_user_namespaces", "re");
	char text[32] = "";

	if (!file || !fgets(text, sizeof(text), file))
		text[0] = '\0';
	if (file)
		(void)fclose(file); /* was only read */
	text[strcspn(text, "\n")] = '\0';
	(void)snprintf(detail, DOCTOR_DETAIL_SIZE, "at most %s", text);
	return strtoul(text, NULL, 10) > 0 ? DOCTOR_OK : DOCTOR_MISSING;
}

static enum doctor_state look_at_loop_devices(char detail[DOCTOR_DETAIL_SIZE])
{
	(void)snprintf(detail, DOCTOR_DETAIL_SIZE, "/dev/loop-control");
	return access("/dev/loop-control", R_OK | W_OK) == 0 ? DOCTOR_OK : DOCTOR_MISSING;
}

static enum doctor_state look_at_mke2fs(char detail[DOCTOR_DETAIL_SIZE])
{
	static const char *const places[] = {"/sbin/mke2fs", "/usr/sbin/mke2fs",
					     "/usr/local/sbin/mke2fs"};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (access(places[i], X_OK) == 0) {
			(void)snprintf(detail, DOCTOR_DETAIL_SIZE, "%s", places[i]);
			return DOCTOR_OK;
		}
	return DOCTOR_MISSING;
}

static enum doctor_state look_at_extensions(char detail[DOCTOR_DETAIL_SIZE])
{
	struct installation installation;
	struct extension_list list = {0};
	enum doctor_state state = DOCTOR_OK;
	struct berth_error err = {0};
	size_t used = 0;

	if (installation_find(&installation, &err) < 0 || !installation.extensions[0]) {
		(void)snprintf(detail, DOCTOR_DETAIL_SIZE, "none installed");
		return DOCTOR_OK;
	}
	if (extension_list_load(installation.extensions, &list, &err) < 0)
		state = DOCTOR_MISSING;
	for (size_t i = 0; state == DOCTOR_OK && i < list.count; i++) {
		if (extension_check(&list.extensions[i], &err) < 0)
			state = DOCTOR_MISSING;
		else if (used < DOCTOR_DETAIL_SIZE)
			used += (size_t)snprintf(detail + used, DOCTOR_DETAIL_SIZE - used, "%s%s",
						 used ? ", " : "", list.extensions[i].name);
	}
	if (state == DOCTOR_MISSING)
		(void)snprintf(detail, DOCTOR_DETAIL_SIZE, "%s", err.message);
	extension_list_finish(&list);
	return state;
}

/* clang-format off */
const struct doctor_check doctor_checks[] = {
	{"kernel", "clone3, id-mapped mounts", "use Linux 5.12 or newer", look_at_kernel},
	{"privilege", "a uid range a run, disk volumes, cgroups", "start berth as root, or with a delegated cgroup (systemd: Delegate=yes)", look_at_privilege},
	{"user_namespaces", "nobody in a sandbox is the host's root", "sysctl user.max_user_namespaces=15000", look_at_user_namespaces},
	{"loop_devices", "disk volumes of a hard size", "modprobe loop", look_at_loop_devices},
	{"mke2fs", "disk volumes of a hard size", "apt-get install e2fsprogs", look_at_mke2fs},
	{"extensions", "berth's own tasks", "install the package that is named", look_at_extensions},
};
/* clang-format on */

const size_t doctor_check_count = sizeof(doctor_checks) / sizeof(doctor_checks[0]);
