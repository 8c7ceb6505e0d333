/* SPDX-License-Identifier: Apache-2.0 */
/* Whole reads and writes on descriptors, durable replacement of files, and passing of fds. */
#include "base/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/cleanup.h"

#define FIRST_READ_BYTES 4096

int descriptor_write_all(int fd, const void *data, size_t length, struct berth_error *err)
{
	const char *position = data;
	ssize_t written;

	while (length > 0) {
		written = write(fd, position, length);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return berth_fail(err, BERTH_SYSTEM, errno, "write %zu bytes", length);
		position += written;
		length -= (size_t)written;
	}
	return 0;
}

static int read_up_to(int fd, const char *path, size_t max, char **ret_data, size_t *ret_length,
		      struct berth_error *err)
{
	AUTO_FREE char *data = NULL;
	size_t capacity = FIRST_READ_BYTES, length = 0;
	ssize_t got;
	char *grown;

	if (capacity > max + 1)
		capacity = max + 1;
	for (;;) {
		/* one byte beyond max tells "too large", one more holds the NUL */
		grown = realloc(data, capacity + 1);
		if (!grown)
			return berth_fail(err, BERTH_MEMORY, ENOMEM, "read %s", path);
		data = grown;
		got = read(fd, data + length, capacity - length);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return berth_fail(err, BERTH_SYSTEM, errno, "read %s", path);
		if (got == 0)
			break;
		length += (size_t)got;
		if (length > max)
			return berth_fail(err, BERTH_LIMIT, 0, "%s is larger than %zu bytes", path,
					  max);
		if (length == capacity)
			capacity = capacity * 2 > max + 1 ? max + 1 : capacity * 2;
	}
	data[length] = '\0';
	*ret_data = steal_ptr(&data);
	*ret_length = length;
	return 0;
}

int descriptor_read_file(int dirfd, const char *path, size_t max, char **ret_data,
			 size_t *ret_length, struct berth_error *err)
{
	AUTO_CLOSE int fd = -1;

	fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return berth_fail(err, errno == ENOENT ? BERTH_NOT_FOUND : BERTH_SYSTEM, errno,
				  "open %s", path);
	return read_up_to(fd, path, max, ret_data, ret_length, err);
}

int descriptor_write_control(int dirfd, const char *path, const char *text, struct berth_error *err)
{
	AUTO_CLOSE int fd = -1;
	size_t length = strlen(text);
	ssize_t written;

	fd = openat(dirfd, path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "open %s", path);
	/* control files take a value in one write or not at all */
	written = write(fd, text, length);
	if (written < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "write \"%.64s\" to %s", text, path);
	if ((size_t)written != length)
		return berth_fail(err, BERTH_SYSTEM, EIO, "short write to %s", path);
	return 0;
}

int descriptor_read_control(int dirfd, const char *path, char *buffer, size_t size,
			    struct berth_error *err)
{
	AUTO_CLOSE int fd = -1;
	size_t length = 0;
	ssize_t got;

	fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "open %s", path);
	while (length < size - 1) {
		got = read(fd, buffer + length, size - 1 - length);
		if (got < 0)
			return berth_fail(err, BERTH_SYSTEM, errno, "read %s", path);
		if (got == 0)
			break;
		length += (size_t)got;
	}
	if (length > 0 && buffer[length - 1] == '\n')
		length--;
	buffer[length] = '\0';
	return 0;
}

static int write_and_sync(int dirfd, const char *name, const void *data, size_t length,
			  struct berth_error *err)
{
	AUTO_CLOSE int fd = -1;

	fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "create %s", name);
	if (descriptor_write_all(fd, data, length, err) < 0)
		return berth_fail_context(err, "%s", name);
	if (fsync(fd) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "fsync %s", name);
	return 0;
}

int descriptor_replace_durable(int dirfd, const char *name, const void *data, size_t length,
			       struct berth_error *err)
{
	char temporary[NAME_MAX + 1];
	int used;

	used = snprintf(temporary, sizeof(temporary), ".%s.new", name);
	if (used < 0 || (size_t)used >= sizeof(temporary))
		return berth_fail(err, BERTH_LIMIT, 0, "file name %.64s… is too long", name);
	if (write_and_sync(dirfd, temporary, data, length, err) < 0)
		goto remove_temporary;
	if (renameat(dirfd, temporary, dirfd, name) < 0) {
		(void)berth_fail(err, BERTH_SYSTEM, errno, "rename %s to %s", temporary, name);
		goto remove_temporary;
	}
	if (fsync(dirfd) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "fsync the directory of %s", name);
	return 0;

remove_temporary:
	(void)unlinkat(dirfd, temporary, 0); /* best effort: the next replacement truncates it */
	return -1;
}

int descriptor_send(int socket, const void *data, size_t length, const int *fds, size_t count,
		    struct berth_error *err)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int) * DESCRIPTOR_PASS_MAX)];
	} control = {0};
	struct iovec vector = {.iov_base = (void *)(uintptr_t)data, .iov_len = length};
	struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
	struct cmsghdr *cmsg;
	ssize_t sent;

	if (count > DESCRIPTOR_PASS_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "cannot pass %zu fds at once", count);
	if (count > 0) {
		message.msg_control = control.space;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
		cmsg = CMSG_FIRSTHDR(&message);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int) * count);
		memcpy(CMSG_DATA(cmsg), fds, sizeof(int) * count);
	}
	do {
		sent = sendmsg(socket, &message, MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "sendmsg");
	if ((size_t)sent != length)
		return berth_fail(err, BERTH_SYSTEM, EMSGSIZE, "short sendmsg");
	return 0;
}

static void close_all(const int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		(void)close(fds[i]);
}

/* Moves the fds of one control message to fds[capacity]; closes them all when they do not fit. */
static int take_fds(const struct cmsghdr *cmsg, int *fds, size_t capacity, size_t *ret_count)
{
	int received[DESCRIPTOR_PASS_MAX];
	size_t count = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);

	if (count > DESCRIPTOR_PASS_MAX)
		count = DESCRIPTOR_PASS_MAX; /* the control buffer holds no more */
	memcpy(received, CMSG_DATA(cmsg), count * sizeof(int));
	if (count > capacity) {
		close_all(received, count);
		return -1;
	}
	memcpy(fds, received, count * sizeof(int));
	*ret_count = count;
	return 0;
}

int descriptor_receive(int socket, void *buffer, size_t size, size_t *ret_length, int *fds,
		       size_t capacity, size_t *ret_count, struct berth_error *err)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int) * DESCRIPTOR_PASS_MAX)];
	} control;
	struct iovec vector = {.iov_base = buffer, .iov_len = size};
	struct msghdr message = {.msg_iov = &vector,
				 .msg_iovlen = 1,
				 .msg_control = control.space,
				 .msg_controllen = sizeof(control.space)};
	size_t count = 0;
	ssize_t got;

	do {
		got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "recvmsg");
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		if (take_fds(c, fds, capacity, &count) < 0)
			return berth_fail(err, BERTH_PROTOCOL, 0, "more fds than expected");
	}
	if (message.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) {
		close_all(fds, count);
		return berth_fail(err, BERTH_PROTOCOL, 0, "message or its fds were truncated");
	}
	*ret_length = (size_t)got;
	*ret_count = count;
	return 0;
}

int descriptor_pipe(int ret_fds[2], struct berth_error *err)
{
	if (pipe2(ret_fds, O_CLOEXEC) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "pipe2");
	return 0;
}
