/* SPDX-License-Identifier: Apache-2.0 */
/* Attempts to read or write files of the host, or to become another user through one of them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tests/escape/probe.h"

/* Opens <prefix><the host's secret file>: --host secret=PATH. */
static int open_secret(const struct probe_row *row)
{
	const char *secret = probe_host("secret");
	char path[1024];
	AUTO_CLOSE int fd = -1;

	if (!secret)
		return PROBE_SKIPPED;
	(void)snprintf(path, sizeof(path), "%s%s", row->path, secret);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? errno : PROBE_LEAK;
}

static int open_secret_by_symlink(const struct probe_row *row)
{
	const char *secret = probe_host("secret");
	AUTO_CLOSE int fd = -1;
	int error;

	(void)row;
	if (!secret)
		return PROBE_SKIPPED;
	(void)unlink("/tmp/berth-escape-link");
	if (symlink(secret, "/tmp/berth-escape-link") < 0)
		return errno;
	fd = open("/tmp/berth-escape-link", O_RDONLY | O_CLOEXEC);
	error = fd < 0 ? errno : PROBE_LEAK;
	(void)unlink("/tmp/berth-escape-link");
	return error;
}

static int open_by_handle(const struct probe_row *row)
{
	/* The shocker: handle of inode 2, the root of most file systems. */
	struct {
		struct file_handle header;
		unsigned inode[2];
	} handle = {
		.header = {.handle_bytes = 8, .handle_type = 1},
                  .inode = {2,                 0               }
        };
	AUTO_CLOSE int anchor = open("/usr", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_CLOSE int fd = -1;

	(void)row;
	if (anchor < 0)
		return errno;
	fd = (int)syscall(SYS_open_by_handle_at, anchor, &handle, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 || errno == ESTALE)
		return PROBE_LEAK;
	return errno;
}

/* ld.so prints its auxiliary vector, the real and effective ids in it, before main. */
static int run_setuid(const struct probe_row *row)
{
	static const char *const programs[] = {"/usr/bin/mount", "/usr/bin/su", "/usr/bin/passwd",
					       "/usr/bin/chsh"};
	char *const environment[] = {(char[]){"LD_SHOW_AUXV=1"}, NULL};
	char text[4096] = "";
	int ends[2];
	long uid;

	(void)row;
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		struct stat status;
		size_t used = 0;
		ssize_t length;
		char *found;

		if (stat(programs[i], &status) < 0 || !(status.st_mode & S_ISUID))
			continue;
		if (pipe2(ends, O_CLOEXEC) < 0)
			return errno;
		if (fork() == 0) {
			(void)dup2(ends[1], STDOUT_FILENO);
			(void)execle(programs[i], programs[i], "--version", (char *)NULL,
				     environment);
			_exit(127);
		}
		(void)close(ends[1]);
		while (used < sizeof(text) - 1 &&
		       (length = read(ends[0], text + used, sizeof(text) - 1 - used)) > 0)
			used += (size_t)length;
		(void)close(ends[0]);
		text[used] = '\0';
		(void)wait(NULL);
		/* A set-uid start is a secure one: ld.so then ignores LD_SHOW_AUXV and says
		 * nothing. */
		found = strstr(text, "AT_EUID:");
		uid = found ? strtol(found + strlen("AT_EUID:"), NULL, 10) : -1;
		probe_note("%s, mode %o: effective uid %ld", programs[i], status.st_mode & 07777,
			   uid);
		return uid == (long)getuid() ? PROBE_HELD : PROBE_LEAK;
	}
	probe_note("no set-uid program in the root");
	return PROBE_HELD;
}

static int make_node(const struct probe_row *row)
{
	mode_t mode = (mode_t)row->arguments[0];

	if (mknod("/tmp/berth-escape-node", mode | 0600, (dev_t)row->arguments[1]) < 0)
		return errno;
	(void)unlink("/tmp/berth-escape-node");
	return PROBE_LEAK;
}

/* EXT4_IOC_RESIZE_FS to one block: refused for want of privilege, or (passed) as a shrink. */
static int resize_volume(const struct probe_row *row)
{
	AUTO_CLOSE int fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	unsigned long long blocks = 1;

	(void)row;
	if (fd < 0)
		return errno;
	if (ioctl(fd, _IOW('f', 16, unsigned long long), &blocks) >= 0 || errno == EINVAL)
		return PROBE_LEAK;
	return errno;
}

