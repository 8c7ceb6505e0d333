/* SPDX-License-Identifier: Apache-2.0 */
/* Attacks by files: too many bytes, too many files, and traps for whoever collects the output. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/attack/attack.h"

#define MIB       (1024UL * 1024)
#define ENOUGH    (8UL * 1024 * MIB)
#define MANY      2000000
#define DEPTH     3000
#define TERABYTE  (1024L * 1024 * 1024 * 1024)
#define FULL      1 /* exit status: the limit held */
#define UNLIMITED 4

/* Prints how much fitted: the driver compares it with the limit. */
static int fill_bytes(const char *path)
{
	static char block[MIB];
	unsigned long written = 0;
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ssize_t length = 0;

	if (fd < 0)
		return 3;
	memset(block, 'x', sizeof(block));
	while (written < ENOUGH && (length = write(fd, block, sizeof(block))) > 0)
		written += (unsigned long)length;
	printf("%lu\n", written);
	if (length < 0 && errno == ENOSPC)
		return FULL;
	return length < 0 ? 3 : UNLIMITED;
}

static int fill_files(const char *directory)
{
	char path[64];
	long count;

	for (count = 0; count < MANY; count++) {
		int fd;

		(void)snprintf(path, sizeof(path), "%s/%ld", directory, count);
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		if (fd < 0)
			break;
		(void)close(fd);
	}
	printf("%ld\n", count);
	if (count < MANY)
		return errno == ENOSPC ? FULL : 3;
	return UNLIMITED;
}

int attack_disk_fill(long argument)
{
	(void)argument;
	return fill_bytes("fill");
}

int attack_disk_files(long argument)
{
	(void)argument;
	return fill_files(".");
}

int attack_tmpfs_fill(long argument)
{
	(void)argument;
	return fill_bytes("/tmp/fill");
}

int attack_tmpfs_files(long argument)
{
	(void)argument;
	return fill_files("/tmp");
}

int attack_sparse(long argument)
{
	int fd = open("/output/sparse", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	(void)argument;
	return fd < 0 || ftruncate(fd, TERABYTE) < 0 ? 3 : 0;
}

int attack_traps(long argument)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/output/socket"};
	int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int fd = open("/output/plain", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	(void)argument;
	if (fd < 0 || write(fd, "plain\n", 6) != 6 || mkfifo("/output/fifo", 0600) < 0 ||
	    bind(server, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    symlink("/etc/shadow", "/output/link") < 0 || symlink("/", "/output/root") < 0 ||
	    symlink("../../../../../../../../etc", "/output/climb") < 0 ||
	    symlink("plain", "/output/inner") < 0)
		return 3;
	/* A set-uid file must not come out of the sandbox as one. */
	if (chmod("/output/plain", 04755) == 0)
		return 5;
	return 0;
}

int attack_deep(long argument)
{
	char name[201];

	(void)argument;
	memset(name, 'd', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	if (chdir("/output") < 0)
		return 3;
	for (int i = 0; i < DEPTH; i++)
		if (mkdir(name, 0700) < 0 || chdir(name) < 0)
			return 3;
	return 0;
}
