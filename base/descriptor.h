/* SPDX-License-Identifier: Apache-2.0 */
/* Whole reads and writes on descriptors, durable replacement of files, and passing of fds. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

#define DESCRIPTOR_PASS_MAX 16 /* fds in one message; more is a protocol error */

/* Writes all of data to a blocking fd. */
int descriptor_write_all(int fd, const void *data, size_t length, struct berth_error *err);

/* Reads a file of at most max bytes, relative to dirfd (openat(2)). *ret_data is NUL-terminated
 * past *ret_length and belongs to the caller. BERTH_NOT_FOUND, BERTH_LIMIT or BERTH_SYSTEM. */
int descriptor_read_file(int dirfd, const char *path, size_t max, char **ret_data,
			 size_t *ret_length, struct berth_error *err);

/* One write(2) of text to an existing control file (cgroup, uid_map …); no allocation. */
int descriptor_write_control(int dirfd, const char *path, const char *text,
			     struct berth_error *err);

/* Reads a small control file into a caller's buffer, NUL-terminated, trailing newline removed;
 * returns 0 or fails. No allocation. */
int descriptor_read_control(int dirfd, const char *path, char *buffer, size_t size,
			    struct berth_error *err);

/* Replaces dirfd/name by data so that after a crash either the old or the new content is there:
 * temporary file, fsync(2), rename(2), fsync of the directory. Mode 0600. */
int descriptor_replace_durable(int dirfd, const char *name, const void *data, size_t length,
			       struct berth_error *err);

/* Sends length > 0 bytes with count fds over a Unix socket (SCM_RIGHTS, unix(7)). */
int descriptor_send(int socket, const void *data, size_t length, const int *fds, size_t count,
		    struct berth_error *err);

/* Receives one message of at most size bytes. Unexpected or too many fds are closed and fail with
 * BERTH_PROTOCOL. *ret_length is 0 at end of stream. Received fds are close-on-exec and the
 * caller's; *ret_count tells how many of fds[capacity] were set. */
int descriptor_receive(int socket, void *buffer, size_t size, size_t *ret_length, int *fds,
		       size_t capacity, size_t *ret_count, struct berth_error *err);

/* A pipe, both ends close-on-exec. */
int descriptor_pipe(int ret_fds[2], struct berth_error *err);