static int set_immutable(const struct probe_row *row)
{
	AUTO_CLOSE int fd = open("berth-escape-immutable", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int flags = 0x10, error = 0; /* FS_IMMUTABLE_FL */

	(void)row;
	if (fd < 0)
		return errno;
	if (ioctl(fd, _IOW('f', 2, long), &flags) < 0)
		error = errno;
	flags = 0;
	if (!error)
		(void)ioctl(fd, _IOW('f', 2, long), &flags);
	(void)unlink("berth-escape-immutable");
	return error;
}

static int change_owner(const struct probe_row *row)
{
	AUTO_CLOSE int fd = open("/tmp/berth-escape-owner", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int error;

	(void)row;
	if (fd < 0)
		return errno;
	error = fchown(fd, 0, 0) < 0 ? errno : PROBE_LEAK;
	(void)unlink("/tmp/berth-escape-owner");
	return error;
}

#define WRITE_INTO(text, where)                                                                    \
	{                                                                                          \
		.name = (text), .protection = "read_only_root", .tries = "make a file in " where,  \
		.attempt = probe_attempt_create, .path = (where),                                  \
		.expected = {EROFS, EACCES, ENOENT},                                               \
	}
#define READ_HOST(text, where)                                                                     \
	{                                                                                          \
		.name = (text), .protection = "mount_namespace",                                   \
		.tries = "read the host's " where, .attempt = probe_attempt_read, .path = (where), \
		.expected = {ENOENT, EACCES},                                                      \
	}
#define LIST_HOST(text, where)                                                                     \
	{                                                                                          \
		.name = (text), .protection = "mount_namespace",                                   \
		.tries = "list the host's " where, .attempt = probe_attempt_list, .path = (where), \
		.expected = {ENOENT, EACCES},                                                      \
	}
#define SECRET(text, what, prefix)                                                                 \
	{                                                                                          \
		.name = (text), .protection = "mount_namespace", .tries = (what),                  \
		.attempt = open_secret, .path = (prefix), .expected = {ENOENT, EACCES, EPERM},     \
	}

#define NODE(text, what, kind, device)                                                             \
	{                                                                                          \
		.name = (text), .protection = "seccomp", .tries = (what), .attempt = make_node,    \
		.arguments = {(kind), (device)}, .expected = {                                     \
			EPERM                                                                      \
		}                                                                                  \
	}

static const struct probe_row rows[] = {
	WRITE_INTO("write_root", "/"),
	WRITE_INTO("write_usr", "/usr"),
	WRITE_INTO("write_usr_bin", "/usr/bin"),
	WRITE_INTO("write_etc", "/etc"),
	WRITE_INTO("write_dev", "/dev"),
	WRITE_INTO("write_opt", "/opt/berth"),
	WRITE_INTO("write_var", "/var"),
	PROBE_TRY("write_run_berth", "uid_range", NULL,
		  "put its own socket in place of the task channel's", probe_attempt_create,
		  "/run/berth", EROFS, EACCES, ENOENT),
	PROBE_TRY("overwrite_program", "read_only_root", NULL,
		  "open a program of the system for writing", probe_attempt_write, "/usr/bin/env",
		  EROFS, EACCES, ETXTBSY),
	READ_HOST("read_shadow", "/etc/shadow"),
	READ_HOST("read_ssh_key", "/etc/ssh/sshd_config"),
	READ_HOST("read_machine_id", "/etc/machine-id"),
	LIST_HOST("list_root_home", "/root"),
	LIST_HOST("list_home", "/home"),
	LIST_HOST("list_var_lib", "/var/lib"),
	LIST_HOST("list_boot", "/boot"),
	LIST_HOST("list_systemd", "/run/systemd"),
	SECRET("secret_plain", "read a file of the host's /tmp", ""),
	SECRET("secret_self_root", "reach it through /proc/self/root", "/proc/self/root"),
	SECRET("secret_self_cwd", "reach it through /proc/self/cwd",
	       "/proc/self/cwd/../../../../../.."),
	SECRET("secret_init_root", "reach it through /proc/1/root", "/proc/1/root"),
	SECRET("secret_init_cwd", "reach it through /proc/1/cwd", "/proc/1/cwd/../../../.."),
	PROBE_TRY("secret_symlink", "mount_namespace", "CVE-2024-28185",
		  "reach it through a symbolic link", open_secret_by_symlink, NULL, ENOENT, EACCES),
	PROBE_TRY("open_by_handle", "seccomp", "shocker, 2014",
		  "open inode 2 of the host's file system by handle", open_by_handle, NULL, EPERM),
	PROBE_TRY("setuid_program", "no_new_privileges", NULL,
		  "gain by executing a set-uid program", run_setuid, NULL, PROBE_HELD),
	NODE("mknod_character", "make a node of /dev/mem", S_IFCHR, 0x101),
	NODE("mknod_block", "make a node of the first loop device", S_IFBLK, 0x700),
	PROBE_TRY("resize_volume", "disk_limit", NULL, "resize the file system of its own volume",
		  resize_volume, NULL, EPERM, ENOTTY, EACCES),
	PROBE_TRY("set_immutable", "no_capabilities", NULL,
		  "make a file that the host cannot delete", set_immutable, NULL, EPERM, ENOTTY,
		  EOPNOTSUPP),
	PROBE_TRY("chown_root", "no_capabilities", NULL, "give a file to root", change_owner, NULL,
		  EPERM, EINVAL),
};

const struct probe_group probe_files = PROBE_GROUP("files", rows);
