/* SPDX-License-Identifier: Apache-2.0 */
/* Walks two directory trees in step, by descriptors only, so that no path can be swapped. */
#include "runner/run/collector.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"

#define COPY_SIZE    (256U << 10)
#define PARTIAL_NAME ".berth-collect.partial"
#define PLAIN_MODE   0644
#define PROGRAM_MODE 0755

/* One directory that is being copied. */
struct level {
	DIR *source; /* owns the source descriptor */
	int target;
	size_t path_length;
};

struct collector {
	const struct collector_limits *limits;
	struct collector_report *report;
	char *buffer;
	char path[COLLECTOR_PATH_SIZE]; /* of the entry at hand, maybe cut: for reports only */
	uint64_t entries;
	struct level levels[COLLECTOR_DEPTH_MAX];
	size_t depth; /* levels in use */
};

/* openat2(2), 5.6: nothing below dirfd is followed, left or crossed. */
static int open_beneath(int dirfd, const char *name, int flags, mode_t mode)
{
	struct open_how how = {
		.flags = (uint64_t)flags | O_CLOEXEC | O_NOFOLLOW,
		.mode = mode,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS |
			   RESOLVE_NO_XDEV,
	};

	return (int)syscall(SYS_openat2, dirfd, name, &how, sizeof(how));
}

static void refuse(struct collector *collector, const char *why)
{
	struct collector_report *report = collector->report;

	if (report->refused_count < COLLECTOR_REFUSED_MAX) {
		struct collector_refused *refused = &report->refused[report->refused_count];

		(void)text_sanitize(collector->path, strlen(collector->path), refused->path,
				    sizeof(refused->path));
		refused->why = why;
	}
	report->refused_count++;
}

static int fail_target(struct collector *collector, const char *verb, struct berth_error *err)
{
	char safe[COLLECTOR_PATH_SIZE];
	int saved = errno;

	(void)text_sanitize(collector->path, strlen(collector->path), safe, sizeof(safe));
	return berth_fail(err, BERTH_SYSTEM, saved, "%s %s in the output directory", verb, safe);
}

/* Writes whole; a short count on a regular file means that there is no more room. */
static int write_at(int fd, const char *data, size_t length, off_t offset)
{
	while (length > 0) {
		ssize_t count = pwrite(fd, data, length, offset);

		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			return -1;
		data += count;
		length -= (size_t)count;
		offset += count;
	}
	return 0;
}

enum copy_result { COPY_DONE, COPY_SOURCE_FAILED, COPY_TARGET_FAILED };

static enum copy_result copy_extent(struct collector *collector, int source, int target,
				    off_t offset, off_t end)
{
	while (offset < end) {
		size_t want = end - offset < (off_t)COPY_SIZE ? (size_t)(end - offset) : COPY_SIZE;
		ssize_t count = pread(source, collector->buffer, want, offset);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return COPY_SOURCE_FAILED;
		if (count == 0)
			return COPY_DONE; /* shorter than it was: the rest stays a hole */
		if (write_at(target, collector->buffer, (size_t)count, offset) < 0)
			return COPY_TARGET_FAILED;
		offset += count;
	}
	return COPY_DONE;
}

/* Copies data and leaves holes where the source has them. */
static enum copy_result copy_content(struct collector *collector, int source, int target,
				     off_t size)
{
	off_t data = 0, hole;

	if (ftruncate(target, size) < 0)
		return COPY_TARGET_FAILED;
	while (data < size) {
		enum copy_result result;

		data = lseek(source, data, SEEK_DATA);
		if (data < 0)
			return errno == ENXIO ? COPY_DONE : COPY_SOURCE_FAILED;
		hole = lseek(source, data, SEEK_HOLE);
		if (hole < 0)
			return COPY_SOURCE_FAILED;
		result = copy_extent(collector, source, target, data, hole < size ? hole : size);
		if (result != COPY_DONE)
			return result;
		data = hole;
	}
	return COPY_DONE;
}

static int publish(struct collector *collector, int source, const struct stat *status,
		   const char *name, struct berth_error *err)
{
	mode_t mode = status->st_mode & 0111 ? PROGRAM_MODE : PLAIN_MODE;
	int directory = collector->levels[collector->depth - 1].target;
	AUTO_CLOSE int target = -1;
	enum copy_result result;

	(void)unlinkat(directory, PARTIAL_NAME, 0); /* left by a collection that was killed */
	target = open_beneath(directory, PARTIAL_NAME, O_WRONLY | O_CREAT | O_EXCL, mode);
	if (target < 0)
		return fail_target(collector, "create", err);
	result = copy_content(collector, source, target, status->st_size);
	if (result == COPY_DONE && renameat(directory, PARTIAL_NAME, directory, name) == 0) {
		collector->report->files++;
		collector->report->bytes += (uint64_t)status->st_size;
		return 0;
	}
	if (result == COPY_SOURCE_FAILED)
		refuse(collector, "cannot be read");
	else
		(void)fail_target(collector, "write", err);
	(void)unlinkat(directory, PARTIAL_NAME, 0);
	return result == COPY_SOURCE_FAILED ? 0 : -1;
}

static int collect_file(struct collector *collector, int directory, const char *name,
			struct berth_error *err)
{
	AUTO_CLOSE int source = -1;
	struct stat status;

