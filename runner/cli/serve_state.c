/* SPDX-License-Identifier: Apache-2.0 */
/* The directory that everything durable is kept in. */
#include "runner/cli/serve_state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int serve_state_find(const char *given, char ret_path[PATH_MAX], struct berth_error *err)
{
	const char *base = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	int length;

	if (given)
		length = snprintf(ret_path, PATH_MAX, "%s", given);
	else if (geteuid() == 0)
		length = snprintf(ret_path, PATH_MAX, SERVE_STATE_SYSTEM);
	else if (base && *base == '/')
		length = snprintf(ret_path, PATH_MAX, "%s/berth", base);
	else if (home && *home == '/')
		length = snprintf(ret_path, PATH_MAX, "%s/.local/state/berth", home);
	else
		return berth_fail(err, BERTH_INVALID, 0,
				  "neither XDG_STATE_HOME nor HOME is set: name a directory with "
				  "--state");
	return length < PATH_MAX ? 0 : berth_fail(err, BERTH_LIMIT, ENAMETOOLONG, "--state");
}

int serve_make_directories(char *path, mode_t mode, struct berth_error *err)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			return berth_fail(err, BERTH_SYSTEM, errno, "create %s", path);
		*slash = '/';
	}
	if (mkdir(path, mode) < 0 && errno != EEXIST)
		return berth_fail(err, BERTH_SYSTEM, errno, "create %s", path);
	return 0;
}

int serve_state_make(char path[PATH_MAX], struct berth_error *err)
{
	char absolute[PATH_MAX];

	if (serve_make_directories(path, 0700, err) < 0)
		return -1;
	if (!realpath(path, absolute))
		return berth_fail(err, BERTH_SYSTEM, errno, "resolve %s", path);
	memcpy(path, absolute, sizeof(absolute));
	return 0;
}
