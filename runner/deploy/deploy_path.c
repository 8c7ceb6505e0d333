/* SPDX-License-Identifier: Apache-2.0 */
/* Which paths a manifest and a bundle may have. */
#include "runner/deploy/deploy_path.h"

#include <stddef.h>
#include <string.h>

static bool is_dot(const char *part, size_t length)
{
	return length == 1 && part[0] == '.';
}

static bool is_dot_dot(const char *part, size_t length)
{
	return length == 2 && part[0] == '.' && part[1] == '.';
}

/* path stands behind a slash, or at its beginning. */
static bool has_clean_parts(const char *path)
{
	for (;;) {
		size_t length = strcspn(path, "/");

		if (length == 0 || length > 255 || is_dot(path, length) || is_dot_dot(path, length))
			return false;
		if (!path[length])
			return true;
		path += length + 1;
	}
}

bool deploy_path_is_absolute(const char *path)
{
	return path[0] == '/' && has_clean_parts(path + 1);
}

bool deploy_path_is_relative(const char *path)
{
	return strlen(path) <= DEPLOY_PATH_MAX && has_clean_parts(path);
}

bool deploy_path_link_stays(const char *path, const char *target)
{
	size_t depth = 0; /* of the directory that holds the link */
	bool has_descended = false;

	if (!target[0] || target[0] == '/' || strlen(target) > DEPLOY_PATH_MAX)
		return false;
	for (; (path = strchr(path, '/')); path++)
		depth++;
	while (*target) {
		size_t length = strcspn(target, "/");

		if (is_dot_dot(target, length)) {
			/* behind a name ".." may lead anywhere: the name may be a link */
			if (has_descended || depth-- == 0)
				return false;
		} else if (length > 0 && !is_dot(target, length)) {
			has_descended = true;
		}
		target += length + (target[length] == '/');
	}
	return true;
}
