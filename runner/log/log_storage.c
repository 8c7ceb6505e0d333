/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of a log to be read; a log may be sealed while it is being read. */
#include "runner/log/log_storage.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "runner/log/log_sealed.h"

void log_storage_init(struct log_storage *storage, int directory, int64_t run, int64_t attempt)
{
	*storage = (struct log_storage){.directory = directory, .run = run, .attempt = attempt};
	for (int file = 0; file < LOG_SECTIONS; file++)
		storage->files[file] = -1;
}

void log_storage_finish(struct log_storage *storage)
{
	for (int file = 0; file < LOG_SECTIONS; file++)
		close_fd(&storage->files[file]);
	log_sealed_close(storage->sealed);
	storage->sealed = NULL;
}

static int open_file(const struct log_storage *storage, enum log_file file, int *ret_fd,
		     struct berth_error *err)
{
	char name[LOG_NAME_SIZE];
	int fd;

	if (storage->directory < 0)
		return LOG_STORAGE_NONE;
	(void)log_name_format(storage->run, storage->attempt, file, name);
	fd = openat(storage->directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT)
		return LOG_STORAGE_NONE;
	if (fd < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "open the log %s", name);
	*ret_fd = fd;
	return 0;
}

static int open_sealed(struct log_storage *storage, struct berth_error *err)
{
	int fd = -1, result = open_file(storage, LOG_FILE_SEALED, &fd, err);

	if (result)
		return result;
	return log_sealed_open(fd, &storage->sealed, err);
}

int log_storage_open(struct log_storage *storage, struct berth_error *err)
{
	int result;

	if (storage->sealed || storage->files[LOG_FILE_INDEX] >= 0)
		return 0;
	/* in this order: the index goes when the sealed file is there */
	result = open_file(storage, LOG_FILE_INDEX, &storage->files[LOG_FILE_INDEX], err);
	if (result == LOG_STORAGE_NONE)
		result = open_sealed(storage, err);
	return result;
}

/* 0: the section can be read, here or sealed; NONE: it has no bytes. */
static int reach(struct log_storage *storage, enum log_file section, struct berth_error *err)
{
	int result;

	if (storage->sealed || storage->files[section] >= 0)
		return 0;
	result = open_file(storage, section, &storage->files[section], err);
	/* the other files go before the index */
	return result == LOG_STORAGE_NONE ? open_sealed(storage, err) : result;
}

int log_storage_size(struct log_storage *storage, enum log_file section, uint64_t *ret_size,
		     struct berth_error *err)
{
	int result = reach(storage, section, err);
	struct stat facts = {0};

	if (result < 0)
		return -1;
	if (result == 0 && storage->sealed) {
		*ret_size = log_sealed_size(storage->sealed, section);
		return 0;
	}
	if (result == 0 && fstat(storage->files[section], &facts) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "stat the log");
	*ret_size = (uint64_t)facts.st_size;
	if (section == LOG_FILE_INDEX && storage->index_bytes && *ret_size > storage->index_bytes)
		*ret_size = storage->index_bytes;
	return 0;
}

static int duplicate(int fd, int *ret_fd, struct berth_error *err)
{
	if (fd < 0)
		return 0;
	*ret_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return *ret_fd < 0 ? berth_fail(err, BERTH_SYSTEM, errno, "duplicate a log") : 0;
}

/* The index first: what it speaks of now has its file, unless it was sealed meanwhile. */
static int reach_all(struct log_storage *storage, uint64_t *ret_index_bytes,
		     struct berth_error *err)
{
	int result = log_storage_open(storage, err);

	if (result == 0)
		result = log_storage_size(storage, LOG_FILE_INDEX, ret_index_bytes, err);
	for (int file = 0; file < LOG_SECTIONS && result == 0 && !storage->sealed; file++)
		result = reach(storage, (enum log_file)file, err) < 0 ? -1 : 0;
	return result;
}

int log_storage_pass(struct log_storage *storage, struct log_snapshot *ret_snapshot,
		     struct berth_error *err)
{
	struct log_snapshot snapshot = {
		.files = {-1, -1, -1, -1},
                  .sealed = -1
        };
	int result = reach_all(storage, &snapshot.index_bytes, err);

	if (result == 0 && storage->sealed)
		result = duplicate(log_sealed_descriptor(storage->sealed), &snapshot.sealed, err);
	for (int file = 0; file < LOG_SECTIONS && result == 0 && !storage->sealed; file++)
		result = duplicate(storage->files[file], &snapshot.files[file], err);
	if (result == 0) {
		*ret_snapshot = snapshot;
		return 0;
	}
	for (int file = 0; file < LOG_SECTIONS; file++)
		close_fd(&snapshot.files[file]);
	return result;
}

int log_storage_adopt(struct log_storage *storage, struct log_snapshot *snapshot,
		      struct berth_error *err)
{
	storage->directory = -1;
	storage->index_bytes = snapshot->sealed < 0 ? snapshot->index_bytes : 0;
	for (int file = 0; file < LOG_SECTIONS; file++)
		storage->files[file] = steal_fd(&snapshot->files[file]);
	if (snapshot->sealed < 0)
		return 0;
	return log_sealed_open(steal_fd(&snapshot->sealed), &storage->sealed, err);
}

static int read_file(int fd, uint64_t offset, char *buffer, size_t size, size_t *ret_length,
		     struct berth_error *err)
{
	size_t done = 0;

	while (done < size) {
		ssize_t got = pread(fd, buffer + done, size - done, (off_t)(offset + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return berth_fail(err, BERTH_SYSTEM, errno, "read the log");
		if (got == 0)
			break;
		done += (size_t)got;
	}
	*ret_length = done;
	return 0;
}

int log_storage_read(struct log_storage *storage, enum log_file section, uint64_t offset,
		     void *buffer, size_t size, size_t *ret_length, struct berth_error *err)
{
	int result = reach(storage, section, err);

	if (result < 0)
		return -1;
	if (result == LOG_STORAGE_NONE) {
		*ret_length = 0;
		return 0;
	}
	if (section == LOG_FILE_INDEX && storage->index_bytes) {
		uint64_t end = storage->index_bytes > offset ? storage->index_bytes - offset : 0;

		size = end < size ? (size_t)end : size;
	}
	if (storage->sealed)
		return log_sealed_read(storage->sealed, section, offset, buffer, size, ret_length,
				       err);
	return read_file(storage->files[section], offset, buffer, size, ret_length, err);
}
