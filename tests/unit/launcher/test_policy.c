/* SPDX-License-Identifier: Apache-2.0 */
/* launcher.conf: what it says, what is refused, and who may write it. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "images/image.h"
#include "runner/launcher/launcher_protocol.h"
#include "runner/launcher/policy.h"
#include "tests/helpers/scratch.h"

#define PATH_SIZE 256

static void test_everything(void **state)
{
	struct policy policy;
	struct berth_error err = {0};

	(void)state;
	policy_init(&policy);
	if (policy_parse(&policy,
			 "# a comment\n\n"
			 "allow-mount /srv/media\t rw  # theirs\n"
			 "allow-mount /usr/share/\n"
			 "allow-network host\r\n"
			 "max-cpu 2.5\nmax-memory 4G\nmax-pids 100\nmax-disk 20GiB\nmax-runs 64\n"
			 "user worker\nstate /srv/berth",
			 &err) < 0)
		fail_msg("%s", err.message);
	assert_int_equal(policy.mount_count, 2);
	assert_string_equal(policy.mounts[0].path, "/srv/media");
	assert_true(policy.mounts[0].writable);
	assert_string_equal(policy.mounts[1].path, "/usr/share");
	assert_false(policy.mounts[1].writable);
	assert_true(policy.allows_host_network);
	assert_int_equal(policy.cpu_millis, 2500);
	assert_int_equal(policy.memory_bytes, UINT64_C(4) << 30);
	assert_int_equal(policy.pids, 100);
	assert_int_equal(policy.disk_bytes, UINT64_C(20) << 30);
	assert_int_equal(policy.runs, 64);
	assert_string_equal(policy.user, "worker");
	assert_string_equal(policy.state, "/srv/berth");
	policy_finish(&policy);
}

static const struct {
	const char *text, *words;
} wrong_rows[] = {
	{"no-such-key 1",          "line 1: \"no-such-key\" is no key"  },
	{"\n\nmax-cpu",            "line 3: max-cpu: write max-cpu CPUS"},
	{"max-cpu many",           "max-cpu"                            },
	{"max-memory -1",          "max-memory"                         },
	{"max-pids 0",             "not a number from 1"                },
	{"max-pids 1x",            "not a number"                       },
	{"max-runs 5000",          "from 1 to 4096"                     },
	{"max-disk",               "write max-disk BYTES"               },
	{"allow-mount srv",        "not an absolute path"               },
	{"allow-mount /",          "below /"                            },
	{"allow-mount /srv wr",    "neither ro nor rw"                  },
	{"allow-mount /srv rw ro", "neither ro nor rw"                  },
	{"allow-network none",     "not host"                           },
	{"user a b",               "no user name"                       },
	{"user ../x",              "no user name"                       },
	{"state here",             "absolute"                           },
	{"Allow-Mount /srv",       "no key"                             },
};

static void test_wrong_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrong_rows) / sizeof(wrong_rows[0]); i++) {
		struct berth_error err = {0};
		struct policy policy;

		policy_init(&policy);
		assert_int_equal(policy_parse(&policy, wrong_rows[i].text, &err), -1);
		if (!strstr(err.message, wrong_rows[i].words))
			fail_msg("\"%s\" does not say \"%s\"", err.message, wrong_rows[i].words);
		policy_finish(&policy);
	}
}

static void test_many_mounts(void **state)
{
	struct policy policy;
	struct berth_error err = {0};

	(void)state;
	policy_init(&policy);
	for (int i = 0; i < POLICY_MOUNTS_MAX; i++)
		assert_int_equal(policy_parse(&policy, "allow-mount /srv", NULL), 0);
	assert_int_equal(policy_parse(&policy, "allow-mount /srv", &err), -1);
	assert_int_equal(err.code, BERTH_LIMIT);
	policy_finish(&policy);
}

static void write_file(const char *path, const char *text, size_t length, mode_t mode)
{
	AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, length), length);
	assert_int_equal(fchmod(fd, mode), 0);
}

static void expect_read(const char *path, enum berth_code code)
{
	struct berth_error err = {0};
	struct policy policy;
	int result;

	policy_init(&policy);
	result = policy_read(&policy, path, &err);
	if (result != (code ? -1 : 0) || err.code != code)
		fail_msg("%s instead of %s: %s", berth_code_name(err.code), berth_code_name(code),
			 err.message);
	policy_finish(&policy);
}

static void test_files(void **state)
{
	static char large[POLICY_FILE_MAX + 2];
	char directory[SCRATCH_SIZE], path[PATH_SIZE];

	(void)state;
	assert_int_equal(scratch_make("policy", directory), 0);
	(void)snprintf(path, sizeof(path), "%s/launcher.conf", directory);
	expect_read(path, BERTH_NOT_FOUND);
	write_file(path, "max-runs 5\n", 11, 0644);
	expect_read(path, BERTH_NONE);
	write_file(path, "max-runs 5\n", 11, 0664);
	expect_read(path, BERTH_DENIED);
	write_file(path, "max-runs 5\n", 11, 0602);
	expect_read(path, BERTH_DENIED);
	write_file(path, "max-\0runs 5\n", 12, 0600);
	expect_read(path, BERTH_INVALID);
	memset(large, '\n', sizeof(large));
	write_file(path, large, sizeof(large), 0600);
	expect_read(path, BERTH_LIMIT);
	memset(large, '#', POLICY_LINE_MAX);
	write_file(path, large, POLICY_LINE_MAX + 1, 0600);
	expect_read(path, BERTH_LIMIT);
	expect_read(directory, BERTH_INVALID);
	if (geteuid() == 0) {
		write_file(path, "max-runs 5\n", 11, 0600);
		assert_int_equal(chown(path, 1234, 1234), 0);
		expect_read(path, BERTH_DENIED);
	}
	assert_int_equal(scratch_remove(directory), 0);
}

static int open_source(struct policy *policy, const char *source, unsigned flags,
		       struct berth_error *err)
{
	struct sandbox_mount mount = {
		.kind = SANDBOX_MOUNT_BIND, .flags = flags, .source = source, .target = "/x"};
	AUTO_CLOSE int fd = -1;

	return policy_open_source(policy, &mount, &fd, err);
}

static void expect_source(struct policy *policy, const char *source, unsigned flags,
			  enum berth_code code)
{
	struct berth_error err = {0};
	int result = open_source(policy, source, flags, &err);

	if (result != (code ? -1 : 0) || err.code != code)
		fail_msg("%s: %s instead of %s: %s", source, berth_code_name(err.code),
			 berth_code_name(code), err.message);
}

/* Links within a place may be followed, none may lead out of it; a file's neighbours are closed. */
static void test_sources(void **state)
{
	char directory[SCRATCH_SIZE], path[PATH_SIZE], line[PATH_SIZE + 32];
	struct policy policy;

	(void)state;
	assert_int_equal(scratch_make("policy", directory), 0);
	(void)snprintf(path, sizeof(path), "%s/place", directory);
	assert_int_equal(mkdir(path, 0755), 0);
	(void)snprintf(path, sizeof(path), "%s/place/file", directory);
	write_file(path, "x", 1, 0644);
	(void)snprintf(path, sizeof(path), "%s/place/inner", directory);
	assert_int_equal(symlink("file", path), 0);
	(void)snprintf(path, sizeof(path), "%s/place/outer", directory);
	assert_int_equal(symlink("../secret", path), 0);
	(void)snprintf(path, sizeof(path), "%s/secret", directory);
	write_file(path, "x", 1, 0600);
	(void)snprintf(path, sizeof(path), "%s/single", directory);
	write_file(path, "x", 1, 0644);

	policy_init(&policy);
	(void)snprintf(line, sizeof(line), "allow-mount %s/place rw\n", directory);
	assert_int_equal(policy_parse(&policy, line, NULL), 0);
	(void)snprintf(line, sizeof(line), "allow-mount %s/single\n", directory);
	assert_int_equal(policy_parse(&policy, line, NULL), 0);
	assert_int_equal(policy_open_mounts(&policy, NULL), 0);
	policy.uid = geteuid();
#define SOURCE(name) ((void)snprintf(path, sizeof(path), "%s/" name, directory), path)
	expect_source(&policy, SOURCE("place"), SANDBOX_MOUNT_WRITABLE, BERTH_NONE);
	expect_source(&policy, SOURCE("place/file"), 0, BERTH_NONE);
	expect_source(&policy, SOURCE("place/inner"), 0, BERTH_NONE);
	expect_source(&policy, SOURCE("place/outer"), 0, BERTH_DENIED);
	expect_source(&policy, SOURCE("place/../secret"), 0, BERTH_DENIED);
	expect_source(&policy, SOURCE("place/none"), 0, BERTH_NOT_FOUND);
	assert_int_equal(open_source(&policy, SOURCE("place/none"), SANDBOX_MOUNT_OPTIONAL, NULL),
			 POLICY_SKIP);
	expect_source(&policy, SOURCE("placebo"), 0, BERTH_DENIED);
	expect_source(&policy, SOURCE("secret"), 0, BERTH_DENIED);
	expect_source(&policy, SOURCE("single"), 0, BERTH_NONE);
	expect_source(&policy, SOURCE("single"), SANDBOX_MOUNT_WRITABLE, BERTH_DENIED);
	expect_source(&policy, SOURCE("single/../secret"), 0, BERTH_DENIED);
	/* a place of the host's packages need not be there, and may come later */
	assert_int_equal(policy_add_mount(&policy, SOURCE("later"), false, NULL), 0);
	assert_int_equal(policy_open_mounts(&policy, NULL), -1);
	policy.mounts[policy.mount_count - 1].may_be_missing = true;
	assert_int_equal(policy_open_mounts(&policy, NULL), 0);
	expect_source(&policy, SOURCE("later"), 0, BERTH_NOT_FOUND);
	assert_int_equal(open_source(&policy, SOURCE("later"), SANDBOX_MOUNT_OPTIONAL, NULL),
			 POLICY_SKIP);
	assert_int_equal(mkdir(SOURCE("later"), 0755), 0);
	expect_source(&policy, SOURCE("later"), 0, BERTH_NONE);
	expect_source(&policy, SOURCE("later/../secret"), 0, BERTH_DENIED);
	/* of another user than the supervisor, who alone may read it */
	policy.uid = 54321;
	assert_int_equal(chmod(SOURCE("single"), 0600), 0);
	expect_source(&policy, SOURCE("single"), SANDBOX_MOUNT_MAPPED, BERTH_DENIED);
	policy_finish(&policy);
	assert_int_equal(scratch_remove(directory), 0);
}

