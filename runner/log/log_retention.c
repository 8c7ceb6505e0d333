/* SPDX-License-Identifier: Apache-2.0 */
/* Removes logs: of a run that is forgotten, and those that nobody knows. */
#include "runner/log/log_retention.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "runner/log/log_name.h"

/* The answer for the run before, for entries of a run mostly follow each other. */
struct sweep {
	int directory;
	log_keep keep;
	void *owner;
	uint64_t before_ns;
	int64_t run; /* -1: none yet */
	bool is_kept;
	uint64_t removed;
};

/* A directory that is still used is not empty, and one that is needed again is made again. */
static void remove_directory(int directory, const char *name)
{
	(void)unlinkat(directory, name, AT_REMOVEDIR);
}

int log_delete(int directory, int64_t run, int64_t last_attempt, struct berth_error *err)
{
	char name[LOG_NAME_SIZE];

	for (int64_t attempt = 1; attempt <= last_attempt; attempt++)
		if (log_name_remove(directory, run, attempt, true, NULL, err) < 0)
			return -1;
	remove_directory(directory, log_name_directory(run, name));
	return 0;
}

static bool is_older(const struct sweep *sweep, const char *path)
{
	struct stat facts;

	return fstatat(sweep->directory, path, &facts, AT_SYMLINK_NOFOLLOW) == 0 &&
	       (uint64_t)facts.st_mtim.tv_sec * CLOCK_NS_PER_S + (uint64_t)facts.st_mtim.tv_nsec <
		       sweep->before_ns;
}

static int sweep_entry(struct sweep *sweep, const char *name, struct berth_error *err)
{
	int64_t run, attempt;
	enum log_file file;
	uint64_t removed = 0;
	int result = 0;

	if (!log_name_parse(name, &run, &attempt, &file))
		return 0;
	if (run != sweep->run) {
		sweep->run = run;
		sweep->is_kept = sweep->keep(sweep->owner, run);
	}
	if (!sweep->is_kept)
		result = log_name_remove(sweep->directory, run, attempt, true, &removed, err);
	else if (file == LOG_FILE_SEALED) /* raw files beside it are what a seal did not finish */
		result = log_name_remove(sweep->directory, run, attempt, false, &removed, err);
	else if (file == LOG_FILE_UNFINISHED) {
		char path[LOG_NAME_SIZE];

		(void)log_name_format(run, attempt, file, path);
		removed = is_older(sweep, path) && unlinkat(sweep->directory, path, 0) == 0;
	}
	sweep->removed += removed;
	return result;
}

static int sweep_directory(struct sweep *sweep, const char *name, struct berth_error *err)
{
	int fd = openat(sweep->directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	AUTO_DIRECTORY DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!stream) {
		int errnum = errno;

		if (fd >= 0)
			(void)close(fd);
		return errnum == ENOENT ? 0
					: berth_fail(err, BERTH_SYSTEM, errnum, "read %s", name);
	}
	while (errno = 0, (entry = readdir(stream)))
		if (sweep_entry(sweep, entry->d_name, err) < 0)
			return -1;
	if (errno)
		return berth_fail(err, BERTH_SYSTEM, errno, "read %s", name);
	remove_directory(sweep->directory, name);
	return 0;
}

int log_sweep(int directory, log_keep keep, void *owner, uint64_t before_ns, uint64_t *ret_removed,
	      struct berth_error *err)
{
	struct sweep sweep = {.directory = directory,
			      .keep = keep,
			      .owner = owner,
			      .before_ns = before_ns,
			      .run = -1};
	int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_DIRECTORY DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!stream) {
		(void)berth_fail(err, BERTH_SYSTEM, errno, "read the directory of the logs");
		if (fd >= 0)
			(void)close(fd);
		return -1;
	}
	while (errno = 0, (entry = readdir(stream)))
		if (log_name_is_directory(entry->d_name) &&
		    sweep_directory(&sweep, entry->d_name, err) < 0)
			return -1;
	if (errno)
		return berth_fail(err, BERTH_SYSTEM, errno, "read the directory of the logs");
	*ret_removed = sweep.removed;
	return 0;
}
