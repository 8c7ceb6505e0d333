/* SPDX-License-Identifier: Apache-2.0 */
/* A berth.json: what is accepted, and that errors name the line, the field and the remedy. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/descriptor.h"
#include "base/json.h"
#include "runner/deploy/deploy_manifest.h"
#include "runner/deploy/deploy_path.h"
#include "runner/deploy/deploy_table.h"
#include "tests/helpers/scratch.h"

static const char smallest[] =
	"{\"tasks\":[{\"id\":\"hello\",\"command\":[\"sh\",\"-c\",\"berth-task output "
	"\\\"{\\\\\\\"hi\\\\\\\":1}\\\"\"]}]}";

static const char largest[] =
	"{\"$schema\":\"./berth.schema.json\",\"name\":\"shop\",\n"
	"\"tasks\":[{\"id\":\"mail/send\",\"description\":\"sends\",\"program\":\"bin/send\",\n"
	"\"image\":\"host\",\"extensions\":[\"ffmpeg\"],\"machine\":\"micro\",\n"
	"\"queue\":{\"concurrencyLimit\":2,\"keyLimit\":1},\n"
	"\"retry\":{\"maxAttempts\":5,\"factor\":1.5,\"outOfMemory\":{\"ladder\":true}},\n"
	"\"maxDuration\":\"1h\",\"ttl\":600,\"env\":{\"A\":\"b\"},\"network\":\"host\",\n"
	"\"mounts\":[\"/data:/data\",\"/out:/out:rw\"],\"payloadSchema\":{\"type\":\"object\"},\n"
	"\"deadLetter\":\"mail/lost\",\"resume\":\"restart\",\"interrupted\":\"fail\",\n"
	"\"cwd\":\"/app/src\",\"limits\":{\"disk\":\"1G\",\"pids\":64}},\n"
	"{\"id\":\"mail/lost\",\"command\":[\"true\"],\"queue\":\"shared\"}],\n"
	"\"queues\":[{\"name\":\"shared\",\"concurrencyLimit\":4,\"sizeLimit\":1000}]}";

#define TASK(members) "{\"tasks\":[\n{\"id\":\"a\",\"command\":[\"true\"],\n" members "}]}"

static const char *const refused[][2] = {
	{"[]",										    "f:1: the file: not an object"                   },
	{"{}",										    "f:1: tasks: missing, it is required"            },
	{"{\"tasks\":[]}",									"f:1: tasks: not a list of 1 to 500"             },
	{"{\"tasks\":\n[1]}",								     "f:2: tasks.0: not an object"                    },
	{"{\"tasksz\":[],\"tasks\":[{}]}",							"did you mean tasks?"                            },
	{"{\"tasks\":[{}]}",								      "f:1: tasks.0.id: missing"                       },
	{"{\"tasks\":[{\"id\":\"a\"}]}",							  "tasks.0.command: either command or program"     },
	{TASK("\"program\":\"x\""),							       "f:3: tasks.0.program: either command or program"},
	{TASK("\"machnie\":\"micro\""),
	 "f:3: tasks.0.machnie: unknown field, did you mean machine?"									      },
	{TASK("\"zzzzzzzz\":1"),
	 "f:3: tasks.0.zzzzzzzz: unknown field; see: berth deploy --schema"                                                                        },
	{TASK("\"retry\":{\n\"maxAttempts\":0}"),
	 "f:4: tasks.0.retry.maxAttempts: 0 is not between"											},
	{TASK("\"retry\":{\"outOfMemory\":{\"lader\":true}}"),                                    "did you mean ladder?"                           },
	{TASK("\"retry\":3"),								     "f:3: tasks.0.retry: not an object"              },
	{TASK("\"queue\":\"\""),								  "tasks.0.queue: neither a name nor an object"    },
	{TASK("\"queue\":{\"limit\":1}"),							 "tasks.0.queue.limit: unknown field"             },
	{TASK("\"network\":\"egress\""),							  "\"egress\" is not one of none, host"            },
	{TASK("\"env\":{\"1A\":\"x\"}"),							  "tasks.0.env.1A: not a variable's name"          },
	{TASK("\"env\":{\"BERTH_X\":\"x\"}"),						     "BERTH_ variables are berth's own"               },
	{TASK("\"env\":{\"A\":1}"),							       "tasks.0.env.A: not a text"                      },
	{TASK("\"mounts\":[\"a:b\"]"),							    "tasks.0.mounts: not SRC:DST"                    },
	{TASK("\"mounts\":[\"/a:/b:x\"]"),							"tasks.0.mounts: not SRC:DST"                    },
	{TASK("\"mounts\":[\"/a/../b:/b\"]"),						     "tasks.0.mounts: not SRC:DST"                    },
	{TASK("\"mounts\":[1]"),								  "tasks.0.mounts.0: not a text"                   },
	{TASK("\"cwd\":\"src\""),								 "tasks.0.cwd: not an absolute path"              },
	{TASK("\"limits\":{\"memory\":\"1X\"}"),						  "f:3: tasks.0.limits.memory:"                    },
	{TASK("\"payloadSchema\":true"),							  "tasks.0.payloadSchema: not an object"           },
	{TASK("\"maxDuration\":\"soon\""),							"tasks.0.maxDuration:"                           },
	{TASK("\"checkpointFiles\":true,\"resume\":\"restart\""),
	 "tasks.0.checkpointFiles: of no use with"												 },
	{TASK("\"limits\":{\"memory\":\"1G\"},\"retry\":{\"outOfMemory\":{\"ladder\":true}}"),
	 "tasks.0.limits: memory is the same on every machine"										     },
	{TASK("\"checkpointFiles\":1"),							   "tasks.0.checkpointFiles:"                       },
	{TASK("\"deadLetter\":\"a\""),							    "tasks.0.deadLetter: the task itself"            },
	{"{\"tasks\":[{\"id\":\"-a\",\"command\":[\"x\"]}]}",                                     "tasks.0.id: not letters"                        },
	{"{\"tasks\":[{\"id\":\"a b\",\"command\":[\"x\"]}]}",                                    "tasks.0.id: not letters"                        },
	{"{\"tasks\":[{\"id\":\"a\",\"command\":[]}]}",                                           "tasks.0.command: not a list of 1 to 256"        },
	{"{\"tasks\":[{\"id\":\"a\",\"command\":[\"\"]}]}",                                       "begins with an empty text"                      },
	{"{\"tasks\":[{\"id\":\"a\",\"program\":\"../x\"}]}",                                     "not a path inside"                              },
	{"{\"tasks\":[{\"id\":\"a\",\"command\":[\"x\"]},\n{\"id\":\"a\",\"command\":[\"x\"]}]}",
	 "f:2: tasks.1.id: stands there twice"												     },
	{"{\"tasks\":[{\"id\":\"a\",\"command\":[\"x\"]}],\"queues\":[{}]}",
	 "queues.0.name: missing"														  },
	{"{\"tasks\":[{\"id\":\"a\",\"command\":[\"x\"]}],\n\"queues\":[{\"name\":\"q\"},"
	 "{\"name\":\"q\"}]}",							   "f:2: queues.1.name: stands there twice"         },
};

static int check(const char *text, struct berth_error *err)
{
	AUTO_JSON json_t *manifest = NULL;

	assert_int_equal(json_parse(text, strlen(text), &manifest, err), 0);
	return deploy_manifest_check(manifest, "f", text, err);
}

static void test_accepted(void **state)
{
	struct berth_error err = {0};

	(void)state;
	if (check(smallest, &err) < 0 || check(largest, &err) < 0)
		fail_msg("%s", err.message);
}

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct berth_error err = {0};

		assert_int_equal(check(refused[i][0], &err), -1);
		assert_int_equal(err.code, BERTH_INVALID);
		if (!strstr(err.message, refused[i][1]))
			fail_msg("\"%s\" is not in: %s", refused[i][1], err.message);
	}
}

static void test_without_source(void **state)
{
	AUTO_JSON json_t *manifest = json_pack("{s:[{}]}", "tasks");
	struct berth_error err;

	(void)state;
	assert_int_equal(deploy_manifest_check(manifest, "berth.json", NULL, &err), -1);
	assert_string_equal(err.message, "berth.json: tasks.0.id: missing, it is required");
}

static void test_read(void **state)
{
	AUTO_JSON json_t *manifest = NULL;
	char directory[SCRATCH_SIZE];
	AUTO_CLOSE int fd = -1;
	struct berth_error err;

	(void)state;
	assert_int_equal(scratch_make("deploy", directory), 0);
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(deploy_manifest_read(fd, "x/berth.json", &manifest, &err), -1);
	assert_int_equal(err.code, BERTH_NOT_FOUND);
	assert_int_equal(
		descriptor_replace_durable(fd, DEPLOY_FILE_NAME, "{\n\"tasks\":[}", 11, NULL), 0);
	assert_int_equal(deploy_manifest_read(fd, "x/berth.json", &manifest, &err), -1);
	assert_non_null(strstr(err.message, "berth.json:2: column"));
	assert_int_equal(
		descriptor_replace_durable(fd, DEPLOY_FILE_NAME, smallest, strlen(smallest), NULL),
		0);
	assert_int_equal(deploy_manifest_read(fd, "x/berth.json", &manifest, &err), 0);
	assert_int_equal(scratch_remove(directory), 0);
}

static bool is_bin_send(void *owner, const char *path)
{
	(void)owner;
	return strcmp(path, "bin/send") == 0;
}

static bool is_nothing(void *owner, const char *path)
{
	(void)owner;
	(void)path;
	return false;
}

static void test_programs(void **state)
{
	AUTO_JSON json_t *manifest = json_loads(largest, 0, NULL);
	struct berth_error err;

	(void)state;
	assert_int_equal(deploy_manifest_check_programs(manifest, is_bin_send, NULL, &err), 0);
	assert_int_equal(deploy_manifest_check_programs(manifest, is_nothing, NULL, &err), -1);
	assert_non_null(strstr(err.message, "tasks.0.program: bin/send is no executable"));
}

static void test_schema(void **state)
{
	AUTO_JSON json_t *schema = deploy_schema();
	json_t *tasks, *task, *retry;

	(void)state;
	tasks = json_object_get(json_object_get(schema, "properties"), "tasks");
	task = json_object_get(json_object_get(tasks, "items"), "properties");
	retry = json_object_get(json_object_get(task, "retry"), "properties");
	assert_non_null(json_object_get(task, "command"));
	assert_non_null(json_object_get(task, "payloadSchema"));
	assert_non_null(json_object_get(retry, "maxAttempts"));
	assert_true(json_is_false(json_object_get(schema, "additionalProperties")));
}

static void test_paths(void **state)
{
	static const struct {
		const char *path, *target;
		bool stays;
	} rows[] = {
		{"a",     "b",         true },
                {"a",     "../b",      false},
                {"d/a",   "../b",      true },
		{"d/a",   "../../b",   false},
                {"a",     "/etc",      false},
                {"a",     "d/../../b", false},
		{"d/a",   "x/../..",   false},
                {"a",     "",          false},
                {"d/e/a", "../../b",   true },
		{"a",     ".",         true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(deploy_path_link_stays(rows[i].path, rows[i].target),
				 rows[i].stays);
	assert_true(deploy_path_is_relative("a/b"));
	assert_false(deploy_path_is_relative("/a"));
	assert_false(deploy_path_is_relative("a//b"));
	assert_false(deploy_path_is_relative("a/"));
	assert_false(deploy_path_is_relative(""));
	assert_false(deploy_path_is_absolute("/"));
	assert_true(deploy_path_is_absolute("/a.b/..c"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepted),       cmocka_unit_test(test_refused),
		cmocka_unit_test(test_without_source), cmocka_unit_test(test_read),
		cmocka_unit_test(test_programs),       cmocka_unit_test(test_schema),
		cmocka_unit_test(test_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
