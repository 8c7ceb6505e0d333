/* SPDX-License-Identifier: Apache-2.0 */
/* Attempts to use what was left open or set: descriptors, environment, working directory, stdin. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tests/escape/probe.h"

extern char **environ;

/* What berth passes by itself; --env adds names that begin with BERTH_PROBE_. */
static const char *const allowed_variables[] = {
	"PATH",  "HOME",         "TMPDIR",        "LANG",       "USER",
	"BERTH", "BERTH_RUN_ID", "BERTH_ATTEMPT", "BERTH_CPUS", "BERTH_MEMORY_BYTES",
};

static int inspect_descriptors(const struct probe_row *row)
{
	AUTO_DIRECTORY DIR *directory = opendir("/proc/self/fd");
	struct dirent *entry;
	char target[256];

	(void)row;
	if (!directory)
		return errno;
	while ((entry = readdir(directory))) {
		int fd = (int)strtol(entry->d_name, NULL, 10);
		ssize_t length;

		if (!isdigit((unsigned char)entry->d_name[0]) || fd <= STDERR_FILENO ||
		    fd == dirfd(directory))
			continue;
		/* The report pipe of this child was made here: all else is inherited. */
		length = readlinkat(dirfd(directory), entry->d_name, target, sizeof(target) - 1);
		target[length < 0 ? 0 : length] = '\0';
		if (fcntl(fd, F_GETFD) & FD_CLOEXEC)
			continue;
		probe_note("%d: %s", fd, target);
		return PROBE_LEAK;
	}
	return PROBE_HELD;
}

static int inspect_environment(const struct probe_row *row)
{
	(void)row;
	for (char **variable = environ; *variable; variable++) {
		size_t i = 0, length = strcspn(*variable, "=");
		size_t count = sizeof(allowed_variables) / sizeof(allowed_variables[0]);

		while (i < count && (strlen(allowed_variables[i]) != length ||
				     strncmp(*variable, allowed_variables[i], length) != 0))
			i++;
		if (i == count && strncmp(*variable, "BERTH_PROBE_", 12) != 0) {
			probe_note("%s", *variable);
			return PROBE_LEAK;
		}
	}
	return PROBE_HELD;
}

static int inspect_directory(const struct probe_row *row)
{
	char path[1024];

	(void)row;
	/* The raw call tells "(unreachable)…" where the library would search. */
	if (!getcwd(path, sizeof(path)))
		return errno == ENOENT ? PROBE_LEAK : errno;
	probe_note("%s", path);
	return path[0] == '/' ? PROBE_HELD : PROBE_LEAK;
}

static int inspect_hostname(const struct probe_row *row)
{
	const char *host = probe_host("hostname");
	char name[256] = "";

	(void)row;
	if (!host)
		return PROBE_SKIPPED;
	if (gethostname(name, sizeof(name) - 1) < 0)
		return errno;
	probe_note("%s", name);
	return strcmp(name, host) ? PROBE_HELD : PROBE_LEAK;
}

/* stdin was opened by the caller for reading. By /proc it must not become writable. */
static int reopen_stdin(const struct probe_row *row)
{
	AUTO_CLOSE int fd = -1;
	int flags = fcntl(STDIN_FILENO, F_GETFL);

	(void)row;
	if (flags < 0 || (flags & O_ACCMODE) != O_RDONLY)
		return PROBE_SKIPPED;
	fd = open("/proc/self/fd/0", O_RDWR | O_CLOEXEC);
	return fd < 0 ? errno : PROBE_LEAK;
}

/* A directory passed as stdin would be a door; from a file there is no way up. */
static int climb_stdin(const struct probe_row *row)
{
	AUTO_CLOSE int fd = openat(STDIN_FILENO, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)row;
	return fd < 0 ? errno : PROBE_LEAK;
}

static const struct probe_row rows[] = {
	PROBE_TRY("descriptors", "no_inherited_descriptors",
		  "CVE-2024-21626, CVE-2016-9962; bwrap and minijail pass them on",
		  "find a descriptor of the caller", inspect_descriptors, NULL, PROBE_HELD),
	PROBE_TRY("environment", "clean_environment", "CVE-2025-23266",
		  "find a variable of the caller", inspect_environment, NULL, PROBE_HELD),
	PROBE_TRY("working_directory", "mount_namespace", "CVE-2024-21626",
		  "have a working directory outside of the root", inspect_directory, NULL,
		  PROBE_HELD),
	PROBE_TRY("hostname", "uts_namespace", NULL, "learn the host's name", inspect_hostname,
		  NULL, PROBE_HELD),
	PROBE_TRY("reopen_stdin", "landlock", NULL, "open the file behind stdin for writing",
		  reopen_stdin, NULL, EACCES, EPERM, EROFS),
	PROBE_TRY("climb_stdin", "no_inherited_descriptors", NULL, "walk up from stdin",
		  climb_stdin, NULL, ENOTDIR, EACCES, EBADF),
};

const struct probe_group probe_descriptors = PROBE_GROUP("descriptors", rows);