	/* O_NONBLOCK: should it have become a FIFO since it was looked at, do not wait for it */
	source = open_beneath(directory, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (source < 0) {
		refuse(collector, "cannot be opened");
		return 0;
	}
	if (fstat(source, &status) < 0 || !S_ISREG(status.st_mode)) {
		refuse(collector, "is not a regular file");
		return 0;
	}
	if ((uint64_t)status.st_size > collector->limits->bytes - collector->report->bytes) {
		refuse(collector, "would pass the size limit of the output");
		return 0;
	}
	return publish(collector, source, &status, name, err);
}

/* Takes both descriptors over. */
static int push_level(struct collector *collector, int source, int target, struct berth_error *err)
{
	struct level *level = &collector->levels[collector->depth];

	level->source = fdopendir(source);
	if (!level->source) {
		int saved = errno;

		(void)close(source); /* read-only: nothing to lose */
		(void)close(target);
		return berth_fail(err, BERTH_SYSTEM, saved, "read a directory of the output");
	}
	level->target = target;
	level->path_length = strlen(collector->path);
	collector->depth++;
	return 0;
}

static void pop_level(struct collector *collector)
{
	struct level *level = &collector->levels[--collector->depth];

	(void)closedir(level->source);
	(void)close(level->target); /* a directory: nothing is written through it */
}

static bool is_empty_directory(int directory, const char *name)
{
	AUTO_CLOSE int fd = open_beneath(directory, name, O_RDONLY | O_DIRECTORY, 0);

	return fd >= 0 && !collector_has_entries(fd);
}

static int descend(struct collector *collector, int directory, const char *name,
		   struct berth_error *err)
{
	int parent = collector->levels[collector->depth - 1].target;
	AUTO_CLOSE int source = -1;
	int target;

	/* ext4 makes it for itself */
	if (collector->depth == 1 && strcmp(name, "lost+found") == 0 &&
	    is_empty_directory(directory, name))
		return 0;
	if (collector->depth == COLLECTOR_DEPTH_MAX) {
		refuse(collector, "is too deep");
		return 0;
	}
	source = open_beneath(directory, name, O_RDONLY | O_DIRECTORY, 0);
	if (source < 0) {
		refuse(collector, "cannot be opened");
		return 0;
	}
	if (mkdirat(parent, name, PROGRAM_MODE) < 0 && errno != EEXIST)
		return fail_target(collector, "make", err);
	/* also says no to a symbolic link that lies there already */
	target = open_beneath(parent, name, O_RDONLY | O_DIRECTORY, 0);
	if (target < 0)
		return fail_target(collector, "open", err);
	collector->report->directories++;
	return push_level(collector, steal_fd(&source), target, err);
}

static int collect_entry(struct collector *collector, const char *name, struct berth_error *err)
{
	const struct level *level = &collector->levels[collector->depth - 1];
	int directory = dirfd(level->source);
	struct stat status;

	(void)snprintf(collector->path + level->path_length,
		       sizeof(collector->path) - level->path_length, "%s%s",
		       level->path_length ? "/" : "", name);
	if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
		refuse(collector, "is gone");
		return 0;
	}
	if (S_ISDIR(status.st_mode))
		return descend(collector, directory, name, err);
	if (S_ISREG(status.st_mode))
		return collect_file(collector, directory, name, err);
	refuse(collector, S_ISLNK(status.st_mode) ? "is a symbolic link"
						  : "is neither a file nor a directory");
	return 0;
}

static int walk(struct collector *collector, struct berth_error *err)
{
	while (collector->depth > 0) {
		struct level *level = &collector->levels[collector->depth - 1];
		const struct dirent *entry = readdir(level->source);

		collector->path[level->path_length] = '\0';
		if (!entry) {
			pop_level(collector);
			continue;
		}
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (collector->entries++ == collector->limits->entries) {
			refuse(collector, "has more entries than the output may have");
			return 0;
		}
		if (collect_entry(collector, entry->d_name, err) < 0)
			return -1;
	}
	return 0;
}

static int open_target(const char *path, struct berth_error *err)
{
	int fd;

	/* the caller's own path: links in it are the caller's wish */
	if (mkdir(path, PROGRAM_MODE) < 0 && errno != EEXIST)
		return berth_fail(err, BERTH_SYSTEM, errno, "make the output directory %s", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "open the output directory %s", path);
	return fd;
}

int collector_copy(int source, const char *target, const struct collector_limits *limits,
		   struct collector_report *ret_report, struct berth_error *err)
{
	AUTO_FREE struct collector *collector = calloc(1, sizeof(*collector));
	AUTO_FREE char *buffer = malloc(COPY_SIZE);
	AUTO_CLOSE int own_source = -1, own_target = -1;
	int result;

	*ret_report = (struct collector_report){0};
	if (!collector || !buffer)
		return berth_fail(err, BERTH_MEMORY, 0, "out of memory");
	collector->limits = limits;
	collector->report = ret_report;
	collector->buffer = buffer;
	own_source = openat(source, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (own_source < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "open the task's output");
	own_target = open_target(target, err);
	if (own_target < 0)
		return -1;
	result = push_level(collector, steal_fd(&own_source), steal_fd(&own_target), err);
	if (result == 0)
		result = walk(collector, err);
	while (collector->depth > 0)
		pop_level(collector);
	return result;
}

bool collector_has_entries(int source)
{
	AUTO_DIRECTORY DIR *stream = NULL;
	const struct dirent *entry;
	int fd = openat(source, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return false;
	stream = fdopendir(fd);
	if (!stream) {
		(void)close(fd); /* read-only */
		return false;
	}
	while ((entry = readdir(stream)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
		    strcmp(entry->d_name, "lost+found") != 0)
			return true;
	return false;
}