static void expect_words(struct policy *policy, struct sandbox_mount *mount, const char *words)
{
	AUTO_CLOSE int fd = -1;
	struct berth_error err = {0};

	mount->kind = SANDBOX_MOUNT_BIND;
	mount->target = "/x";
	assert_int_equal(policy_open_source(policy, mount, &fd, &err), -1);
	assert_int_equal(err.code, BERTH_DENIED);
	if (!strstr(err.message, words) || !strstr(err.message, mount->source))
		fail_msg("\"%s\" does not say \"%s\"", err.message, words);
}

/* What a run may not have, and what would allow it; the mapping goes where nobody needs it. */
static void test_files_of_a_run(void **state)
{
	char directory[SCRATCH_SIZE], path[PATH_SIZE], line[PATH_SIZE + 32];
	struct sandbox_mount mount = {.kind = SANDBOX_MOUNT_BIND, .source = path, .target = "/x"};
	struct policy policy;
	int fd = -1;

	(void)state;
	assert_int_equal(scratch_make("policy", directory), 0);
	(void)snprintf(path, sizeof(path), "%s/file", directory);
	write_file(path, "x", 1, 0644);
	policy_init(&policy);
	expect_words(&policy, &mount, "launcher.conf: allow-mount defaults, allow-mount DIR)");
	(void)snprintf(line, sizeof(line), "allow-mount %s\n", directory);
	assert_int_equal(policy_parse(&policy, line, NULL), 0);
	assert_int_equal(policy_open_mounts(&policy, NULL), 0);
	policy.uid = 54321;
	mount.flags = SANDBOX_MOUNT_NOEXEC | SANDBOX_MOUNT_MAPPED;
	assert_int_equal(policy_open_source(&policy, &mount, &fd, NULL), 0);
	close_fd(&fd);
	assert_int_equal(mount.flags, SANDBOX_MOUNT_NOEXEC);
	mount.flags = SANDBOX_MOUNT_WRITABLE;
	expect_words(&policy, &mount, "may not be written (launcher.conf: allow-mount ");
	assert_int_equal(chmod(path, 0640), 0);
	mount.flags = SANDBOX_MOUNT_MAPPED;
	if (geteuid() == 0) {
		expect_words(&policy, &mount, "belongs to root, whose files no task may own");
		assert_int_equal(chown(path, 1234, 1234), 0);
		expect_words(&policy, &mount, "only uid 1234 may read it: chmod o+r, or ");
		policy.uid = 1234;
		assert_int_equal(policy_open_source(&policy, &mount, &fd, NULL), 0);
		close_fd(&fd);
		assert_int_equal(mount.flags, SANDBOX_MOUNT_MAPPED);
	}
	mount.source = "/proc/version";
	mount.flags = SANDBOX_MOUNT_WRITABLE;
	expect_words(&policy, &mount, "not allowed (launcher.conf: allow-mount DIR rw)");
	policy_finish(&policy);
	assert_int_equal(scratch_remove(directory), 0);
}

