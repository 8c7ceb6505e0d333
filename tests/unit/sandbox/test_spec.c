/* SPDX-License-Identifier: Apache-2.0 */
/* The launch spec: every field that can be wrong is refused before anything is made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sandbox/sandbox.h"

#define LONG_PATH (SANDBOX_PATH_MAX + 8)

static const char *const command[] = {"true", NULL};
static const struct sandbox_mount good_mounts[] = {
	{.kind = SANDBOX_MOUNT_BIND,    .source = "/usr",       .target = "/usr"          },
	{.kind = SANDBOX_MOUNT_SYMLINK, .source = "usr/bin",    .target = "/bin"          },
	{.kind = SANDBOX_MOUNT_TMPFS,   .target = "/scratch",   .bytes = 4096,              .inodes = 1},
	{.kind = SANDBOX_MOUNT_DIRECTORY,                             .target = "/a/b/c"                    },
	{.kind = SANDBOX_MOUNT_FILE,    .target = "/etc/hosts", .content = ""},
};

static struct sandbox_spec good_spec(void)
{
	return (struct sandbox_spec){
		.name = "run-1_a",
		.arguments = command,
		.mounts = good_mounts,
		.mount_count = sizeof(good_mounts) / sizeof(good_mounts[0]),
		.limits = {.tmpfs_bytes = 4096, .tmpfs_inodes = 10},
		.stdin_fd = -1,
		.stdout_fd = -1,
		.stderr_fd = -1,
	};
}

static void expect(const struct sandbox_spec *spec, enum berth_code code, const char *says)
{
	struct berth_error err = {0};

	assert_int_equal(sandbox_spec_check(spec, &err), -1);
	assert_int_equal(err.code, code);
	if (!strstr(err.message, says))
		fail_msg("\"%s\" does not say \"%s\"", err.message, says);
	assert_int_equal(sandbox_spec_check(spec, NULL), -1); /* the error is optional */
}

static void test_a_good_one_passes(void **state)
{
	struct sandbox_spec spec = good_spec();
	struct berth_error err = {0};
	char name[65];

	(void)state;
	assert_int_equal(sandbox_spec_check(&spec, &err), 0);
	memset(name, 'a', 64);
	name[64] = '\0';
	spec.name = name;
	spec.hostname = "Host-1.example";
	spec.working_directory = "/";
	assert_int_equal(sandbox_spec_check(&spec, &err), 0);
}

static void test_names(void **state)
{
	static const char *const bad[] = {NULL, "", "a.b", "A", "a/b", "..", "a b", "ä"};
	static const char *const bad_hosts[] = {"", "a b", "a/b", "h\n"};
	struct sandbox_spec spec = good_spec();
	char name[66];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		spec.name = bad[i];
		expect(&spec, BERTH_INVALID, "name");
	}
	memset(name, 'a', 65);
	name[65] = '\0';
	spec.name = name;
	expect(&spec, BERTH_INVALID, "name");
	spec = good_spec();
	for (size_t i = 0; i < sizeof(bad_hosts) / sizeof(bad_hosts[0]); i++) {
		spec.hostname = bad_hosts[i];
		expect(&spec, BERTH_INVALID, "hostname");
	}
	name[64] = '\0';
	spec.hostname = name;
	expect(&spec, BERTH_INVALID, "hostname");
}

static void test_commands_and_variables(void **state)
{
	static const char *const none[] = {NULL}, *const empty[] = {"", NULL};
	static const char *const no_value[] = {"A=1", "B", NULL}, *const no_name[] = {"=1", NULL};
	static const char *const good[] = {"A=", "B=C=D", NULL};
	static const char *many[SANDBOX_ARGUMENTS_MAX + 2];
	struct sandbox_spec spec = good_spec();

	(void)state;
	spec.arguments = NULL;
	expect(&spec, BERTH_INVALID, "no command");
	spec.arguments = none;
	expect(&spec, BERTH_INVALID, "no command");
	spec.arguments = empty;
	expect(&spec, BERTH_INVALID, "no command");
	for (size_t i = 0; i <= SANDBOX_ARGUMENTS_MAX; i++)
		many[i] = "A=1";
	spec.arguments = many;
	expect(&spec, BERTH_LIMIT, "arguments");
	spec = good_spec();
	spec.environment = many;
	expect(&spec, BERTH_LIMIT, "environment");
	spec.environment = no_value;
	expect(&spec, BERTH_INVALID, "\"B\"");
	spec.environment = no_name;
	expect(&spec, BERTH_INVALID, "KEY=VALUE");
	spec.environment = good;
	assert_int_equal(sandbox_spec_check(&spec, NULL), 0);
	spec.working_directory = "work";
	expect(&spec, BERTH_INVALID, "working directory");
}

