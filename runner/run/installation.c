/* SPDX-License-Identifier: Apache-2.0 */
/* Tries the two layouts a berth program can stand in. */
#include "runner/run/installation.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct place_row {
	size_t offset; /* in struct installation */
	const char *built, *installed;
};

/* clang-format off */
static const struct place_row place_rows[] = {
	{offsetof(struct installation, extensions), "extensions", "../lib/berth/extensions"},
	{offsetof(struct installation, task_program), "berth-task", "berth-task"},
};
/* clang-format on */

static bool is_there(const char *directory, const char *name, char target[PATH_MAX])
{
	int length = snprintf(target, PATH_MAX, "%s/%s", directory, name);

	return length > 0 && length < PATH_MAX && access(target, F_OK) == 0;
}

void installation_find_at(const char *directory, struct installation *ret_installation)
{
	for (size_t i = 0; i < sizeof(place_rows) / sizeof(place_rows[0]); i++) {
		char *place = (char *)ret_installation + place_rows[i].offset;

		if (!is_there(directory, place_rows[i].built, place) &&
		    !is_there(directory, place_rows[i].installed, place))
			place[0] = '\0';
	}
}

int installation_find(struct installation *ret_installation, struct berth_error *err)
{
	char program[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);
	char *slash;

	if (length < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "read /proc/self/exe");
	program[length] = '\0';
	slash = strrchr(program, '/');
	if (slash)
		*slash = '\0';
	installation_find_at(program, ret_installation);
	return 0;
}
