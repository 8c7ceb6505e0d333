/* SPDX-License-Identifier: Apache-2.0 */
/* Users and groups by name, from their files. */
#include "base/account.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

#define PASSWD_PATH "/etc/passwd"
#define GROUP_PATH  "/etc/group"
#define LINE_SIZE   (64 * 1024) /* a group's members are on its line */

int account_find_user(const char *name, uid_t *ret_uid, gid_t *ret_gid, struct berth_error *err)
{
	AUTO_FILE FILE *file = fopen(PASSWD_PATH, "re");
	struct passwd entry = {0}, *found = NULL;
	char line[LINE_SIZE];

	if (!file)
		return berth_fail(err, BERTH_SYSTEM, errno, "open " PASSWD_PATH);
	while (fgetpwent_r(file, &entry, line, sizeof(line), &found) == 0 && found) {
		if (strcmp(found->pw_name, name) != 0)
			continue;
		*ret_uid = found->pw_uid;
		*ret_gid = found->pw_gid;
		return 0;
	}
	return 1;
}

int account_find_group(const char *name, gid_t *ret_gid, struct berth_error *err)
{
	AUTO_FILE FILE *file = fopen(GROUP_PATH, "re");
	struct group entry = {0}, *found = NULL;
	char line[LINE_SIZE];

	if (!file)
		return berth_fail(err, BERTH_SYSTEM, errno, "open " GROUP_PATH);
	while (fgetgrent_r(file, &entry, line, sizeof(line), &found) == 0 && found) {
		if (strcmp(found->gr_name, name) != 0)
			continue;
		*ret_gid = found->gr_gid;
		return 0;
	}
	return 1;
}
