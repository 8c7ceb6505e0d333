/* SPDX-License-Identifier: Apache-2.0 */
/* A launch spec as bytes: there and back, and every field of it wrong in turn. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "runner/launcher/launch_spec.h"

#define MEBIBYTE (UINT64_C(1) << 20)

static struct launch_spec_room room;

static const char *const arguments[] = {"/bin/program", "", "third", NULL};
static const char *const environment[] = {"PATH=/bin", "EMPTY=", NULL};
static const struct sandbox_mount mounts[] = {
	{SANDBOX_MOUNT_BIND,      SANDBOX_MOUNT_OPTIONAL, "/usr",    "/usr",      NULL,   0,     0},
	{SANDBOX_MOUNT_SYMLINK,   0,                      "usr/bin", "/bin",      NULL,   0,     0},
	{SANDBOX_MOUNT_FILE,      0,                      NULL,      "/etc/file", "a\nb", 0,     0},
	{SANDBOX_MOUNT_FILE,      0,                      NULL,      "/etc/none", "",     0,     0},
	{SANDBOX_MOUNT_TMPFS,     SANDBOX_MOUNT_WRITABLE, NULL,      "/scratch",  NULL,   65536, 9},
	{SANDBOX_MOUNT_DIRECTORY, 0,                      NULL,      "/var/lib",  NULL,   0,     0},
};

static struct launch_spec make_spec(void)
{
	return (struct launch_spec){
		.sandbox =
			{
				  .name = "run-1",
				  .arguments = arguments,
				  .environment = environment,
				  .working_directory = "/work",
				  .mounts = mounts,
				  .mount_count = sizeof(mounts) / sizeof(mounts[0]),
				  .limits = {.cpu_millis = 1,
					   .memory_bytes = 2,
					   .pids = 3,
					   .tmpfs_bytes = 4,
					   .tmpfs_inodes = 5,
					   .disk_bytes = 6,
					   .disk_inodes = 7,
					   .io_weight = 8,
					   .open_files = 9,
					   .log_bytes = 10},
				  .network = SANDBOX_NETWORK_HOST,
				  .channel = true,
				  },
		.volumes = {{LAUNCH_VOLUME_MEMORY, 0, "/work", 4096, 1},
				  {LAUNCH_VOLUME_DISK, LAUNCH_VOLUME_VIEWED, "/output", 8 * MEBIBYTE, 64},
				  {LAUNCH_VOLUME_CHECKPOINT, 0, "/checkpoint", 8 * MEBIBYTE, 64} },
		.volume_count = 3,
	};
}

static char *encode(const struct launch_spec *spec, size_t *ret_length)
{
	char *bytes;

	assert_int_equal(launch_spec_measure(spec, ret_length, NULL), 0);
	bytes = malloc(*ret_length);
	assert_non_null(bytes);
	launch_spec_encode(spec, bytes);
	return bytes;
}

static void expect_strings(const char *const *have, const char *const *want)
{
	for (; *want; want++, have++) {
		assert_non_null(*have);
		assert_string_equal(*have, *want);
	}
	assert_null(*have);
}

static void expect_text(const char *have, const char *want)
{
	if (!want) {
		assert_null(have);
		return;
	}
	assert_non_null(have);
	assert_string_equal(have, want);
}

static void test_round_trip(void **state)
{
	const struct launch_spec spec = make_spec();
	AUTO_FREE char *bytes = NULL, *again = NULL;
	struct launch_spec decoded;
	size_t length, length_again;

	(void)state;
	bytes = encode(&spec, &length);
	assert_int_equal(launch_spec_decode(bytes, length, &room, &decoded, NULL), 0);
	assert_string_equal(decoded.sandbox.name, "run-1");
	assert_string_equal(decoded.sandbox.working_directory, "/work");
	assert_null(decoded.sandbox.hostname);
	expect_strings(decoded.sandbox.arguments, arguments);
	expect_strings(decoded.sandbox.environment, environment);
	assert_int_equal(decoded.sandbox.mount_count, spec.sandbox.mount_count);
	for (size_t i = 0; i < spec.sandbox.mount_count; i++) {
		const struct sandbox_mount *have = &decoded.sandbox.mounts[i];

		assert_int_equal(have->kind, mounts[i].kind);
		assert_int_equal(have->flags, mounts[i].flags);
		assert_int_equal(have->bytes, mounts[i].bytes);
		assert_int_equal(have->inodes, mounts[i].inodes);
		expect_text(have->source, mounts[i].source);
		expect_text(have->target, mounts[i].target);
		expect_text(have->content, mounts[i].content);
	}
	assert_memory_equal(&decoded.sandbox.limits, &spec.sandbox.limits,
			    sizeof(spec.sandbox.limits));
	assert_int_equal(decoded.volume_count, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(decoded.volumes[i].kind, spec.volumes[i].kind);
		assert_int_equal(decoded.volumes[i].flags, spec.volumes[i].flags);
		assert_int_equal(decoded.volumes[i].bytes, spec.volumes[i].bytes);
		assert_string_equal(decoded.volumes[i].target, spec.volumes[i].target);
	}
	assert_true(decoded.sandbox.channel);
	assert_int_equal(decoded.sandbox.stdin_fd, -1);
	/* one form: what was read is written as it was */
	again = encode(&decoded, &length_again);
	assert_int_equal(length_again, length);
	assert_memory_equal(again, bytes, length);
}

