/* SPDX-License-Identifier: Apache-2.0 */
/* Walks a directory, lists its files in order, and copies them into a sealed memfd. */
#include "runner/deploy/deploy_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/descriptor.h"
#include "base/json.h"
#include "base/text.h"
#include "runner/control/control_table.h"
#include "runner/deploy/deploy_path.h"

#define COPY_BYTES ((size_t)128 * 1024)
#define DEPTH_MAX  64
#define SEALS      (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

struct collector {
	struct deploy_files *files;
	char path[DEPLOY_PATH_MAX + 1];
	size_t length;
	size_t depth;
};

static int fail_path(const struct collector *collector, enum berth_code code, const char *why,
		     struct berth_error *err)
{
	char shown[160];

	(void)text_sanitize(collector->path, collector->length, shown, sizeof(shown));
	return berth_fail(err, code, 0, "%s: %s", shown, why);
}

static int add_entry(struct collector *collector, json_t *entry, struct berth_error *err)
{
	if (json_array_size(collector->files->list) >= CONTROL_FILES_MAX) {
		json_decref(entry);
		return berth_fail(err, BERTH_LIMIT, 0, "more than %d files", CONTROL_FILES_MAX);
	}
	if (json_array_append_new(collector->files->list, entry) < 0)
		return fail_path(collector, BERTH_INVALID, "its name is not UTF-8", err);
	return 0;
}

static int copy_bytes(struct collector *collector, int fd, uint64_t *ret_size,
		      struct berth_error *err)
{
	AUTO_FREE char *buffer = malloc(COPY_BYTES);
	ssize_t got;

	if (!buffer)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "copy files");
	*ret_size = 0;
	while ((got = read(fd, buffer, COPY_BYTES)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fail_path(collector, BERTH_SYSTEM, strerrordesc_np(errno), err);
		*ret_size += (uint64_t)got;
		collector->files->bytes += (uint64_t)got;
		if (collector->files->bytes > CONTROL_BUNDLE_MAX)
			return berth_fail(err, BERTH_LIMIT, 0, "the files have more than %lld MiB",
					  (long long)(CONTROL_BUNDLE_MAX >> 20));
		if (descriptor_write_all(collector->files->descriptor, buffer, (size_t)got, err) <
		    0)
			return -1;
	}
	return 0;
}

static int collect_file(struct collector *collector, int dirfd, const char *name,
			struct berth_error *err)
{
	/* not a link, and not a FIFO that would wait: both were looked at a moment ago */
	AUTO_CLOSE int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat status;
	uint64_t size = 0;

	if (fd < 0 || fstat(fd, &status) < 0)
		return fail_path(collector, BERTH_SYSTEM, strerrordesc_np(errno), err);
	if (!S_ISREG(status.st_mode))
		return fail_path(collector, BERTH_INVALID, "no longer a file", err);
	if (copy_bytes(collector, fd, &size, err) < 0)
		return -1;
	return add_entry(collector,
			 json_pack("{s:s, s:I, s:b}", "path", collector->path, "size",
				   (json_int_t)size, "executable", (status.st_mode & 0111) != 0),
			 err);
}

static int collect_link(struct collector *collector, int dirfd, const char *name,
			struct berth_error *err)
{
	char target[DEPLOY_PATH_MAX + 1];
	ssize_t length = readlinkat(dirfd, name, target, sizeof(target));

	if (length < 0)
		return fail_path(collector, BERTH_SYSTEM, strerrordesc_np(errno), err);
	if ((size_t)length == sizeof(target))
		return fail_path(collector, BERTH_LIMIT, "a link to a path that is too long", err);
	target[length] = '\0';
	if (!deploy_path_link_stays(collector->path, target))
		return fail_path(
			collector, BERTH_INVALID,
			"a link that leaves the directory; copy what it names, or mount it", err);
	return add_entry(collector,
			 json_pack("{s:s, s:s}", "path", collector->path, "link", target), err);
}

static int collect_directory(struct collector *collector, int dirfd, struct berth_error *err);

