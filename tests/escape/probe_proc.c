/* SPDX-License-Identifier: Apache-2.0 */
/* Attempts on /proc, /sys and the cgroup file system: switches of the kernel and views of the host.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tests/escape/probe.h"

static int writable_count;

static int count_writable(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	int fd;

	(void)status;
	(void)walk;
	if (type != FTW_F)
		return 0;
	fd = open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return 0;
	(void)close(fd);
	if (++writable_count == 1)
		probe_note("%s is open for writing", path);
	return 0;
}

/* Opens every file of a tree for writing; writes to none. */
static int sweep(const struct probe_row *row)
{
	if (access(row->path, F_OK) < 0)
		return errno;
	if (nftw(row->path, count_writable, 16, FTW_PHYS | FTW_MOUNT) < 0)
		return errno;
	return writable_count ? PROBE_LEAK : EACCES;
}

static int inspect_processes(const struct probe_row *row)
{
	AUTO_DIRECTORY DIR *directory = opendir("/proc");
	struct dirent *entry;
	int count = 0;

	(void)row;
	if (!directory)
		return errno;
	while ((entry = readdir(directory)))
		count += isdigit((unsigned char)entry->d_name[0]) != 0;
	probe_note("%d processes", count);
	return count <= 8 ? PROBE_HELD : PROBE_LEAK; /* init, the wrapper, the probe, its child */
}

static int inspect_cgroup(const struct probe_row *row)
{
	AUTO_FILE FILE *stream = fopen("/proc/self/cgroup", "re");
	char line[1024], *path;

	(void)row;
	if (!stream)
		return errno;
	while (fgets(line, sizeof(line), stream)) {
		path = strrchr(line, ':');
		if (!path || strcmp(path, ":/\n") != 0) {
			line[strcspn(line, "\n")] = '\0';
			probe_note("%s", line);
			return PROBE_LEAK;
		}
	}
	return PROBE_HELD;
}

static int lower_oom_score(const struct probe_row *row)
{
	AUTO_CLOSE int fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);

	(void)row;
	if (fd < 0)
		return errno;
	return write(fd, "-1000", 5) < 0 ? errno : PROBE_LEAK; /* this child's own, it ends now */
}

static int read_init_link(const struct probe_row *row)
{
	char text[256];
	ssize_t length = readlink(row->path, text, sizeof(text) - 1);

	if (length < 0)
		return errno;
	text[length] = '\0';
	probe_note("%s", text);
	return PROBE_LEAK;
}

static int read_init_environment(const struct probe_row *row)
{
	AUTO_CLOSE int fd = open("/proc/1/environ", O_RDONLY | O_CLOEXEC);
	char text[160];
	ssize_t length;

	(void)row;
	if (fd < 0)
		return errno;
	length = read(fd, text, sizeof(text) - 1);
	if (length < 0)
		return errno;
	if (length == 0)
		return ENOENT;
	text[length] = '\0';
	probe_note("%s", text);
	return PROBE_LEAK;
}

#define HIDDEN ENOENT, EACCES, EROFS, EPERM
#define READ_PROC(text, what, where)                                                               \
	{                                                                                          \
		.name = (text), .protection = "masked_proc", .tries = (what),                      \
		.attempt = probe_attempt_read, .path = (where), .expected = {                      \
			HIDDEN                                                                     \
		}                                                                                  \
	}
#define WRITE_PROC(text, what, why, where)                                                         \
	{                                                                                          \
		.name = (text), .protection = "masked_proc", .history = (why), .tries = (what),    \
		.attempt = probe_attempt_write, .path = (where), .expected = {                     \
			HIDDEN                                                                     \
		}                                                                                  \
	}
#define INIT_LINK(text, where)                                                                     \
	{                                                                                          \
		.name = (text), .protection = "masked_proc", .history = "CVE-2019-5736",           \
		.tries = "follow " where, .attempt = read_init_link, .path = (where),              \
		.expected = {                                                                      \
			HIDDEN                                                                     \
		}                                                                                  \
	}

