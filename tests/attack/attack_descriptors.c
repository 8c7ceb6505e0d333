/* SPDX-License-Identifier: Apache-2.0 */
/* Attacks by descriptors and by kernel objects that are counted for the whole host. */
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/attack/attack.h"

int attack_descriptors(long argument)
{
	struct rlimit limit;
	long count = 0;

	(void)argument;
	(void)getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	while (count < 10000000 && open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0)
		count++;
	printf("%ld\n", count);
	return errno == EMFILE ? 0 : 4;
}

/* A descriptor in flight is open and belongs to nobody's table. */
int attack_parking(long argument)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct iovec data = {(char[]){"x"}, 1};
	struct msghdr message = {.msg_iov = &data,
				 .msg_iovlen = 1,
				 .msg_control = control.bytes,
				 .msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	long parked = 0;

	(void)argument;
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	for (;;) {
		int ends[2], sent = 0;

		if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) < 0)
			break;
		memcpy(CMSG_DATA(header), &ends[1], sizeof(int));
		while (sendmsg(ends[0], &message, 0) > 0)
			sent++;
		parked += sent;
		if (!sent)
			break;
	}
	printf("%ld\n", parked);
	return parked < 10000000 ? 0 : 4;
}

/* fs.aio-max-nr is one number for the whole host (Documentation/admin-guide/sysctl/fs.rst). */
int attack_asynchronous_io(long argument)
{
	aio_context_t context;
	long taken = 0;

	(void)argument;
	for (context = 0; taken < 1000 && syscall(SYS_io_setup, 1024, &context) == 0; context = 0)
		taken++;
	printf("%ld\n", taken);
	return taken ? 4 : 0;
}
