/* SPDX-License-Identifier: Apache-2.0 */
/* Attacks on the task channel: what is sent there is read by a process of the host. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/attack/attack.h"

#define CONNECTIONS 1000
#define ENOUGH      (1UL << 30)

static const char hello[] = "{\"op\":\"hello\",\"id\":1,\"protocol\":1,\"sdk\":\"attack/1\"}\n";

static int connect_channel(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/run/berth/task.sock"};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)signal(SIGPIPE, SIG_IGN);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

static int connect_and_greet(void)
{
	char answer[4096];
	int fd = connect_channel();

	if (fd >= 0 &&
	    (write(fd, hello, sizeof(hello) - 1) < 0 || read(fd, answer, sizeof(answer)) <= 0)) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

/* Sends until the other side has had enough; 4 when it never has. */
static int pour(int fd, const char *text, size_t length)
{
	for (unsigned long sent = 0; sent < ENOUGH; sent += length)
		if (write(fd, text, length) < 0)
			return 0;
	return 4;
}

int attack_channel_garbage(long argument)
{
	static char block[65536];

	(void)argument;
	for (int i = 0; i < 200; i++) {
		int fd = connect_channel();

		if (fd < 0)
			break;
		if (getrandom(block, sizeof(block), 0) < 0)
			return 3;
		(void)!write(fd, block, sizeof(block)); /* it may be cut off at any byte */
		(void)close(fd);
	}
	return 0;
}

int attack_channel_long_line(long argument)
{
	static char block[65536];
	int fd = connect_and_greet();

	(void)argument;
	memset(block, 'x', sizeof(block));
	return fd < 0 ? 3 : pour(fd, block, sizeof(block));
}

int attack_channel_flood(long argument)
{
	static const char line[] = "{\"op\":\"log\",\"level\":\"info\",\"message\":\"flood\"}\n";
	static char block[65536];
	size_t length = 0;
	int fd = connect_and_greet();

	(void)argument;
	while (length + sizeof(line) < sizeof(block)) {
		memcpy(block + length, line, sizeof(line) - 1);
		length += sizeof(line) - 1;
	}
	return fd < 0 ? 3 : pour(fd, block, length);
}

int attack_channel_many(long argument)
{
	int open_count = 0, fd;

	(void)argument;
	for (int i = 0; i < CONNECTIONS; i++)
		if ((fd = connect_channel()) >= 0) {
			(void)!write(fd, hello, sizeof(hello) - 1); /* refused ones are closed */
			open_count++;
		}
	printf("%d\n", open_count);
	(void)sleep(1);
	return 0;
}

int attack_channel_half_open(long argument)
{
	(void)argument;
	for (int i = 0; i < 60; i++) {
		int fd = connect_channel();

		if (fd < 0)
			return 3;
		if (write(fd, hello, 10) < 0 || shutdown(fd, i % 2 ? SHUT_RD : SHUT_WR) < 0)
			return 3;
	}
	(void)sleep(2);
	return 0;
}

/* Each request is answered; the answers pile up on the host's side unless it stops reading. */
int attack_channel_silent(long argument)
{
	static const char line[] = "{\"op\":\"usage\",\"id\":7}\n";
	static char block[65536];
	size_t length = 0;
	int fd = connect_and_greet();

	(void)argument;
	while (length + sizeof(line) < sizeof(block)) {
		memcpy(block + length, line, sizeof(line) - 1);
		length += sizeof(line) - 1;
	}
	if (fd < 0)
		return 3;
	/* A reader that stops is a fair answer: do not wait for it. */
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	for (int quiet = 0; quiet < 200;) {
		if (write(fd, block, length) > 0) {
			quiet = 0;
			continue;
		}
		if (errno != EAGAIN)
			return 0;
		quiet++;
		(void)usleep(10000);
	}
	return 0;
}

int attack_channel_rights(long argument)
{
	int fds[250];
	union {
		char bytes[CMSG_SPACE(sizeof(fds))];
		struct cmsghdr align;
	} control = {0};
	struct iovec data = {(char[]){"\n"}, 1};
	struct msghdr message = {.msg_iov = &data,
				 .msg_iovlen = 1,
				 .msg_control = control.bytes,
				 .msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	int fd = connect_and_greet();

	(void)argument;
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		fds[i] = STDIN_FILENO;
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(header), fds, sizeof(fds));
	if (fd < 0)
		return 3;
	for (int i = 0; i < 1000; i++)
		if (sendmsg(fd, &message, MSG_DONTWAIT) < 0)
			return 0;
	return 0;
}
