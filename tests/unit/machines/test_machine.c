/* SPDX-License-Identifier: Apache-2.0 */
/* Presets and drop-ins: what ships, what an operator may change, and how a bad file is refused. */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "machines/machine.h"

static char presets[4096];

struct fixture {
	char path[64];
	struct machine_list list;
	struct berth_error err;
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	if (!fixture)
		return -1;
	strcpy(fixture->path, "/tmp/berth-test-machine-XXXXXX");
	*state = fixture;
	return mkdtemp(fixture->path) ? 0 : -1;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	AUTO_DIRECTORY DIR *directory = opendir(fixture->path);
	struct dirent *entry;

	while ((entry = readdir(directory)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			(void)unlinkat(dirfd(directory), entry->d_name, 0);
	(void)rmdir(fixture->path);
	machine_list_finish(&fixture->list);
	free(fixture);
	return 0;
}

static void add_file(const struct fixture *fixture, const char *name, const char *content)
{
	char path[256];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", fixture->path, name);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_int_equal(fputs(content, file) >= 0, 1);
	assert_int_equal(fclose(file), 0);
}

static int load(struct fixture *fixture)
{
	return machine_list_load(presets, fixture->path, &fixture->list, &fixture->err);
}

static const struct machine *find(struct fixture *fixture, const char *name)
{
	const struct machine *machine = NULL;

	if (machine_find(&fixture->list, name, &machine, &fixture->err) < 0)
		fail_msg("%s", fixture->err.message);
	return machine;
}

static void the_presets_are_as_documented(void **state)
{
	static const struct {
		const char *name;
		uint64_t cpu_millis, memory_mib;
	} rows[] = {
		{"micro",     250,  256  },
                {"small-1x",  500,  512  },
                {"small-2x",  1000, 1024 },
		{"medium-1x", 1000, 2048 },
                {"medium-2x", 2000, 4096 },
                {"large-1x",  4000, 8192 },
		{"large-2x",  8000, 16384},
	};
	struct fixture *fixture = *state;

	assert_int_equal(load(fixture), 0);
	assert_int_equal(fixture->list.count, sizeof(rows) / sizeof(rows[0]));
	for (size_t i = 0; i < fixture->list.count; i++) {
		const struct machine *machine = &fixture->list.machines[i];

		assert_string_equal(machine->name, rows[i].name);
		assert_int_equal(machine->limits.cpu_millis, rows[i].cpu_millis);
		assert_int_equal(machine->limits.memory_bytes, rows[i].memory_mib << 20);
		assert_int_equal(machine->limits.disk_bytes, UINT64_C(10) << 30);
		assert_true(machine->limits.pids >= 128);
		/* /tmp and /dev/shm full, and half of the memory is still there */
		assert_true(machine->limits.tmpfs_bytes * 4 <= machine->limits.memory_bytes);
		assert_true(strlen(machine->description) > 0);
	}
	assert_non_null(find(fixture, MACHINE_DEFAULT));
}

static void the_compiled_presets_are_those_of_the_file(void **state)
{
	struct fixture *fixture = *state;
	struct machine_list compiled;

	assert_int_equal(machine_list_load(presets, MACHINE_NO_DIRECTORY, &fixture->list, NULL), 0);
	assert_int_equal(machine_list_load(NULL, MACHINE_NO_DIRECTORY, &compiled, NULL), 0);
	assert_int_equal(compiled.count, fixture->list.count);
	for (size_t i = 0; i < compiled.count; i++)
		assert_memory_equal(&compiled.machines[i], &fixture->list.machines[i],
				    sizeof(compiled.machines[i]));
	machine_list_finish(&compiled);
}

static void a_missing_directory_holds_nothing(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(machine_list_load(presets, "/nonexistent/berth", &fixture->list, NULL), 0);
	assert_int_equal(fixture->list.count, 7);
}

static void a_dropin_resizes_only_what_it_names(void **state)
{
	struct fixture *fixture = *state;
	const struct machine *machine;

	add_file(fixture, "10-site.json",
		 "{\"small-1x\":{\"memory\":\"768M\",\"description\":\"ours\"}}");
	assert_int_equal(load(fixture), 0);
	machine = find(fixture, "small-1x");
	assert_int_equal(machine->limits.memory_bytes, 768 << 20);
	assert_string_equal(machine->description, "ours");
	assert_int_equal(machine->limits.cpu_millis, 500);
	assert_int_equal(machine->limits.pids, 256);
	assert_int_equal(fixture->list.count, 7);
}

static void a_dropin_adds_a_machine(void **state)
{
	struct fixture *fixture = *state;
	const struct machine *machine;

	add_file(fixture, "encoder.json",
		 "{\"encoder\":{\"cpu\":6,\"memory\":\"12G\",\"pids\":0}}");
	assert_int_equal(load(fixture), 0);
	assert_int_equal(fixture->list.count, 8);
	machine = find(fixture, "encoder");
	assert_ptr_equal(machine, &fixture->list.machines[7]);
	assert_int_equal(machine->limits.cpu_millis, 6000);
	assert_int_equal(machine->limits.pids, 0);           /* not limited, by name */
	assert_int_equal(machine->limits.open_files, 65536); /* the row's default */
	assert_string_equal(machine->description, "");
}

static void later_files_win(void **state)
{
	struct fixture *fixture = *state;

	add_file(fixture, "20.json", "{\"micro\":{\"pids\":20}}");
	add_file(fixture, "10.json", "{\"micro\":{\"pids\":10,\"cpu\":1}}");
	add_file(fixture, "30.json.off", "not read");
	add_file(fixture, ".40.json", "not read");
	assert_int_equal(load(fixture), 0);
	assert_int_equal(find(fixture, "micro")->limits.pids, 20);
	assert_int_equal(find(fixture, "micro")->limits.cpu_millis, 1000);
}

static void bad_files_are_refused_by_line_and_field(void **state)
{
	static const struct {
		const char *content, *message; /* after the path */
	} rows[] = {
		{"{\n\"micro\": {\n\"cpu\": \"x\"}}",
		 ":3: micro: cpu: \"x\" is not a number of CPUs"                                        },
		{"{\n\"micro\": {\"pids\": 2,\n\n\"memory\": -1}}",
		 ":4: micro: memory: -1 is not a size"                                                  },
		{"{\"micro\":{\n\"nope\":1}}",                      ":2: micro: nope: unknown field"    },
		{"{\"micro\":{\"io_weight\":1001}}",
		 ":1: micro: io_weight: 1001 is not between 0 and 1000"                                 },
		{"{\"micro\":{\"tmpfs\":0}}",
		 ":1: micro: tmpfs: 0 is not between 64 KiB and 64 TiB"                                 },
		{"{\"micro\":{\"description\":\n1}}",               ":1: micro: description: not a text"},
		{"{\n\"Micro\":{}}",                                ":2: Micro: not a machine name"     },
		{"{\"-x\":{}}",				     ":1: -x: not a machine name"        },
		{"{\"\":{}}",				       ":1: : not a machine name"          },
		{"{\"012345678901234567890123456789012\":{}}",
		 ":1: 01234567890123456789012345678901: not a machine name"                             },
		{"{\"micro\":\n[]}",                                ":1: micro: not an object of fields"},
		{"[]",					      ":1: not an object of machines"     },
		{"{\"micro\":{\"cpu\":1},\n\"micro\":{}}",          ":2: column 7: duplicate"           },
		{"{\n\n x}",					":3: column "                       },
		{"",						":1: column "                       },
	};
	struct fixture *fixture = *state;
	char expected[512];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		add_file(fixture, "bad.json", rows[i].content);
		assert_int_equal(load(fixture), -1);
		assert_int_equal(fixture->err.code, BERTH_INVALID);
		(void)snprintf(expected, sizeof(expected), "%s/bad.json%s", fixture->path,
			       rows[i].message);
		if (strncmp(fixture->err.message, expected, strlen(expected)) != 0)
			fail_msg("row %zu: %s", i, fixture->err.message);
	}
}

static void sizes_and_counts_are_limited(void **state)
{
	struct fixture *fixture = *state;
	AUTO_FREE char *content = calloc(1, MACHINE_FILE_MAX + 2);
	size_t used = 1;
	char name[32];

	assert_non_null(content);
	memset(content, ' ', MACHINE_FILE_MAX + 1);
	add_file(fixture, "a.json", content);
	assert_int_equal(load(fixture), -1);
	assert_int_equal(fixture->err.code, BERTH_LIMIT);
	content[0] = '{';
	for (int i = 0; i < MACHINES_MAX; i++)
		used += (size_t)sprintf(content + used, "%s\"m%d\":{}", i ? "," : "", i);
	strcpy(content + used, "}");
	add_file(fixture, "a.json", content);
	assert_int_equal(load(fixture), -1);
	assert_int_equal(fixture->err.code, BERTH_LIMIT);
	add_file(fixture, "a.json", "{}");
	for (int i = 0; i < MACHINE_DROPINS_MAX; i++) {
		(void)snprintf(name, sizeof(name), "b%d.json", i);
		add_file(fixture, name, "{}");
	}
	assert_int_equal(load(fixture), -1);
	assert_int_equal(fixture->err.code, BERTH_LIMIT);
}

static void the_environment_names_the_directory(void **state)
{
	struct fixture *fixture = *state;

	add_file(fixture, "a.json", "{\"mine\":{}}");
	assert_int_equal(setenv(MACHINE_DIRECTORY_VARIABLE, fixture->path, 1), 0);
	assert_int_equal(machine_list_load(presets, NULL, &fixture->list, NULL), 0);
	assert_int_equal(unsetenv(MACHINE_DIRECTORY_VARIABLE), 0);
	assert_int_equal(fixture->list.count, 8);
}

static void missing_presets_are_an_error(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(machine_list_load("/nonexistent.json", fixture->path, &fixture->list,
					   &fixture->err),
			 -1);
	assert_int_equal(fixture->err.code, BERTH_NOT_FOUND);
}

static void unknown_machines_name_the_known(void **state)
{
	struct fixture *fixture = *state;
	const struct machine *machine = NULL;

	assert_int_equal(load(fixture), 0);
	assert_int_equal(machine_find(&fixture->list, "huge\x1b", &machine, &fixture->err), -1);
	assert_int_equal(fixture->err.code, BERTH_NOT_FOUND);
	assert_string_equal(
		fixture->err.message,
		"no machine \"huge\\x1b\"; there are micro, small-1x, small-2x, medium-1x, "
		"medium-2x, large-1x, large-2x");
	assert_null(machine);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const char *source = getenv("BERTH_SOURCE_DIR");
	const struct CMUnitTest tests[] = {
		TEST(the_presets_are_as_documented),
		TEST(the_compiled_presets_are_those_of_the_file),
		TEST(a_missing_directory_holds_nothing),
		TEST(a_dropin_resizes_only_what_it_names),
		TEST(a_dropin_adds_a_machine),
		TEST(later_files_win),
		TEST(bad_files_are_refused_by_line_and_field),
		TEST(sizes_and_counts_are_limited),
		TEST(the_environment_names_the_directory),
		TEST(missing_presets_are_an_error),
		TEST(unknown_machines_name_the_known),
	};

	(void)snprintf(presets, sizeof(presets), "%s/machines/presets.json", source ? source : ".");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
