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
	const char *what;
	size_t offset; /* in struct installation */
	const char *built, *installed;
	bool optional;
};

/* clang-format off */
static const struct place_row place_rows[] = {
	{"the extensions", offsetof(struct installation, extensions), "extensions", "../lib/berth/extensions", true},
	{"berth-task", offsetof(struct installation, task_program), "berth-task", "berth-task", true},
};
/* clang-format on */

static bool is_there(const char *directory, const char *name, char target[PATH_MAX])
{
	int length = snprintf(target, PATH_MAX, "%s/%s", directory, name);

	return length > 0 && length < PATH_MAX && access(target, F_OK) == 0;
}

int installation_find_at(const char *directory, struct installation *ret_installation,
			 struct berth_error *err)
{
	struct installation found;

	for (size_t i = 0; i < sizeof(place_rows) / sizeof(place_rows[0]); i++) {
		const struct place_row *row = &place_rows[i];
		char *place = (char *)&found + row->offset;

		if (is_there(directory, row->built, place) ||
		    is_there(directory, row->installed, place))
			continue;
		if (!row->optional)
			return berth_fail(err, BERTH_NOT_FOUND, 0, "%s: neither %s nor %s below %s",
					  row->what, row->built, row->installed, directory);
		place[0] = '\0';
	}
	*ret_installation = found;
	return 0;
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
	return installation_find_at(program, ret_installation, err);
}
