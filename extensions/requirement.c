/* SPDX-License-Identifier: Apache-2.0 */
/* Whether this host has what an extension needs. */
#include "extensions/requirement.h"

#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#define PATH_SIZE 4096

/* Where Debian puts libraries; the loader's cache is left alone, since it may be stale. */
static const char *const library_directories[] = {
	"/usr/local/lib/" BERTH_MULTIARCH,
	"/usr/local/lib",
	"/usr/lib/" BERTH_MULTIARCH,
	"/lib/" BERTH_MULTIARCH,
	"/usr/lib64",
	"/usr/lib",
	"/lib",
	NULL,
};

/* The PATH of a sandbox. */
static const char *const program_directories[] = {"/usr/local/bin", "/usr/bin", "/bin", NULL};

static bool is_in(const char *root, const char *const *directories, const char *name, int mode)
{
	char path[PATH_SIZE];

	for (size_t i = 0; directories[i]; i++)
		if (snprintf(path, sizeof(path), "%s%s/%s", root, directories[i], name) <
			    (int)sizeof(path) &&
		    access(path, mode) == 0)
			return true;
	return false;
}

static bool is_there(const char *root, const struct extension_requirement *requirement)
{
	if (requirement->library)
		return is_in(root, library_directories, requirement->library, R_OK);
	return is_in(root, program_directories, requirement->program, X_OK);
}

int extension_check_under(const char *root, const struct extension *extension,
			  struct berth_error *err)
{
	const struct extension_requirement *requirement;
	const char *own[] = {extension->directory, NULL};

	for (size_t i = 0; i < extension->requirement_count; i++) {
		requirement = &extension->requirements[i];
		if (!is_there(root, requirement))
			return berth_fail(
				err, BERTH_UNSUPPORTED, 0,
				"extension %s needs %s: apt-get install %s", extension->name,
				requirement->library ? requirement->library : requirement->program,
				requirement->package);
	}
	for (size_t i = 0; i < extension->task_count; i++)
		if (!is_in("", own, extension->tasks[i].program, X_OK))
			return berth_fail(err, BERTH_UNSUPPORTED, 0,
					  "extension %s lacks its program %s for %s",
					  extension->name, extension->tasks[i].program,
					  extension->tasks[i].id);
	return 0;
}

int extension_check(const struct extension *extension, struct berth_error *err)
{
	return extension_check_under("", extension, err);
}