/* A place that the operator names must be there. */
static void test_missing_place(void **state)
{
	struct policy policy;

	(void)state;
	policy_init(&policy);
	assert_int_equal(policy_parse(&policy, "allow-mount /no/such/place", NULL), 0);
	assert_int_equal(policy_open_mounts(&policy, NULL), -1);
	policy_finish(&policy);
}

/* Everything that the image "host" binds may be bound without a word of the operator. */
static void test_host_image_is_allowed(void **state)
{
	struct policy policy;
	struct image image = {0};

	(void)state;
	policy_init(&policy);
	assert_int_equal(policy_open_mounts(&policy, NULL), 0);
	assert_int_equal(image_resolve(IMAGE_DEFAULT, &image, NULL), 0);
	for (size_t i = 0; i < image.layer_count; i++)
		if (image.layers[i].kind == IMAGE_LAYER_BIND)
			expect_source(&policy, image.layers[i].source, 0, BERTH_NONE);
	image_finish(&image);
	policy_finish(&policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_everything),    cmocka_unit_test(test_wrong_lines),
		cmocka_unit_test(test_many_mounts),   cmocka_unit_test(test_files),
		cmocka_unit_test(test_sources),       cmocka_unit_test(test_files_of_a_run),
		cmocka_unit_test(test_missing_place), cmocka_unit_test(test_host_image_is_allowed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
