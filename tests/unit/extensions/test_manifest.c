/* SPDX-License-Identifier: Apache-2.0 */
/* Manifests: what is taken, and that everything else is refused by line and field. */
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
#include "base/json.h"
#include "extensions/manifest.h"
#include "tests/helpers/scratch.h"

static char root[64];

static int set_up(void **state)
{
	(void)state;
	return scratch_make("manifest", root);
}

static int tear_down(void **state)
{
	(void)state;
	return scratch_remove(root);
}

static void put(const char *name, const char *content)
{
	char path[256];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/ffmpeg", root);
	(void)mkdir(path, 0700);
	(void)snprintf(path, sizeof(path), "%s/ffmpeg/%s", root, name);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(content, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static const char full[] =
	"{\"name\":\"ffmpeg\",\"description\":\"Video\","
	"\"requires\":[{\"library\":\"libavformat.so.59\",\"package\":\"libavformat59\"},"
	"{\"program\":\"ffmpeg\",\"package\":\"ffmpeg\"}],"
	"\"mounts\":[{\"source\":\"/etc/fonts\",\"target\":\"/etc/fonts\",\"optional\":true}],"
	"\"environment\":{\"A\":\"1\",\"_B2\":\"x=y\"},"
	"\"tasks\":[{\"id\":\"video.transcode\",\"program\":\"video-transcode\",\"description\":\"Transcode\","
	"\"machine\":\"small-2x\",\"disk\":true,\"timeout\":\"6h\",\"attempts\":3},"
	"{\"id\":\"video.probe\",\"program\":\"video-probe\",\"description\":\"Probe\"}]}";

static void loads_everything(void **state)
{
	struct extension extension = {0};
	struct berth_error err;
	char directory[128];
	char *path;

	(void)state;
	put("extension.json", full);
	(void)snprintf(directory, sizeof(directory), "%s/./ffmpeg/", root);
	if (extension_load(directory, &extension, &err) < 0)
		fail_msg("%s", err.message);
	(void)snprintf(directory, sizeof(directory), "%s/ffmpeg", root);
	assert_string_equal(extension.directory, directory);
	assert_string_equal(extension.name, "ffmpeg");
	assert_int_equal(extension.requirement_count, 2);
	assert_string_equal(extension.requirements[0].library, "libavformat.so.59");
	assert_null(extension.requirements[0].program);
	assert_string_equal(extension.requirements[1].program, "ffmpeg");
	assert_int_equal(extension.mount_count, 2);
	assert_string_equal(extension.mounts[0].source, directory);
	assert_string_equal(extension.mounts[0].target, "/opt/berth/extensions/ffmpeg");
	assert_false(extension.mounts[0].optional);
	assert_string_equal(extension.mounts[1].target, "/etc/fonts");
	assert_true(extension.mounts[1].optional);
	assert_int_equal(extension.environment_count, 2);
	assert_string_equal(extension.environment[0], "A=1");
	assert_string_equal(extension.environment[1], "_B2=x=y");
	assert_null(extension.environment[2]);
	assert_int_equal(extension.task_count, 2);
	assert_true(extension.tasks[0].disk);
	assert_int_equal(extension.tasks[0].timeout_ms, 6 * 3600 * 1000);
	assert_int_equal(extension.tasks[0].attempts, 3);
	assert_null(extension.tasks[1].machine);
	assert_int_equal(extension.tasks[1].attempts, 1);
	assert_int_equal(extension.tasks[1].timeout_ms, 0);
	path = extension_task_path(&extension, &extension.tasks[1]);
	assert_string_equal(path, "/opt/berth/extensions/ffmpeg/video-probe");
	free(path);
	extension_finish(&extension);
	extension_finish(&extension); /* once more does nothing */
}

static void the_least_is_a_name(void **state)
{
	static const char least[] = "{\"name\":\"x\",\"description\":\"d\"}";
	struct extension extension = {0};

	(void)state;
	assert_int_equal(extension_parse(least, strlen(least), "/a/x", &extension, NULL), 0);
	assert_int_equal(extension.mount_count, 1);
	assert_int_equal(extension.task_count, 0);
	assert_null(extension.environment[0]);
	extension_finish(&extension);
}

/* A manifest named x with one more member. */
#define WITH(member) "{\"name\":\"x\",\"description\":\"d\",\n" member "}"
#define TASK(member)                                                                               \
	WITH("\"tasks\":[{\"id\":\"a.b\",\"program\":\"p\",\"description\":\"d\"},\n{" member "}]")
#define MOUNT(source, target)                                                                      \
	WITH("\"mounts\":[{\"source\":\"" source "\",\n\"target\":\"" target "\"}]")

static void refuses_by_line_and_field(void **state)
{
	static const struct {
		const char *text, *message;
	} rows[] = {
		{"",									     ": line 1, column "                              },
		{"[]",									   ":1: manifest: not an object"                    },
		{"{\"name\":\"x\"}",							     ":1: description: missing, it is required"       },
		{"{\"name\":\"y\",\n\"description\":\"d\"}",
		 ":1: name: not the name of its directory"											},
		{"{\"description\":\"d\",\n\"name\":\"X\"}",                                     ":2: name: not 1 to 32 of"                       },
		{"{\"description\":\"d\",\n\"name\":\"-x\"}",                                    ":2: name: not 1 to 32 of"                       },
		{"{\"name\":1,\"description\":\"d\"}",                                           ":1: name: 1 is not a text"                      },
		{WITH("\"nope\":1"),							     ":2: nope: unknown field"                        },
		{WITH("\"requires\":{}"),							":2: requires: not an array"                     },
		{WITH("\"requires\":[1]"),						       ":2: 0: not an object"                           },
		{WITH("\"requires\":[{\"package\":\"p\"}]"),                                     ":2: 0: needs a library or a program"            },
		{WITH("\"requires\":[{\"package\":\"p\",\"library\":\"a\",\"program\":\"b\"}]"),
		 ":2: 0: needs a library or a program"											    },
		{WITH("\"requires\":[{\"library\":\"a\"}]"),                                     ":2: package: missing"                           },
		{WITH("\"requires\":[{\"package\":\"p\",\n\"library\":\"../a\"}]"),
		 ":3: library: not a file name"												   },
		{WITH("\"requires\":[{\"package\":\"p\",\n\"program\":\"a/b\"}]"),
		 ":3: program: not a file name"												   },
		{WITH("\"requires\":[{\"package\":\"p; rm -rf\",\n\"program\":\"a\"}]"),
		 ":2: package: not a Debian"												      },
		{MOUNT("etc",								    "/a"),					     ":2: source: not an absolute path"},
		{MOUNT("/",									      "/a"),														       ":2: source: not an absolute path"},
		{MOUNT("/etc/../x",					    "/a"),":2: source: not an absolute path"},
		{MOUNT("/a",			      "b"),								       ":3: target: not an absolute path"},
		{MOUNT("/a",								     "/"),										     ":3: target: not an absolute path"},
		{MOUNT("/a",									      "/b/"),														      ":3: target: not an absolute path"},
		{MOUNT("/a",					    "//b"),         ":3: target: not an absolute path"},
		{MOUNT("/a","/b/./c"),":3: target: not an absolute path"},
		{MOUNT("/a",								     "/proc"),								     ":3: target: in a place that is the sandbox's own"},
		{MOUNT("/a",									      "/proc/sys"),														      ":3: target: in a place that is the sandbox's own"},
		{MOUNT("/a",					    "/run"),																									 ":3: target: in a place that is the sandbox's own"},
		{MOUNT("/a",  "/opt"),":3: target: in a place that is the sandbox's own"},
		{MOUNT("/a",								     "/work/x"),                             ":3: target: in a place that is the sandbox's own"},
		{WITH("\"environment\":[]"),									      ":2: environment: not an object"														     },
		{WITH("\"environment\":{\n\"A\":1}"),                            ":3: A: not a text"},
		{WITH("\"environment\":{\n\"1A\":\"\"}"),								      ":3: 1A: not a variable's name"																	},
		{WITH("\"environment\":{\n\"A=B\":\"\"}"),								     ":3: A=B: not a variable's name"                                       },
		{WITH("\"environment\":{\n\"\":\"\"}"),									      ":3: : not a variable's name"												     },
		{WITH("\"environment\":{\n\"BERTH_X\":\"\"}"),									      ":3: BERTH_X: BERTH_ variables"},
		{TASK(""),									      ":3: id: missing"																										    },
		{TASK("\"id\":\"a\",\"program\":\"p\",\"description\":\"d\""),
		 ":3: id: text of 1 bytes"},
		{TASK("\"id\":\"abc\",\"program\":\"p\",\"description\":\"d\""),
		 ":3: id: not a task's name"						   },
		{TASK("\"id\":\"a/.b\",\"program\":\"p\",\"description\":\"d\""),
		 ":3: id: not a task's name"},
		{TASK("\"id\":\"..b\",\"program\":\"p\",\"description\":\"d\""),
		 ":3: id: not a task's name"																		},
		{TASK("\"id\":\"a.c\",\"program\":\"../p\",\"description\":\"d\""),
		 ":3: program: not a file name"},
		{TASK("\"id\":\"a.c\",\"program\":\".p\",\"description\":\"d\""),
		 ":3: program: not a file name"														  },
		{TASK("\"id\":\"a.c\",\"program\":\"p\",\"description\":\"d\",\n\"attempts\":0"),
		 ":4: attempts: 0 is not between 1 and 100"             },
		{TASK("\"id\":\"a.c\",\"program\":\"p\",\"description\":\"d\",\n\"timeout\":\"x\""),
		 ":4: timeout: \"x\" is not a duration"										   },
		{TASK("\"id\":\"a.c\",\"program\":\"p\",\"description\":\"d\",\n\"machine\":\"A B\""),
		 ":4: machine: not a machine's name"},
	};
	struct extension extension = {0};
	struct berth_error err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (extension_parse(rows[i].text, strlen(rows[i].text), "/a/x", &extension, &err) ==
		    0)
			fail_msg("row %zu was taken: %s", i, rows[i].text);
		assert_int_equal(err.code, BERTH_INVALID);
		assert_int_equal(
			strncmp(err.message, EXTENSION_MANIFEST, strlen(EXTENSION_MANIFEST)), 0);
		if (strncmp(err.message + strlen(EXTENSION_MANIFEST), rows[i].message,
			    strlen(rows[i].message)) != 0)
			fail_msg("row %zu: %s", i, err.message);
	}
	assert_null(extension.name);
}

/* Parses a manifest whose array or object `name` has count members. */
static int parse_many(const char *name, const char *open, const char *format, const char *close,
		      int count)
{
	AUTO_FREE char *text = malloc(1 << 20);
	struct extension extension = {0};
	size_t used;
	int result;

	assert_non_null(text);
	used = (size_t)sprintf(text, "{\"name\":\"x\",\"description\":\"d\",\"%s\":%s", name, open);
	for (int i = 0; i < count; i++) {
		used += (size_t)sprintf(text + used, "%s", i ? "," : "");
		for (const char *at = format; *at; at++)
			used += (size_t)(*at == '#' ? sprintf(text + used, "%d", i)
						    : sprintf(text + used, "%c", *at));
	}
	used += (size_t)sprintf(text + used, "%s}", close);
	result = extension_parse(text, used, "/a/x", &extension, NULL);
	if (result == 0)
		extension_finish(&extension);
	return result;
}

static void counts_are_limited(void **state)
{
	static const struct {
		const char *name, *open, *format, *close;
		int max;
	} rows[] = {
		{"requires",    "[", "{\"program\":\"p#\",\"package\":\"p\"}",                    "]",
		 EXTENSION_REQUIREMENTS_MAX										     },
		{"mounts",      "[", "{\"source\":\"/s#\",\"target\":\"/t#\"}",                   "]",
		 EXTENSION_MOUNTS_MAX											   },
		{"environment", "{", "\"V#\":\"\"",                                               "}", EXTENSION_ENVIRONMENT_MAX},
		{"tasks",       "[", "{\"id\":\"a.t#\",\"program\":\"p\",\"description\":\"d\"}", "]",
		 EXTENSION_TASKS_MAX											    },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(parse_many(rows[i].name, rows[i].open, rows[i].format,
					    rows[i].close, rows[i].max),
				 0);
		assert_int_equal(parse_many(rows[i].name, rows[i].open, rows[i].format,
					    rows[i].close, rows[i].max + 1),
				 -1);
	}
}

static void the_file_is_named_in_errors(void **state)
{
	struct extension extension = {0};
	struct berth_error err;
	char directory[128], expected[256];

	(void)state;
	(void)snprintf(directory, sizeof(directory), "%s/ffmpeg", root);
	assert_int_equal(extension_load(directory, &extension, &err), -1);
	assert_int_equal(err.code, BERTH_NOT_FOUND);
	put("extension.json", "{\"name\":\"ffmpeg\",\n\"nope\":1,\"description\":\"d\"}");
	assert_int_equal(extension_load(directory, &extension, &err), -1);
	(void)snprintf(expected, sizeof(expected), "%s/extension.json:2: nope: unknown field",
		       directory);
	assert_string_equal(err.message, expected);
	put("extension.json", "{\"name\":\n}");
	assert_int_equal(extension_load(directory, &extension, &err), -1);
	(void)snprintf(expected, sizeof(expected), "%s/extension.json:2: column 1: ", directory);
	assert_int_equal(strncmp(err.message, expected, strlen(expected)), 0);
}

static void reads_task_descriptions(void **state)
{
	struct extension extension = {0};
	struct berth_error err;
	json_t *description = NULL;
	char directory[128];

	(void)state;
	put("extension.json", full);
	put("video.probe.json", "{\"task\":\"video.probe\"}");
	(void)snprintf(directory, sizeof(directory), "%s/ffmpeg", root);
	assert_int_equal(extension_load(directory, &extension, NULL), 0);
	assert_int_equal(extension_read_task_description(&extension, &extension.tasks[1],
							 &description, NULL),
			 0);
	assert_string_equal(json_string_value(json_object_get(description, "task")), "video.probe");
	json_decref(description);
	assert_int_equal(extension_read_task_description(&extension, &extension.tasks[0],
							 &description, &err),
			 -1);
	assert_int_equal(err.code, BERTH_NOT_FOUND);
	extension_finish(&extension);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(loads_everything),
		TEST(the_least_is_a_name),
		TEST(refuses_by_line_and_field),
		TEST(counts_are_limited),
		TEST(the_file_is_named_in_errors),
		TEST(reads_task_descriptions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
