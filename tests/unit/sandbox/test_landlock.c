/* SPDX-License-Identifier: Apache-2.0 */
/* Landlock by itself, in a child that has no other wall: every version of the kernel's interface
 * up to this kernel's makes a ruleset that loads and refuses what it should. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "sandbox/landlock.h"

#define SKIPPED       77
#define SCOPES_ABI    6
#define ABSTRACT_NAME "\0berth-test-landlock"

enum {
	CANNOT_RESTRICT = 1,
	DEVICE_MADE,
	FILE_REFUSED,
	RENAME_REFUSED,
	SOCKET_REACHED,
	PARENT_SIGNALED
};

static socklen_t make_address(struct sockaddr_un *address)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(address->sun_path, ABSTRACT_NAME, sizeof(ABSTRACT_NAME));
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + sizeof(ABSTRACT_NAME));
}

static int try_files(int abi)
{
	AUTO_CLOSE int fd = -1;

	if (mknod("node", S_IFCHR | 0600, makedev(1, 3)) == 0)
		return DEVICE_MADE;
	fd = open("file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, "x", 1) != 1 || ftruncate(fd, 0) < 0 || mkdir("sub", 0700) < 0)
		return FILE_REFUSED;
	/* version 1 knows no right to rename across directories and refuses it (5.19) */
	if (rename("file", "sub/file") < 0 && abi > 1)
		return RENAME_REFUSED;
	(void)unlink("sub/file");
	(void)unlink("file");
	(void)rmdir("sub");
	return 0;
}

static int try_out(int abi)
{
	struct sockaddr_un address;
	socklen_t length = make_address(&address);
	AUTO_CLOSE int fd = -1;
	int failed;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || landlock_restrict(abi, NULL) < 0)
		return CANNOT_RESTRICT;
	failed = try_files(abi);
	if (failed || abi < SCOPES_ABI)
		return failed;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(fd, (const struct sockaddr *)&address, length) == 0 || errno != EPERM)
		return SOCKET_REACHED;
	return kill(getppid(), 0) == 0 || errno != EPERM ? PARENT_SIGNALED : 0;
}

static void test_every_version(void **state)
{
	struct sockaddr_un address;
	socklen_t length = make_address(&address);
	char path[] = "/tmp/berth-test-landlock-XXXXXX";
	AUTO_CLOSE int listener = -1;
	int status = -1;

	(void)state;
	assert_non_null(mkdtemp(path));
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (const struct sockaddr *)&address, length), 0);
	assert_int_equal(listen(listener, 1), 0);
	for (int abi = 1; abi <= landlock_abi(); abi++) {
		pid_t child = fork();

		assert_true(child >= 0);
		if (child == 0)
			_exit(chdir(path) < 0 ? 99 : try_out(abi));
		assert_int_equal(waitpid(child, &status, 0), child);
		if (status != 0)
			fail_msg("version %d: status %#x", abi, status);
	}
	assert_int_equal(rmdir(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_version),
	};

	if (landlock_abi() == 0) {
		(void)puts("skipped: this kernel has no Landlock");
		return SKIPPED;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
