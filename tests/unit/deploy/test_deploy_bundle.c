/* SPDX-License-Identifier: Apache-2.0 */
/* From a directory to a bundle, and what a stranger may not do on the way. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/descriptor.h"
#include "base/json.h"
#include "runner/control/control_table.h"
#include "runner/deploy/deploy_bundle.h"
#include "runner/deploy/deploy_files.h"
#include "tests/helpers/scratch.h"

struct places {
	char source_path[SCRATCH_SIZE], bundles_path[SCRATCH_SIZE];
	int source, bundles;
};

static int setup(void **state)
{
	struct places *places = malloc(sizeof(*places));

	assert_int_equal(scratch_make("source", places->source_path), 0);
	assert_int_equal(scratch_make("bundles", places->bundles_path), 0);
	places->source = open(places->source_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	places->bundles = open(places->bundles_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = places;
	return 0;
}

static int teardown(void **state)
{
	struct places *places = *state;

	(void)close(places->source);
	(void)close(places->bundles);
	assert_int_equal(scratch_remove(places->source_path), 0);
	assert_int_equal(scratch_remove(places->bundles_path), 0);
	free(places);
	return 0;
}

static void write_file(int dirfd, const char *path, const char *text, mode_t mode)
{
	AUTO_CLOSE int fd = openat(dirfd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(descriptor_write_all(fd, text, strlen(text), NULL), 0);
	assert_int_equal(fchmod(fd, mode), 0);
}

static void fill(int source)
{
	write_file(source, "berth.json", "{}", 0600);
	assert_int_equal(mkdirat(source, "bin", 0700), 0);
	write_file(source, "bin/run", "#!/bin/sh\n", 0700);
	write_file(source, "bin.txt", "text", 0644);
	write_file(source, "empty", "", 0644);
	assert_int_equal(symlinkat("bin/run", source, "link"), 0);
	assert_int_equal(mkdirat(source, ".git", 0700), 0);
	write_file(source, ".git/config", "secret", 0600);
}

static size_t count_entries(const char *path)
{
	AUTO_DIRECTORY DIR *directory = opendir(path);
	const struct dirent *entry;
	size_t count = 0;

	assert_non_null(directory);
	while ((entry = readdir(directory)))
		count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	return count;
}

static void test_there_and_back(void **state)
{
	struct places *places = *state;
	char digest[SHA256_TEXT_SIZE], again[SHA256_TEXT_SIZE], path[200], text[64];
	struct deploy_files files = {0};
	struct berth_error err = {0};
	AUTO_FREE char *data = NULL;
	struct stat status;
	size_t length;

	fill(places->source);
	assert_int_equal(deploy_files_collect(places->source, &files, &err), 0);
	assert_int_equal(json_array_size(files.list), 5);
	assert_true(deploy_files_is_executable(files.list, "bin/run"));
	assert_false(deploy_files_is_executable(files.list, "bin.txt"));
	if (deploy_bundle_write(places->bundles, files.list, files.descriptor, digest, &err) < 0)
		fail_msg("%s", err.message);
	(void)snprintf(path, sizeof(path), "%s/bin/run", digest);
	assert_int_equal(fstatat(places->bundles, path, &status, 0), 0);
	assert_int_equal(status.st_mode & 07777, 0555);
	(void)snprintf(path, sizeof(path), "%s/bin.txt", digest);
	assert_int_equal(descriptor_read_file(places->bundles, path, 100, &data, &length, NULL), 0);
	assert_string_equal(data, "text");
	(void)snprintf(path, sizeof(path), "%s/link", digest);
	assert_int_equal(readlinkat(places->bundles, path, text, sizeof(text)), 7);
	(void)snprintf(path, sizeof(path), "%s/.git", digest);
	assert_int_equal(faccessat(places->bundles, path, F_OK, 0), -1);
	assert_int_equal(
		deploy_bundle_write(places->bundles, files.list, files.descriptor, again, &err), 0);
	assert_string_equal(again, digest);
	assert_int_equal(count_entries(places->bundles_path), 1);
	deploy_files_finish(&files);
	write_file(places->source, "bin.txt", "other", 0644);
	assert_int_equal(deploy_files_collect(places->source, &files, &err), 0);
	assert_int_equal(
		deploy_bundle_write(places->bundles, files.list, files.descriptor, again, &err), 0);
	assert_string_not_equal(again, digest);
	deploy_files_finish(&files);
	assert_int_equal(deploy_bundle_remove(places->bundles, digest, &err), 0);
	assert_int_equal(deploy_bundle_remove(places->bundles, digest, &err), 0);
	assert_int_equal(count_entries(places->bundles_path), 1);
}

static void test_what_is_not_collected(void **state)
{
	struct places *places = *state;
	struct deploy_files files = {0};
	struct berth_error err;

	assert_int_equal(symlinkat("/etc/passwd", places->source, "out"), 0);
	assert_int_equal(deploy_files_collect(places->source, &files, &err), -1);
	assert_non_null(strstr(err.message, "out: a link that leaves the directory"));
	assert_int_equal(unlinkat(places->source, "out", 0), 0);
	assert_int_equal(mkfifoat(places->source, "fifo", 0600), 0);
	assert_int_equal(deploy_files_collect(places->source, &files, &err), -1);
	assert_non_null(strstr(err.message, "fifo: neither a file"));
	assert_int_equal(unlinkat(places->source, "fifo", 0), 0);
	write_file(places->source, "bad\xff", "x", 0600);
	assert_int_equal(deploy_files_collect(places->source, &files, &err), -1);
	assert_non_null(strstr(err.message, "is not UTF-8"));
}

static int make_source(const char *text, unsigned seals)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_int_equal(descriptor_write_all(fd, text, strlen(text), NULL), 0);
	if (seals)
		assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

#define SEALED (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static void test_strangers(void **state)
{
	static const char *const rows[][2] = {
		{"{}",							     "not a list"                              },
		{"[{\"path\":\"../a\",\"size\":4}]",                               "not a path inside"                       },
		{"[{\"path\":\"/a\",\"size\":4}]",                                 "not a path inside"                       },
		{"[{\"path\":\"a\",\"size\":5}]",                                  "the files have 5 bytes, the descriptor 4"},
		{"[{\"path\":\"a\",\"size\":-1}]",                                 "size"                                    },
		{"[{\"path\":\"b\",\"size\":2},{\"path\":\"a\",\"size\":2}]",      "out of order"                            },
		{"[{\"path\":\"a\",\"size\":2},{\"path\":\"a\",\"size\":2}]",      "there twice"                             },
		{"[{\"path\":\"a\",\"size\":2},{\"path\":\"a/b\",\"size\":2}]",    "there twice"                             },
		{"[{\"path\":\"a\",\"link\":\"..\"},{\"path\":\"b\",\"size\":4}]", "leaves"                                  },
		{"[{\"path\":\"a\",\"link\":\"b\",\"size\":4}]",                   "leaves"                                  },
		{"[{\"path\":\"a\",\"mode\":1}]",                                  "unknown field"                           },
		{"[{\"path\":\"a.b\",\"size\":2},{\"path\":\"a\",\"size\":2}]",    "out of order"                            },
	};
	struct places *places = *state;
	char digest[SHA256_TEXT_SIZE];
	struct berth_error err;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO_CLOSE int source = make_source("abcd", SEALED);
		AUTO_JSON json_t *list = json_loads(rows[i][0], 0, NULL);

		assert_int_equal(deploy_bundle_write(places->bundles, list, source, digest, &err),
				 -1);
		if (!strstr(err.message, rows[i][1]))
			fail_msg("\"%s\" is not in: %s", rows[i][1], err.message);
	}
	assert_int_equal(count_entries(places->bundles_path), 0);
}

/* A descriptor that its owner could still change, or that could make the reader wait. */
static void test_sources(void **state)
{
	struct places *places = *state;
	AUTO_JSON json_t *list = json_pack("[{s:s, s:i}]", "path", "a", "size", 4);
	AUTO_CLOSE int loose = make_source("abcd", 0), half = make_source("abcd", F_SEAL_SHRINK);
	char digest[SHA256_TEXT_SIZE];
	struct berth_error err;
	int pipe_ends[2];

	assert_int_equal(pipe(pipe_ends), 0);
	assert_int_equal(deploy_bundle_write(places->bundles, list, loose, digest, &err), -1);
	assert_int_equal(deploy_bundle_write(places->bundles, list, half, digest, &err), -1);
	assert_int_equal(deploy_bundle_write(places->bundles, list, pipe_ends[0], digest, &err),
			 -1);
	assert_int_equal(deploy_bundle_write(places->bundles, list, places->source, digest, &err),
			 -1);
	assert_non_null(strstr(err.message, "no memfd sealed"));
	(void)close(pipe_ends[0]);
	(void)close(pipe_ends[1]);
}

/* Nothing is left of a writer that died, and nothing else goes. */
static void test_sweep(void **state)
{
	struct places *places = *state;
	struct berth_error err;

	assert_int_equal(mkdirat(places->bundles, "new_0123", 0700), 0);
	assert_int_equal(mkdirat(places->bundles, "new_0123/d", 0700), 0);
	write_file(places->bundles, "new_0123/d/f", "x", 0400);
	assert_int_equal(mkdirat(places->bundles, "abcd", 0700), 0);
	assert_int_equal(deploy_bundle_sweep(places->bundles, &err), 0);
	assert_int_equal(count_entries(places->bundles_path), 1);
	assert_int_equal(deploy_bundle_remove(places->bundles, "..", &err), -1);
	assert_int_equal(deploy_bundle_remove(places->bundles, "a/b", &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_there_and_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_not_collected, setup, teardown),
		cmocka_unit_test_setup_teardown(test_strangers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sources, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sweep, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
