/* SPDX-License-Identifier: Apache-2.0 */
/* Attempts on devices: what /dev holds, and the ioctls that reach the caller's terminal. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tests/escape/probe.h"

static const char *const allowed_devices[] = {
	".",  "..",    "null",   "zero",   "full", "random", "urandom",
	"fd", "stdin", "stdout", "stderr", "shm",  "tty",
};

static int inspect_dev(const struct probe_row *row)
{
	AUTO_DIRECTORY DIR *directory = opendir("/dev");
	struct dirent *entry;

	(void)row;
	if (!directory)
		return errno;
	while ((entry = readdir(directory))) {
		size_t i = 0, count = sizeof(allowed_devices) / sizeof(allowed_devices[0]);

		while (i < count && strcmp(entry->d_name, allowed_devices[i]) != 0)
			i++;
		if (i == count) {
			probe_note("/dev/%s", entry->d_name);
			return PROBE_LEAK;
		}
	}
	return PROBE_HELD;
}

/* A /dev/null that is something else has been a way to unmask files: it must be device 1:3. */
static int inspect_null(const struct probe_row *row)
{
	struct stat status;

	(void)row;
	if (stat("/dev/null", &status) < 0)
		return errno;
	return S_ISCHR(status.st_mode) && status.st_rdev == makedev(1, 3) ? PROBE_HELD : PROBE_LEAK;
}

/* The request is passed to ioctl(2) on stdin, with garbage where the kernel does not look. */
static int push_ioctl(const struct probe_row *row)
{
	char byte = row->number == TIOCLINUX ? 99 : '\n'; /* 99: no such function of TIOCLINUX */

	if (ioctl(STDIN_FILENO, (unsigned long)row->number | row->arguments[0], &byte) < 0)
		return errno;
	return PROBE_LEAK;
}

#define TERMINAL(text, what, why, request, garbage)                                                \
	{                                                                                          \
		.name = (text), .protection = "seccomp", .history = (why), .tries = (what),        \
		.attempt = push_ioctl, .number = (request), .arguments = {(garbage)},              \
		.expected = {                                                                      \
			EPERM                                                                      \
		}                                                                                  \
	}
#define DEVICE(text, where)                                                                        \
	{                                                                                          \
		.name = (text), .protection = "minimal_dev", .tries = "open " where,               \
		.attempt = probe_attempt_read, .path = (where), .expected = {                      \
			ENOENT                                                                     \
		}                                                                                  \
	}

static const struct probe_row rows[] = {
	PROBE_TRY("dev_listing", "minimal_dev", "isolate shows 92 nodes",
		  "find a device beyond the harmless six", inspect_dev, NULL, PROBE_HELD),
	PROBE_TRY("dev_null", "minimal_dev", "CVE-2025-31133", "have a /dev/null that is not",
		  inspect_null, NULL, PROBE_HELD),
	DEVICE("dev_mem", "/dev/mem"),
	DEVICE("dev_kmsg", "/dev/kmsg"),
	DEVICE("dev_kvm", "/dev/kvm"),
	DEVICE("dev_fuse", "/dev/fuse"),
	DEVICE("dev_tun", "/dev/net/tun"),
	DEVICE("dev_loop_control", "/dev/loop-control"),
	DEVICE("dev_vda", "/dev/vda"),
	DEVICE("dev_console", "/dev/console"),
	DEVICE("dev_ptmx", "/dev/ptmx"),
	TERMINAL("tiocsti", "type into the caller's terminal", "CVE-2017-5226", TIOCSTI, 0),
	TERMINAL("tiocsti_high_bits", "the same with garbage in the upper half", "CVE-2019-7303",
		 TIOCSTI, 0xdeadbeef00000000UL),
	TERMINAL("tioclinux", "paste into the caller's console", "CVE-2023-1523", TIOCLINUX, 0),
	TERMINAL("tioclinux_high_bits", "the same with garbage in the upper half", "CVE-2023-1523",
		 TIOCLINUX, 0x100000000UL),
};

const struct probe_group probe_devices = PROBE_GROUP("devices", rows);