static const struct probe_row rows[] = {
	PROBE_TRY("sweep_proc_sys", "masked_proc", "CVE-2025-52881",
		  "find one sysctl that opens for writing", sweep, "/proc/sys", HIDDEN),
	PROBE_TRY("sweep_sys", "masked_proc", NULL, "find one file of /sys that opens for writing",
		  sweep, "/sys", HIDDEN),
	PROBE_TRY("sys_visible", "masked_proc", NULL, "list the host's devices in /sys",
		  probe_attempt_list, "/sys", HIDDEN),
	PROBE_TRY("cgroup_visible", "masked_proc", "CVE-2022-0492", "list the cgroup file system",
		  probe_attempt_list, "/sys/fs/cgroup", HIDDEN),
	WRITE_PROC("core_pattern", "run a program as root on the host by a crash",
		   "bwrap run by root", "/proc/sys/kernel/core_pattern"),
	WRITE_PROC("modprobe_path", "run a program as root by a module request",
		   "release_agent's kin", "/proc/sys/kernel/modprobe"),
	WRITE_PROC("binfmt_register", "register an interpreter for the host", NULL,
		   "/proc/sys/fs/binfmt_misc/register"),
	WRITE_PROC("sysrq_trigger", "reboot the host", NULL, "/proc/sysrq-trigger"),
	WRITE_PROC("uevent_helper", "run a program as root by a uevent", NULL,
		   "/sys/kernel/uevent_helper"),
	READ_PROC("proc_kcore", "read the kernel's memory", "/proc/kcore"),
	READ_PROC("proc_kallsyms", "read the kernel's addresses", "/proc/kallsyms"),
	READ_PROC("proc_kmsg", "read the kernel's log", "/proc/kmsg"),
	READ_PROC("proc_keys", "list the host's keys", "/proc/keys"),
	READ_PROC("proc_cmdline", "read the kernel's command line", "/proc/cmdline"),
	READ_PROC("proc_config", "read the kernel's configuration", "/proc/config.gz"),
	READ_PROC("proc_iomem", "read the physical memory map", "/proc/iomem"),
	READ_PROC("proc_modules", "list the kernel's modules", "/proc/modules"),
	READ_PROC("proc_timer_list", "read all timers of the host", "/proc/timer_list"),
	READ_PROC("proc_slabinfo", "read the kernel's allocator", "/proc/slabinfo"),
	READ_PROC("proc_vmallocinfo", "read the kernel's mappings", "/proc/vmallocinfo"),
	READ_PROC("proc_kpagecount", "read the host's page counts", "/proc/kpagecount"),
	READ_PROC("proc_sched_debug", "read all processes of the host", "/proc/sched_debug"),
	READ_PROC("proc_stat", "read the host's boot time and load", "/proc/stat"),
	READ_PROC("proc_diskstats", "read the host's disks", "/proc/diskstats"),
	READ_PROC("boot_id", "read the host's boot id", "/proc/sys/kernel/random/boot_id"),
	PROBE_TRY("processes_visible", "pid_namespace", NULL, "list processes of others",
		  inspect_processes, NULL, PROBE_HELD),
	PROBE_TRY("own_cgroup_path", "cgroup_namespace", "crun, runc",
		  "learn its place in the host's cgroup tree", inspect_cgroup, NULL, PROBE_HELD),
	PROBE_TRY("oom_score_adj", "no_capabilities", NULL, "make itself immune to the OOM killer",
		  lower_oom_score, NULL, EACCES, EPERM),
	PROBE_TRY("init_environ", "masked_proc", "bwrap: the caller's environment leaks",
		  "read the environment of pid 1", read_init_environment, NULL, HIDDEN),
	PROBE_TRY("init_memory", "masked_proc", "bwrap", "open the memory of pid 1",
		  probe_attempt_write, "/proc/1/mem", HIDDEN),
	READ_PROC("init_maps", "read the memory map of pid 1", "/proc/1/maps"),
	INIT_LINK("init_exe", "/proc/1/exe"),
	INIT_LINK("init_root", "/proc/1/root"),
	INIT_LINK("init_cwd", "/proc/1/cwd"),
	WRITE_PROC("init_exe_write", "overwrite the program of pid 1", "CVE-2019-5736",
		   "/proc/1/exe"),
	PROBE_TRY("init_fd", "masked_proc", "CVE-2024-21626", "list the descriptors of pid 1",
		  probe_attempt_list, "/proc/1/fd", HIDDEN),
};

const struct probe_group probe_proc = PROBE_GROUP("proc", rows);
