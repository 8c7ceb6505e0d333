/* SPDX-License-Identifier: Apache-2.0 */
/* The root file system: every kind of mount, in every combination with what is there already. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "sandbox/root.h"
#include "sandbox/root_set.h"
#include "tests/unit/sandbox/fixture.h"
#include "tests/unit/sandbox/leaks.h"

#define MEBIBYTE 1048576

static struct fixture fixture;
static struct sandbox_host *host;
static struct leaks before;
static char source[FIXTURE_PATH]; /* a directory with the file "file" and the directory "sub" */

static void put_file(const char *path, const char *content, mode_t mode)
{
	AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, strlen(content)), (ssize_t)strlen(content));
	assert_int_equal(fchmod(fd, mode), 0);
}

static const char *below(const char *name, char path[FIXTURE_PATH])
{
	char relative[FIXTURE_PATH];

	(void)snprintf(relative, sizeof(relative), "source/%s", name);
	return fixture_path(&fixture, relative, path);
}

static int set_up(void **state)
{
	char path[FIXTURE_PATH];

	(void)state;
	leaks_note(&before);
	host = fixture_open_host(&fixture, "none", 0);
	(void)fixture_path(&fixture, "source", source);
	if (mkdir(source, 0755) < 0 || mkdir(below("sub", path), 0755) < 0)
		return -1;
	put_file(below("file", path), "of the host\n", 0644);
	return 0;
}

static int tear_down(void **state)
{
	char path[FIXTURE_PATH];

	(void)state;
	sandbox_host_close(host);
	(void)unlink(below("file", path));
	(void)unlink(below("made", path));
	(void)unlink(below("link", path));
	(void)rmdir(below("sub", path));
	assert_int_equal(rmdir(source), 0);
	leaks_expect_none(&before);
	return 0;
}

#define BIND(flag, from, to)                                                                       \
	((struct sandbox_mount){                                                                   \
		.kind = SANDBOX_MOUNT_BIND, .flags = (flag), .source = (from), .target = (to)})
#define SYMLINK(text, to)                                                                          \
	((struct sandbox_mount){.kind = SANDBOX_MOUNT_SYMLINK, .source = (text), .target = (to)})
#define CONTENT(text, to)                                                                          \
	((struct sandbox_mount){.kind = SANDBOX_MOUNT_FILE, .content = (text), .target = (to)})
#define DIRECTORY(to) ((struct sandbox_mount){.kind = SANDBOX_MOUNT_DIRECTORY, .target = (to)})
#define TMPFS(size, files, to)                                                                     \
	((struct sandbox_mount){                                                                   \
		.kind = SANDBOX_MOUNT_TMPFS, .bytes = (size), .inodes = (files), .target = (to)})

struct expectation {
	struct sandbox_mount mounts[3];
	const char *script;
	const char *output;
};

static void expect(const struct expectation *expectation)
{
	struct fixture_run run;

	fixture_prepare(&run, &fixture);
	for (size_t i = 0; i < 3 && expectation->mounts[i].target; i++)
		fixture_add_mount(&run, expectation->mounts[i]);
	fixture_set_shell(&run, expectation->script);
	fixture_expect_exit(host, &run, 0);
	if (strcmp(run.output, expectation->output) != 0)
		fail_msg("`%s` printed \"%s\" instead of \"%s\"", expectation->script, run.output,
			 expectation->output);
}