/* Every prefix, every longer one, and every byte set to something else: no read beyond the end (the
 * sanitizer watches), and what is accepted is canonical. */
static void test_every_byte(void **state)
{
	const struct launch_spec spec = make_spec();
	AUTO_FREE char *bytes = NULL, *longer = NULL;
	struct launch_spec decoded;
	size_t length;

	(void)state;
	bytes = encode(&spec, &length);
	for (size_t cut = 0; cut < length; cut++) {
		AUTO_FREE char *shorter = malloc(cut + 1);

		assert_non_null(shorter);
		memcpy(shorter, bytes, cut);
		assert_int_equal(launch_spec_decode(shorter, cut, &room, &decoded, NULL), -1);
	}
	longer = calloc(1, length + 1);
	assert_non_null(longer);
	memcpy(longer, bytes, length);
	assert_int_equal(launch_spec_decode(longer, length + 1, &room, &decoded, NULL), -1);
	for (size_t at = 0; at < length; at++) {
		AUTO_FREE char *again = NULL;
		size_t length_again;

		longer[at] = (char)(longer[at] ^ 0x81);
		if (launch_spec_decode(longer, length, &room, &decoded, NULL) == 0) {
			again = encode(&decoded, &length_again);
			assert_int_equal(length_again, length);
			assert_memory_equal(again, longer, length);
		}
		longer[at] = bytes[at];
	}
}

/* A field of the header, by offset, with a value it must not have. */
struct wrong_field {
	size_t offset;
	uint32_t value;
	enum berth_code code;
	const char *words;
};

#define FIELD(name) offsetof(struct launch_spec_header, name)

static const struct wrong_field wrong_fields[] = {
	{FIELD(version),                  99,         BERTH_PROTOCOL, "version"           },
	{FIELD(bytes),                    1,          BERTH_PROTOCOL, "says 1"            },
	{FIELD(network),                  2,          BERTH_INVALID,  "network"           },
	{FIELD(channel),                  2,          BERTH_PROTOCOL, "channel"           },
	{FIELD(reserved),                 1,          BERTH_PROTOCOL, "reserved"          },
	{FIELD(argument_count),           2000,       BERTH_LIMIT,    "arguments"         },
	{FIELD(environment_count),        UINT32_MAX, BERTH_LIMIT,    "environment"       },
	{FIELD(mount_count),              257,        BERTH_LIMIT,    "mounts"            },
	{FIELD(mount_count),              256,        BERTH_PROTOCOL, "ends in its tables"},
	{FIELD(volume_count),             9,          BERTH_LIMIT,    "volumes"           },
	{FIELD(name_length),              UINT32_MAX, BERTH_INVALID,  "name is missing"   },
	{FIELD(name_length),              100000,     BERTH_PROTOCOL, "ends beyond"       },
	{FIELD(name_length),              4,          BERTH_PROTOCOL, "NUL"               },
	{FIELD(working_directory_length), 1,          BERTH_PROTOCOL, "NUL"               },
	{FIELD(hostname_length),          3,          BERTH_PROTOCOL, "NUL"               },
};

static void test_wrong_fields(void **state)
{
	const struct launch_spec spec = make_spec();
	AUTO_FREE char *bytes = NULL;
	struct launch_spec decoded;
	size_t length;

	(void)state;
	bytes = encode(&spec, &length);
	for (size_t i = 0; i < sizeof(wrong_fields) / sizeof(wrong_fields[0]); i++) {
		const struct wrong_field *row = &wrong_fields[i];
		struct berth_error err = {0};
		uint32_t kept;

		memcpy(&kept, bytes + row->offset, sizeof(kept));
		memcpy(bytes + row->offset, &row->value, sizeof(row->value));
		assert_int_equal(launch_spec_decode(bytes, length, &room, &decoded, &err), -1);
		if (err.code != row->code || !strstr(err.message, row->words))
			fail_msg("row %zu: \"%s\" (%s) does not say \"%s\"", i, err.message,
				 berth_code_name(err.code), row->words);
		memcpy(bytes + row->offset, &kept, sizeof(kept));
	}
}

