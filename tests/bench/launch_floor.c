/* SPDX-License-Identifier: Apache-2.0 */
/* The floor under a launch: the same namespaces and filter by bare system calls. */
#include "tests/bench/launch_floor.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/mount_call.h"
#include "sandbox/seccomp.h"

#define FIRST_ID 100000

static void must(int result)
{
	if (result < 0)
		_exit(99);
}

static void write_map(pid_t child, const char *file)
{
	char path[64], map[32];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", child, file);
	(void)snprintf(map, sizeof(map), "0 %d 65536", FIRST_ID);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, map, strlen(map)) < 0)
		abort(); /* the bench itself is broken */
	(void)close(fd);
}

static void make_devices(void)
{
	static const char *const nodes[] = {"null", "zero", "full", "random", "urandom"};
	char host[32];
	int fd = -1, node_fd;

	must(mount_create("tmpfs", (const char *const[]){"size", "64k", NULL},
			  MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, &fd, NULL));
	must(mount_attach(fd, "dev", NULL));
	for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
		(void)snprintf(host, sizeof(host), "/dev/%s", nodes[i]);
		must(mount_clone_tree(host, 0, &node_fd, NULL));
		(void)close(open(host + 1, O_CREAT | O_WRONLY, 0644));
		must(mount_attach(node_fd, host + 1, NULL));
	}
}

static void give_up_rights(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {{0}};

	for (unsigned long capability = 0; prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0;
	     capability++)
		continue;
	must((int)syscall(SYS_capset, &header, none));
	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
}

_Noreturn static void run_child(const char *root, const char *program, int gate_fd)
{
	char *const arguments[] = {(char *)(uintptr_t)program, NULL}, *const environment[] = {NULL};
	int root_fd = -1, proc_fd = -1, tmp_fd = -1;
	char go;

	must((int)read(gate_fd, &go, 1));
	must((int)syscall(SYS_setresgid, 0, 0, 0));
	must((int)syscall(SYS_setresuid, 0, 0, 0));
	must((int)syscall(SYS_unshare, 0x80 /* CLONE_NEWTIME */));
	must(mount_clone_tree(root, 0, &root_fd, NULL));
	must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	must(mount_attach(root_fd, "/usr", NULL));
	must(fchdir(root_fd));
	must(mount_create("proc", (const char *const[]){"subset", "pid", "hidepid", "2", NULL}, 0,
			  &proc_fd, NULL));
	must(mount_attach(proc_fd, "proc", NULL));
	make_devices();
	must(mount_create("tmpfs", (const char *const[]){"size", "64m", NULL}, 0, &tmp_fd, NULL));
	must(mount_attach(tmp_fd, "tmp", NULL));
	must((int)syscall(SYS_pivot_root, ".", "."));
	must(umount2(".", MNT_DETACH));
	must(chdir("/"));
	(void)setsid();
	give_up_rights();
	must(close_range(3, ~0U, CLOSE_RANGE_CLOEXEC));
	must(seccomp_load(NULL));
	(void)execve(program, arguments, environment);
	_exit(98);
}

int launch_floor(const char *root, const char *program)
{
	struct clone_args arguments = {.flags = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS |
						CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
						CLONE_NEWCGROUP,
				       .exit_signal = SIGCHLD};
	int gate[2], status;
	pid_t child;

	if (pipe2(gate, O_CLOEXEC) < 0)
		return -1;
	child = (pid_t)syscall(SYS_clone3, &arguments, sizeof(arguments));
	if (child < 0)
		return -1;
	if (child == 0) {
		(void)close(gate[1]);
		run_child(root, program, gate[0]);
	}
	(void)close(gate[0]);
	write_map(child, "uid_map");
	write_map(child, "gid_map");
	if (write(gate[1], "", 1) != 1)
		return -1;
	(void)close(gate[1]);
	if (waitpid(child, &status, 0) != child || status != 0)
		return -1;
	return 0;
}