static void test_kinds(void **state)
{
	char file[FIXTURE_PATH];
	const struct expectation rows[] = {
		{{BIND(0, source, "/a/b/c")},						    "cat /a/b/c/file",         "of the host\n"              },
		{{BIND(0, below("file", file), "/a/b/c")},                                       "cat /a/b/c",              "of the host\n"              },
		{{DIRECTORY("/a/b")},							    "stat -c '%F %a %u' /a/b", "directory 755 0\n"          },
		{{CONTENT("text\n", "/a/b/c")},
		 "cat /a/b/c; stat -c '%a %u' /a/b/c",								      "text\n644 0\n"              },
		{{CONTENT("", "/empty")},							"stat -c %s /empty",       "0\n"                        },
		{{SYMLINK("../x", "/a/b/c")},						    "readlink /a/b/c",         "../x\n"                     },
		{{TMPFS(MEBIBYTE, 10, "/a/b")},
		 "stat -f -c '%T %b %c' /a/b; stat -c %a /a/b",							     "tmpfs 256 10\n1777\n"       },
 /* over what is there already */
		{{CONTENT("old", "/x"), BIND(0, below("file", file), "/x")},
		 "cat /x",												  "of the host\n"              },
		{{BIND(0, source, "/a"), TMPFS(4096, 5, "/a/sub")},
		 "ls /a /a/sub",											    "/a:\nfile\nsub\n\n/a/sub:\n"},
		{{BIND(0, source, "/a"), BIND(0, below("file", file), "/a/file")},
		 "cat /a/file",											     "of the host\n"              },
		{{BIND(0, source, "/a"), BIND(0, source, "/a")},                                 "ls /a",                   "file\nsub\n"                },
		{{DIRECTORY("/real"), SYMLINK("real", "/alias"), CONTENT("x\n", "/alias/file")},
		 "cat /real/file",											  "x\n"			},
		{{DIRECTORY("/tmp/made")},						       "ls /tmp",                 "made\n"                     },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect(&rows[i]);
}

static void test_what_may_be_changed(void **state)
{
	char file[FIXTURE_PATH];
	const struct expectation rows[] = {
		{{BIND(0, source, "/a")},
		 "for f in /a/new /a/file /x; do echo x > $f; done 2>&1 | grep -c 'Read-only'",		  "3\n" },
		{{BIND(0, source, "/a")},                            "rm /a/file 2>&1 | grep -c 'Read-only'",    "1\n" },
		{{BIND(0, below("file", file), "/f")},
		 "sh -c 'echo x > /f' 2>&1 | grep -c 'Read-only'",					       "1\n" },
		{{CONTENT("x", "/f")},                               "rm -f /f 2>&1 | grep -c 'Read-only'",      "1\n" },
		{{DIRECTORY("/d")},                                  "touch /d/x 2>&1 | grep -c 'Read-only'",    "1\n" },
		{{TMPFS(65536, 10, "/t")},                           "echo x > /t/x && cat /t/x",                "x\n" },
		{{BIND(SANDBOX_MOUNT_NOEXEC, fixture.inside, "/n")},
		 "/n 2>&1 | grep -c 'Permission denied'",							"1\n" },
 /* nosuid, nodev on all of them; the root itself, too */
		{{BIND(SANDBOX_MOUNT_WRITABLE, source, "/w")},
		 "grep -E ' (/|/usr|/w|/tmp|/run|/dev/shm) ' /proc/self/mounts | grep -vc 'nosuid,nodev'; true",
		 "0\n"												 },
		{{DIRECTORY("/d")},
		 "grep -E ' / ' /proc/self/mounts | cut -d' ' -f4 | cut -d, -f1",				"ro\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect(&rows[i]);
}

/* The source's owner appears as the task, whoever that is on the host. */
static void test_writable_bind(void **state)
{
	static const uid_t owners[] = {0, 12345};
	const struct expectation row = {
		{BIND(SANDBOX_MOUNT_WRITABLE, source, "/w")},
		"echo made > /w/made; cat /w/file; stat -c '%u %g' /w/file /w/made",
		"of the host\n1000 1000\n1000 1000\n"};
	char path[FIXTURE_PATH];
	struct stat facts;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(chown(source, owners[i], owners[i]), 0);
		assert_int_equal(chown(below("file", path), owners[i], owners[i]), 0);
		expect(&row);
		assert_int_equal(stat(below("made", path), &facts), 0);
		assert_int_equal(facts.st_uid, owners[i]);
		assert_int_equal(facts.st_gid, owners[i]);
		assert_int_equal(unlink(path), 0);
	}
}

/* Read-only and mapped: what only its owner may read. */
static void test_mapped_bind(void **state)
{
	const struct expectation mapped = {{BIND(SANDBOX_MOUNT_MAPPED, source, "/m")},
					   "cat /m/file; touch /m/x 2>&1 | grep -c 'Read-only'",
					   "of the host\n1\n"};
	const struct expectation plain = {
		{BIND(0, source, "/m")}, "cat /m/file 2>&1 | grep -c 'Permission denied'", "1\n"};
	char path[FIXTURE_PATH];

	(void)state;
	assert_int_equal(chmod(below("file", path), 0600), 0);
	expect(&mapped);
	expect(&plain);
}

static void test_sources_that_are_not_there(void **state)
{
	struct fixture_run run;

	(void)state;
	fixture_prepare(&run, &fixture);
	fixture_add_mount(&run, BIND(0, "/no/such/source", "/a"));
	fixture_expect_not_started(host, &run, "/no/such/source");
	assert_int_equal(run.error.code, BERTH_NOT_FOUND);

	fixture_prepare(&run, &fixture);
	fixture_add_mount(&run, BIND(SANDBOX_MOUNT_OPTIONAL, "/no/such/source", "/a"));
	fixture_set_shell(&run, "ls -d /a 2>/dev/null; true");
	fixture_expect_exit(host, &run, 0);
	assert_string_equal(run.output, "");
}

static void test_launch_without_an_error_object(void **state)
{
	struct sandbox *sandbox = NULL;
	struct fixture_run run;

	(void)state;
	fixture_prepare(&run, &fixture);
	fixture_add_mount(&run, BIND(SANDBOX_MOUNT_OPTIONAL, "/no/such/source", "/a"));
	assert_int_equal(sandbox_launch(host, &run.spec, &sandbox, NULL), 0);
	sandbox_destroy(sandbox);
	fixture_add_mount(&run, BIND(0, "/no/such/source", "/b"));
	assert_int_equal(sandbox_launch(host, &run.spec, &sandbox, NULL), -1);
}

/* Each is said in words that name the target. */
static void test_impossible(void **state)
{
	char file[FIXTURE_PATH];
	const struct {
		struct sandbox_mount mounts[3];
		const char *says;
	} rows[] = {
		{{BIND(0, source, "/a"), BIND(0, source, "/a/new/place")},             "read-only mount"},
		{{BIND(0, source, "/a"), BIND(0, below("file", file), "/a/new-file")},
		 "read-only mount"								      },
		{{BIND(0, source, "/a"), TMPFS(4096, 4, "/a/new")},                    "read-only mount"},
		{{BIND(0, source, "/a"), CONTENT("x", "/a/new")},                      "/a/new"         },
		{{BIND(0, source, "/a"), SYMLINK("x", "/a/new")},                      "/a/new"         },
		{{BIND(0, source, "/a"), CONTENT("x", "/a/file")},                     "/a/file"        },
		{{CONTENT("x", "/f"), CONTENT("y", "/f")},                             "/f"             },
		{{CONTENT("x", "/f"), DIRECTORY("/f/below")},                          "/f"             },
		{{CONTENT("x", "/f"), BIND(0, source, "/f")},                          "/f"             },
		{{BIND(0, source, "/a"), BIND(0, below("file", file), "/a/sub")},      "/a/sub"         },
		{{SYMLINK("x", "/l"), SYMLINK("y", "/l")},                             "/l"             },
		{{SYMLINK("/loop", "/loop"), BIND(0, source, "/loop/a")},              "/loop"          },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fixture_run run;

		fixture_prepare(&run, &fixture);
		for (size_t k = 0; k < 3 && rows[i].mounts[k].target; k++)
			fixture_add_mount(&run, rows[i].mounts[k]);
		fixture_expect_not_started(host, &run, rows[i].says);
	}
}

/* What is mounted below a source comes along, and is read-only, too. */
static void test_mounts_below_a_source(void **state)
{
	const struct expectation row = {
		{BIND(0, source, "/a")},
		"cat /a/sub/inner; touch /a/sub/x 2>&1 | grep -c 'Read-only'",
		"inner\n1\n"};
	char path[FIXTURE_PATH], inner[FIXTURE_PATH];

	(void)state;
	/* a private mount namespace would be better, but the library mounts in the caller's */
	assert_int_equal(mount("none", below("sub", path), "tmpfs", 0, "size=64k"), 0);
	put_file(below("sub/inner", inner), "inner\n", 0644);
	expect(&row);
	assert_int_equal(umount2(path, MNT_DETACH), 0);
}

/* The host's table never grows: systemd and others would wake at each launch. */
static void test_host_sees_no_mount(void **state)
{
	struct fixture_run run;
	char now[65536], then[65536];
	FILE *stream;
	size_t length;

	(void)state;
	stream = fopen("/proc/self/mountinfo", "re");
	length = fread(then, 1, sizeof(then) - 1, stream);
	then[length] = '\0';
	(void)fclose(stream);
	fixture_prepare(&run, &fixture);
	fixture_set_verb(&run, "sleep", "100");
	fixture_expect_exit(host, &run, 0);
	stream = fopen("/proc/self/mountinfo", "re");
	length = fread(now, 1, sizeof(now) - 1, stream);
	now[length] = '\0';
	(void)fclose(stream);
	assert_null(strstr(now, fixture.path));
	assert_null(strstr(then, fixture.path));
}

static void drop_mknod(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	assert_int_equal(syscall(SYS_capget, &header, data), 0);
	data[0].effective &= ~(1U << CAP_MKNOD);
	data[0].permitted &= ~(1U << CAP_MKNOD);
	assert_int_equal(syscall(SYS_capset, &header, data), 0);
}

/* Root in a container may not make nodes: the host's are bound, as rootless. */
static void test_without_mknod(void **state)
{
	static const struct expectation rows[] = {
		{.script =
			 "stat -c '%t:%T' /dev/null /dev/full; echo x > /dev/null && head -c 1 /dev/zero | wc -c; ls /dev | wc -l",
		 .output = "1:3\n1:7\n1\n10\n"},
	};
	pid_t child;
	int status;

	(void)state;
	expect(&rows[0]);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		drop_mknod();
		expect(&rows[0]);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void test_defaults_are_documented(void **state)
{
	(void)state;
	for (size_t i = 0; i < root_default_count; i++) {
		assert_true(root_defaults[i].target[0] == '/');
		assert_non_null(root_defaults[i].reason);
		assert_int_equal(root_defaults[i].kind == ROOT_SYMLINK,
				 root_defaults[i].source != NULL);
		assert_int_equal(root_defaults[i].kind == ROOT_TMPFS,
				 root_defaults[i].quarters != 0);
	}
}

#define ROOT_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static const struct resource_limits small_limits = {.tmpfs_bytes = 64 << 10, .tmpfs_inodes = 64};

static dev_t device_of(int fd, const char *name)
{
	struct stat facts;

	assert_int_equal(fstatat(fd, name, &facts, AT_EMPTY_PATH), 0);
	return facts.st_dev;
}

/* Ready or made now, no two runs have the same. */
static void test_sets_are_a_runs_own(void **state)
{
	struct root_set_pool pool = {.size = 2};
	struct root_set sets[3];
	struct stat facts;

	(void)state;
	assert_false(root_set_pool_refill_step(&pool)); /* of what size? */
	assert_int_equal(root_set_pool_take(&pool, &small_limits, &sets[0], NULL), 0);
	while (root_set_pool_refill_step(&pool))
		continue;
	assert_int_equal(pool.ready, 2);
	assert_int_equal(root_set_pool_take(&pool, &small_limits, &sets[1], NULL), 0);
	assert_int_equal(root_set_pool_take(&pool, &small_limits, &sets[2], NULL), 0);
	assert_int_equal(pool.ready, 0);
	for (size_t i = 0; i < 3; i++) {
		const struct root_set *other = &sets[(i + 1) % 3];

		assert_int_equal(fstatat(sets[i].devices_fd, "null", &facts, 0), 0);
		assert_true(S_ISCHR(facts.st_mode));
		assert_int_equal(sets[i].tmpfs_count, 3);
		assert_true(device_of(sets[i].root_fd, "") != device_of(other->root_fd, ""));
		assert_true(device_of(sets[i].devices_fd, "") != device_of(other->devices_fd, ""));
		for (size_t k = 0; k < sets[i].tmpfs_count; k++)
			assert_true(device_of(sets[i].tmpfs_fds[k], "") !=
				    device_of(other->tmpfs_fds[k], ""));
	}
	for (size_t i = 0; i < 3; i++)
		root_set_close(&sets[i]);
}

/* What is ready for other limits is of no use. */
static void test_sets_have_the_limits_asked_for(void **state)
{
	struct resource_limits large = {.tmpfs_bytes = 1 << 20, .tmpfs_inodes = 128};
	struct root_set_pool pool = {.size = 1};
	struct root_set set;
	struct statfs facts;

	(void)state;
	assert_int_equal(root_set_pool_take(&pool, &small_limits, &set, NULL), 0);
	root_set_close(&set);
	assert_true(root_set_pool_refill_step(&pool));
	assert_int_equal(root_set_pool_take(&pool, &large, &set, NULL), 0);
	assert_int_equal(fstatfs(set.tmpfs_fds[0], &facts), 0);
	assert_int_equal(facts.f_blocks * facts.f_bsize, large.tmpfs_bytes);
	assert_int_equal(facts.f_files, large.tmpfs_inodes);
	root_set_close(&set);
	assert_true(root_set_pool_refill_step(&pool));
	root_set_pool_finish(&pool);
	assert_int_equal(pool.ready, 0);
}

int main(int count, char **arguments)
{
	const struct CMUnitTest tests[] = {
		ROOT_TEST(test_kinds),
		ROOT_TEST(test_what_may_be_changed),
		ROOT_TEST(test_writable_bind),
		ROOT_TEST(test_mapped_bind),
		ROOT_TEST(test_sources_that_are_not_there),
		ROOT_TEST(test_launch_without_an_error_object),
		ROOT_TEST(test_impossible),
		ROOT_TEST(test_mounts_below_a_source),
		ROOT_TEST(test_host_sees_no_mount),
		ROOT_TEST(test_without_mknod),
		ROOT_TEST(test_sets_are_a_runs_own),
		ROOT_TEST(test_sets_have_the_limits_asked_for),
		cmocka_unit_test(test_defaults_are_documented),
	};
	int failed;

	if (count != 2 || geteuid() != 0) {
		(void)puts("skipped: needs root and the helper's path");
		return FIXTURE_SKIPPED;
	}
	if (fixture_set_up(&fixture, arguments[1]) < 0)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	return fixture_tear_down(&fixture) < 0 ? 1 : failed;
}
