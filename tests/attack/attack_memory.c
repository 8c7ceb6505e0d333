/* SPDX-License-Identifier: Apache-2.0 */
/* Attacks by memory in each of its guises. None returns when the limit holds. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/attack/attack.h"

#define MIB        (1024UL * 1024)
/* Far above every limit of the tests: whoever gets so far was not limited. */
#define ENOUGH_MIB 4096

static int touch(void)
{
	for (int i = 0; i < ENOUGH_MIB; i++) {
		void *memory =
			mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (memory == MAP_FAILED)
			return 3;
		memset(memory, i | 1, MIB);
	}
	return 4;
}

int attack_memory(long argument)
{
	(void)argument;
	return touch();
}

/* The task itself is small and only waits: it must not be left over, half dead. */
int attack_memory_child(long argument)
{
	pid_t child = fork();

	(void)argument;
	if (child == 0) {
		pid_t grandchild = fork();

		if (grandchild == 0)
			_exit(touch());
		(void)waitpid(grandchild, NULL, 0);
		for (;;)
			(void)pause();
	}
	(void)waitpid(child, NULL, 0);
	return 0;
}

static int fill(int fd)
{
	static char block[MIB];
	unsigned long written = 0;
	ssize_t length;

	memset(block, 'x', sizeof(block));
	while ((length = write(fd, block, sizeof(block))) > 0) {
		written += (unsigned long)length;
		if (written > ENOUGH_MIB * MIB)
			return 4;
	}
	return errno == ENOSPC ? 0 : 3;
}

int attack_memory_memfd(long argument)
{
	int fd = memfd_create("attack", MFD_CLOEXEC);

	(void)argument;
	return fd < 0 ? 3 : fill(fd);
}

int attack_memory_segment(long argument)
{
	(void)argument;
	for (int i = 0; i < ENOUGH_MIB / 16; i++) {
		int id = shmget(IPC_PRIVATE, 16 * MIB, IPC_CREAT | 0600);
		void *memory = id < 0 ? (void *)-1 : shmat(id, NULL, 0);

		if (memory == (void *)-1)
			return 3;
		memset(memory, i | 1, 16 * MIB);
		(void)shmdt(memory); /* not attached any more, and still there */
	}
	return 4;
}

/* argument: how many MiB the sandbox's limit is; the files must have eaten a part of it. */
int attack_memory_tmpfs(long argument)
{
	static const char *const paths[] = {"/tmp/fill", "/dev/shm/fill"};

	(void)argument;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		int fd = open(paths[i], O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

		if (fd < 0 || fill(fd) != 0)
			return 3;
	}
	return touch();
}

int attack_memory_pipes(long argument)
{
	static char block[64 * 1024];
	int ends[2];

	(void)argument;
	while (pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0) {
		(void)fcntl(ends[1], F_SETPIPE_SZ, MIB);
		while (write(ends[1], block, sizeof(block)) > 0)
			continue;
	}
	return 0; /* out of descriptors: the other limit held */
}