static int collect_below(struct collector *collector, int dirfd, const char *name,
			 struct berth_error *err)
{
	AUTO_CLOSE int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return fail_path(collector, BERTH_SYSTEM, strerrordesc_np(errno), err);
	if (collector->depth == DEPTH_MAX)
		return fail_path(collector, BERTH_LIMIT, "too deep", err);
	collector->depth++;
	if (collect_directory(collector, fd, err) < 0)
		return -1;
	collector->depth--;
	return 0;
}

/* The collector's path is the entry's. */
static int collect_entry(struct collector *collector, int dirfd, const char *name,
			 struct berth_error *err)
{
	struct stat status;

	if (fstatat(dirfd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return fail_path(collector, BERTH_SYSTEM, strerrordesc_np(errno), err);
	if (S_ISDIR(status.st_mode))
		return strcmp(collector->path, ".git") == 0
			       ? 0
			       : collect_below(collector, dirfd, name, err);
	if (S_ISLNK(status.st_mode))
		return collect_link(collector, dirfd, name, err);
	if (S_ISREG(status.st_mode))
		return collect_file(collector, dirfd, name, err);
	return fail_path(collector, BERTH_INVALID, "neither a file, a directory nor a link", err);
}

static int is_shown(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static int by_bytes(const struct dirent **left, const struct dirent **right)
{
	return strcmp((*left)->d_name, (*right)->d_name);
}

/* Appends "/name" to the path. */
static int path_push(struct collector *collector, const char *name, struct berth_error *err)
{
	size_t room = sizeof(collector->path) - collector->length;
	int length = snprintf(collector->path + collector->length, room, "%s%s",
			      collector->length > 0 ? "/" : "", name);

	if (length < 0 || (size_t)length >= room)
		return berth_fail(err, BERTH_LIMIT, 0, "a path of more than %d bytes",
				  DEPLOY_PATH_MAX);
	collector->length += (size_t)length;
	return 0;
}

static int collect_directory(struct collector *collector, int dirfd, struct berth_error *err)
{
	size_t length = collector->length;
	struct dirent **entries = NULL;
	int count = scandirat(dirfd, ".", &entries, is_shown, by_bytes), status = 0;

	if (count < 0)
		return fail_path(collector, BERTH_SYSTEM, strerrordesc_np(errno), err);
	for (int i = 0; i < count; i++) {
		if (status == 0)
			status = path_push(collector, entries[i]->d_name, err);
		if (status == 0)
			status = collect_entry(collector, dirfd, entries[i]->d_name, err);
		free(entries[i]);
		if (status == 0) {
			collector->length = length;
			collector->path[length] = '\0';
		}
	}
	free(entries);
	return status;
}

int deploy_files_collect(int dirfd, struct deploy_files *ret_files, struct berth_error *err)
{
	struct deploy_files files = {.list = json_array(), .descriptor = -1};
	struct collector collector = {.files = &files};

	files.descriptor = memfd_create("bundle", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (files.descriptor < 0) {
		(void)berth_fail(err, BERTH_SYSTEM, errno, "memfd_create");
	} else if (collect_directory(&collector, dirfd, err) == 0) {
		if (fcntl(files.descriptor, F_ADD_SEALS, SEALS) == 0) {
			*ret_files = files;
			return 0;
		}
		(void)berth_fail(err, BERTH_SYSTEM, errno, "seal the files");
	}
	deploy_files_finish(&files);
	return -1;
}

void deploy_files_finish(struct deploy_files *files)
{
	json_decref(files->list);
	if (files->list)
		close_fd(&files->descriptor);
	*files = (struct deploy_files){.descriptor = -1};
}

bool deploy_files_is_executable(void *list, const char *path)
{
	const json_t *entry;
	size_t i;

	json_array_foreach ((const json_t *)list, i, entry) {
		const char *name = json_string_value(json_object_get(entry, "path"));

		if (name && strcmp(name, path) == 0)
			return json_is_true(json_object_get(entry, "executable"));
	}
	return false;
}
