/* SPDX-License-Identifier: Apache-2.0 */
/* Reading launcher.conf and opening the places it names. */
#include "runner/launcher/policy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "runner/launcher/launcher_protocol.h"

#define BLANKS       " \t\r"
#define DEFAULT_USER "berth"

void policy_init(struct policy *policy)
{
	*policy = (struct policy){.runs = LAUNCHER_RUNS_MAX, .user = DEFAULT_USER};
}

void policy_finish(struct policy *policy)
{
	for (size_t i = 0; i < policy->mount_count; i++) {
		free(policy->mounts[i].path);
		close_fd(&policy->mounts[i].fd);
	}
	policy->mount_count = 0;
}

int policy_add_mount(struct policy *policy, const char *path, bool writable,
		     struct berth_error *err)
{
	struct policy_mount *mount = &policy->mounts[policy->mount_count];
	size_t length = strlen(path);

	if (path[0] != '/' || length < 2)
		return berth_fail(err, BERTH_INVALID, 0,
				  "\"%.64s\" is not an absolute path below /", path);
	if (policy->mount_count == POLICY_MOUNTS_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "more than %d places to mount from",
				  POLICY_MOUNTS_MAX);
	*mount = (struct policy_mount){.path = strdup(path), .writable = writable, .fd = -1};
	if (!mount->path)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "policy");
	while (length > 1 && mount->path[length - 1] == '/')
		mount->path[--length] = '\0';
	policy->mount_count++;
	return 0;
}

int policy_add_default_mounts(struct policy *policy, struct berth_error *err)
{
	for (size_t i = 0; i < policy_default_mount_count; i++) {
		if (policy_add_mount(policy, policy_default_mounts[i], false, err) < 0)
			return -1;
		policy->mounts[policy->mount_count - 1].may_be_missing = true;
	}
	return 0;
}

static char *trim(char *text)
{
	size_t length;

	text += strspn(text, BLANKS);
	length = strlen(text);
	while (length > 0 && strchr(BLANKS, text[length - 1]))
		text[--length] = '\0';
	return text;
}

static int parse_line(struct policy *policy, char *line, struct berth_error *err)
{
	char *key, *value;

	line[strcspn(line, "#")] = '\0';
	key = trim(line);
	if (!*key)
		return 0;
	value = key + strcspn(key, BLANKS);
	if (*value)
		*value++ = '\0';
	value = trim(value);
	for (size_t i = 0; i < policy_row_count; i++) {
		if (strcmp(policy_rows[i].key, key) != 0)
			continue;
		if (!*value)
			return berth_fail(err, BERTH_INVALID, 0, "%s: write %s %s", key, key,
					  policy_rows[i].value);
		return policy_rows[i].parse(policy, value, err) < 0
			       ? berth_fail_context(err, "%s", key)
			       : 0;
	}
	return berth_fail(err, BERTH_INVALID, 0, "\"%.32s\" is no key of this file", key);
}

int policy_parse(struct policy *policy, const char *text, struct berth_error *err)
{
	char line[POLICY_LINE_MAX];

	for (unsigned number = 1; *text; number++) {
		size_t length = strcspn(text, "\n");

		if (length >= sizeof(line))
			return berth_fail(err, BERTH_LIMIT, 0, "line %u is too long", number);
		memcpy(line, text, length);
		line[length] = '\0';
		if (parse_line(policy, line, err) < 0)
			return berth_fail_context(err, "line %u", number);
		text += length + (text[length] == '\n');
	}
	return 0;
}

/* Whoever may write it decides what root mounts. */
static int check_owner(int fd, struct berth_error *err)
{
	struct stat facts;

	if (fstat(fd, &facts) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "stat");
	if (!S_ISREG(facts.st_mode))
		return berth_fail(err, BERTH_INVALID, 0, "it is not a file");
	if ((facts.st_uid != 0 && facts.st_uid != geteuid()) ||
	    (facts.st_mode & (S_IWGRP | S_IWOTH)))
		return berth_fail(err, BERTH_DENIED, 0,
				  "others may write it (uid %u, mode %o): chown root and chmod "
				  "go-w it",
				  facts.st_uid, facts.st_mode & ~(mode_t)S_IFMT);
	return 0;
}

static int read_text(int fd, char *text, size_t size, struct berth_error *err)
{
	size_t length = 0;
	ssize_t got;

	while ((got = read(fd, text + length, size - length)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return berth_fail(err, BERTH_SYSTEM, errno, "read");
		length += (size_t)got;
		if (length == size)
			return berth_fail(err, BERTH_LIMIT, 0, "more than %d bytes",
					  POLICY_FILE_MAX);
	}
	text[length] = '\0';
	if (strlen(text) != length)
		return berth_fail(err, BERTH_INVALID, 0, "it holds a NUL");
	return 0;
}

int policy_read(struct policy *policy, const char *path, struct berth_error *err)
{
	AUTO_FREE char *text = malloc(POLICY_FILE_MAX + 1);
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (!text)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "read %s", path);
	if (fd < 0)
		return berth_fail(err, errno == ENOENT ? BERTH_NOT_FOUND : BERTH_SYSTEM, errno,
				  "open %s", path);
	if (check_owner(fd, err) < 0 || read_text(fd, text, POLICY_FILE_MAX + 1, err) < 0 ||
	    policy_parse(policy, text, err) < 0)
		return berth_fail_context(err, "%s", path);
	return 0;
}

/* A file is found by its name each time: some are replaced while we run (ld.so.cache). */
int policy_open_mount(struct policy_mount *mount, struct berth_error *err)
{
	char *slash = strrchr(mount->path, '/');
	struct stat facts;

	if (stat(mount->path, &facts) < 0)
		return berth_fail(err, errno == ENOENT ? BERTH_NOT_FOUND : BERTH_SYSTEM, errno,
				  "allow-mount %.128s", mount->path);
	mount->is_file = !S_ISDIR(facts.st_mode);
	if (mount->is_file) {
		*slash = '\0';
		mount->fd = open(slash == mount->path ? "/" : mount->path,
				 O_PATH | O_DIRECTORY | O_CLOEXEC);
		*slash = '/';
	} else {
		mount->fd = open(mount->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	}
	if (mount->fd < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "allow-mount %.128s", mount->path);
	return 0;
}

int policy_open_mounts(struct policy *policy, struct berth_error *err)
{
	if (!policy->mounts_given && policy_add_default_mounts(policy, err) < 0)
		return -1;
	for (size_t i = 0; i < policy->mount_count; i++) {
		struct policy_mount *mount = &policy->mounts[i];
		struct berth_error failure = {0};

		if (mount->fd >= 0 || policy_open_mount(mount, &failure) == 0 ||
		    (mount->may_be_missing && failure.code == BERTH_NOT_FOUND))
			continue;
		if (err)
			*err = failure;
		return -1;
	}
	return 0;
}
