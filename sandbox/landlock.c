/* SPDX-License-Identifier: Apache-2.0 */
/* A second wall around files, abstract sockets and signals (landlock(7)). */
#include "sandbox/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

/* newer than Debian 12's headers: include/uapi/linux/landlock.h */
#define ACCESS_FS_TRUNCATE         (UINT64_C(1) << 14) /* ABI 3 */
#define ACCESS_FS_IOCTL_DEV        (UINT64_C(1) << 15) /* ABI 5 */
#define SCOPE_ABSTRACT_UNIX_SOCKET (UINT64_C(1) << 0)  /* ABI 6 */
#define SCOPE_SIGNAL               (UINT64_C(1) << 1)  /* ABI 6 */

struct ruleset {
	uint64_t handled_access_fs;
	uint64_t handled_access_net;
	uint64_t scoped;
};

/* What each ABI version adds to what a ruleset can speak of. */
static const struct {
	int abi;
	uint64_t files;
	uint64_t scopes;
} versions[] = {
	{1, (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1, 0                                        },
	{2, LANDLOCK_ACCESS_FS_REFER,               0					},
	{3, ACCESS_FS_TRUNCATE,                     0					},
	{5, ACCESS_FS_IOCTL_DEV,                    0					},
	{6, 0,				      SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL},
};

/* Refused everywhere, also below "/". */
static const uint64_t never =
	LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK | ACCESS_FS_IOCTL_DEV;

int landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return abi < 0 ? 0 : (int)abi;
}

int landlock_restrict(int abi, struct berth_error *err)
{
	struct landlock_path_beneath_attr rule = {.parent_fd = -1};
	AUTO_CLOSE int ruleset_fd = -1, root_fd = -1;
	struct ruleset ruleset = {0};
	/* older kernels accept a longer structure whose tail is zero */
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		if (abi < versions[i].abi)
			break;
		ruleset.handled_access_fs |= versions[i].files;
		ruleset.scoped |= versions[i].scopes;
	}
	ruleset_fd = (int)syscall(SYS_landlock_create_ruleset, &ruleset, sizeof(ruleset), 0);
	if (ruleset_fd < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "landlock_create_ruleset");
	root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "open /");
	rule.parent_fd = root_fd;
	rule.allowed_access = ruleset.handled_access_fs & ~never;
	if (syscall(SYS_landlock_add_rule, ruleset_fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "landlock_add_rule");
	if (syscall(SYS_landlock_restrict_self, ruleset_fd, 0) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "landlock_restrict_self");
	return 0;
}