static void refuse(const struct launch_spec *spec, enum berth_code code, const char *words)
{
	AUTO_FREE char *bytes = NULL;
	struct berth_error err = {0};
	struct launch_spec decoded;
	size_t length;

	bytes = encode(spec, &length);
	assert_int_equal(launch_spec_decode(bytes, length, &room, &decoded, &err), -1);
	if (err.code != code || !strstr(err.message, words))
		fail_msg("\"%s\" (%s) does not say \"%s\"", err.message, berth_code_name(err.code),
			 words);
}

/* Well-formed bytes that ask for what makes no sense. */
static void test_wrong_specs(void **state)
{
	struct sandbox_mount mount = {SANDBOX_MOUNT_BIND, 0, "/usr", "/usr", NULL, 0, 0};
	struct launch_spec spec = make_spec();

	(void)state;
	spec.sandbox.mounts = &mount;
	spec.sandbox.mount_count = 1;
	mount.flags = 1U << 20;
	refuse(&spec, BERTH_PROTOCOL, "flags");
	mount.flags = 0;
	mount.kind = (enum sandbox_mount_kind)17;
	refuse(&spec, BERTH_INVALID, "kind 17");
	mount.kind = SANDBOX_MOUNT_DIRECTORY;
	refuse(&spec, BERTH_INVALID, "does not need");
	mount.kind = SANDBOX_MOUNT_FILE;
	refuse(&spec, BERTH_INVALID, "content is missing");
	mount = (struct sandbox_mount){SANDBOX_MOUNT_BIND, 0, NULL, "/usr", NULL, 0, 0};
	refuse(&spec, BERTH_INVALID, "source is missing");
	mount = (struct sandbox_mount){SANDBOX_MOUNT_BIND, 0, "/usr", "/a/../b", NULL, 0, 0};
	refuse(&spec, BERTH_INVALID, "component");
	spec = make_spec();
	spec.volumes[0].kind = (enum launch_volume_kind)3;
	refuse(&spec, BERTH_INVALID, "kind 3");
	spec = make_spec();
	spec.volumes[0].flags = 2;
	refuse(&spec, BERTH_PROTOCOL, "flags");
	spec = make_spec();
	spec.volumes[1].bytes = 4096;
	refuse(&spec, BERTH_INVALID, "too small");
	spec = make_spec();
	spec.volumes[0].inodes = 0;
	refuse(&spec, BERTH_INVALID, "too small");
	spec = make_spec();
	spec.volumes[1].kind = LAUNCH_VOLUME_CHECKPOINT;
	refuse(&spec, BERTH_LIMIT, "one checkpoint");
	spec = make_spec();
	spec.volumes[0].flags = spec.volumes[2].flags = LAUNCH_VOLUME_VIEWED;
	refuse(&spec, BERTH_LIMIT, "viewed");
	spec = make_spec();
	spec.sandbox.name = "Not A Name";
	refuse(&spec, BERTH_INVALID, "name");
	spec = make_spec();
	spec.sandbox.limits.tmpfs_bytes = 0;
	refuse(&spec, BERTH_INVALID, "tmpfs");
	spec = make_spec();
	spec.sandbox.arguments = (const char *const[]){NULL};
	refuse(&spec, BERTH_INVALID, "no command");
}

static void test_too_large(void **state)
{
	AUTO_FREE char *content = malloc(LAUNCH_SPEC_BYTES_MAX + 1);
	struct sandbox_mount mount = {SANDBOX_MOUNT_FILE, 0, NULL, "/file", content, 0, 0};
	struct launch_spec spec = make_spec();
	struct berth_error err = {0};
	size_t length;

	(void)state;
	assert_non_null(content);
	memset(content, 'x', LAUNCH_SPEC_BYTES_MAX);
	content[LAUNCH_SPEC_BYTES_MAX] = '\0';
	spec.sandbox.mounts = &mount;
	spec.sandbox.mount_count = 1;
	assert_int_equal(launch_spec_measure(&spec, &length, &err), -1);
	assert_int_equal(err.code, BERTH_LIMIT);
	content[LAUNCH_SPEC_BYTES_MAX - 4096] = '\0';
	assert_int_equal(launch_spec_measure(&spec, &length, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),   cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_wrong_fields), cmocka_unit_test(test_wrong_specs),
		cmocka_unit_test(test_too_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