static void test_mounts(void **state)
{
	static char long_path[LONG_PATH + 1];
	const struct {
		struct sandbox_mount mount;
		enum berth_code code;
		const char *says;
	} rows[] = {
		{{.kind = SANDBOX_MOUNT_DIRECTORY},                                       BERTH_INVALID, "absolute"  },
		{{.kind = SANDBOX_MOUNT_DIRECTORY, .target = "a"},                        BERTH_INVALID, "absolute"  },
		{{.kind = SANDBOX_MOUNT_DIRECTORY, .target = "/"},                        BERTH_INVALID, "below /"   },
		{{.kind = SANDBOX_MOUNT_DIRECTORY, .target = "/a/../b"},                  BERTH_INVALID, ".."        },
		{{.kind = SANDBOX_MOUNT_DIRECTORY, .target = "/a/.."},                    BERTH_INVALID, ".."        },
		{{.kind = SANDBOX_MOUNT_DIRECTORY, .target = "/./a"},                     BERTH_INVALID, "component" },
		{{.kind = SANDBOX_MOUNT_DIRECTORY, .target = "//a"},                      BERTH_INVALID, "component" },
		{{.kind = SANDBOX_MOUNT_DIRECTORY, .target = "/a/"},                      BERTH_INVALID, "component" },
		{{.kind = SANDBOX_MOUNT_DIRECTORY, .target = long_path},                  BERTH_LIMIT,   "too long"  },
		{{.kind = SANDBOX_MOUNT_BIND, .target = "/a"},                            BERTH_INVALID, "no source" },
		{{.kind = SANDBOX_MOUNT_BIND, .target = "/a", .source = ""},
		 BERTH_INVALID,									  "source"    },
		{{.kind = SANDBOX_MOUNT_BIND, .target = "/a", .source = "b"},
		 BERTH_INVALID,									  "source"    },
		{{.kind = SANDBOX_MOUNT_SYMLINK, .target = "/a"},                         BERTH_INVALID, "no source" },
		{{.kind = SANDBOX_MOUNT_FILE, .target = "/a"},                            BERTH_INVALID, "no content"},
		{{.kind = SANDBOX_MOUNT_TMPFS, .target = "/a", .inodes = 1},              BERTH_INVALID, "size"      },
		{{.kind = SANDBOX_MOUNT_TMPFS, .target = "/a", .bytes = 1},               BERTH_INVALID, "size"      },
		{{.kind = SANDBOX_MOUNT_TMPFS, .target = "/a", .bytes = 1, .inodes = -1},
		 BERTH_INVALID,									  "size"      },
		{{.kind = (enum sandbox_mount_kind)99, .target = "/a"},                   BERTH_INVALID, "kind"      },
	};
	struct sandbox_spec spec = good_spec();

	(void)state;
	memset(long_path, 'a', LONG_PATH);
	long_path[0] = '/';
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		spec.mounts = &rows[i].mount;
		spec.mount_count = 1;
		expect(&spec, rows[i].code, rows[i].says);
	}
	spec.mounts = good_mounts;
	spec.mount_count = SANDBOX_MOUNTS_MAX + 1;
	expect(&spec, BERTH_LIMIT, "mounts");
}

static void test_volumes(void **state)
{
	const struct sandbox_volume_mount nothing = {.target = "/work"};
	const struct sandbox_volume_mount nowhere = {.volume = (void *)(uintptr_t)&nothing};
	struct sandbox_spec spec = good_spec();

	(void)state;
	spec.volumes = &nothing;
	spec.volume_count = 1;
	expect(&spec, BERTH_INVALID, "/work has no volume");
	spec.volumes = &nowhere;
	expect(&spec, BERTH_INVALID, "absolute");
	spec.volume_count = SANDBOX_VOLUMES_MAX + 1;
	expect(&spec, BERTH_LIMIT, "volumes");
}

static void test_limits(void **state)
{
	struct sandbox_spec spec = good_spec();
	struct resource_limits *limits = &spec.limits;
	const struct resource_limits good = spec.limits;

	(void)state;
	limits->tmpfs_bytes = 0;
	expect(&spec, BERTH_INVALID, "tmpfs");
	*limits = good;
	limits->tmpfs_inodes = 0;
	expect(&spec, BERTH_INVALID, "tmpfs");
	*limits = good;
	limits->pids = -1;
	expect(&spec, BERTH_INVALID, "pids");
	*limits = good;
	limits->io_weight = 1001;
	expect(&spec, BERTH_INVALID, "io_weight");
	limits->io_weight = -1;
	expect(&spec, BERTH_INVALID, "io_weight");
	*limits = good;
	limits->open_files = -1;
	expect(&spec, BERTH_INVALID, "open_files");
	*limits = good;
	spec.network = (enum sandbox_network)7;
	expect(&spec, BERTH_INVALID, "network");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_good_one_passes),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_commands_and_variables),
		cmocka_unit_test(test_mounts),
		cmocka_unit_test(test_volumes),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
