/* SPDX-License-Identifier: Apache-2.0 */
/* Spawning image-variants with its stand-in environment and reading what it says. */
#include "tests/media/image_program.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <vips/vips.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "tests/helpers/scratch.h"

#define RUN_LIMIT_MS 60000 /* a hang is a failure */
#define LINE_SIZE    65536
#define PATH_SIZE    256

static char directory[PATH_SIZE];

const char *image_directory(void)
{
	return directory;
}

const char *image_path(const char *name)
{
	static char paths[8][PATH_SIZE * 2];
	static unsigned next;
	char *path = paths[next++ % 8];

	(void)snprintf(path, sizeof(paths[0]), "%s/%s", directory, name);
	return path;
}

int image_group_setup(void **state)
{
	const char *scratch = getenv("TMPDIR");

	(void)state;
	(void)snprintf(directory, sizeof(directory), "%s/berth-image-XXXXXX",
		       scratch ? scratch : "/tmp");
	if (!mkdtemp(directory) || vips_init("test") != 0)
		return -1;
	vips_cache_set_max(0); /* files change under the same names */
	return 0;
}

int image_group_teardown(void **state)
{
	(void)state;
	vips_shutdown();
	return scratch_remove(directory);
}

unsigned image_output_count(void)
{
	AUTO_DIRECTORY DIR *files = opendir(image_path("out"));
	unsigned count = 0;

	assert_non_null(files);
	for (struct dirent *entry; (entry = readdir(files));)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			count++;
	return count;
}

static void empty_output(void)
{
	(void)scratch_remove(image_path("out"));
	assert_int_equal(mkdir(image_path("out"), 0755), 0);
}

static char *assignment(const char *name, const char *value)
{
	char *text = NULL;

	assert_true(asprintf(&text, "%s=%s", name, value) > 0);
	return text;
}

/* The environment that the SDK's stand-in reads, over our own. */
static char **environment_make(const struct image_run *run, const char *input)
{
	size_t count = 0, used = 0;
	char number[32];
	char **environment;

	while (environ[count])
		count++;
	environment = calloc(count + 6, sizeof(*environment));
	assert_non_null(environment);
	environment[used++] = assignment("BERTH_TASK_INPUTS", input);
	environment[used++] = assignment("BERTH_TASK_OUTPUT", image_path("out"));
	environment[used++] =
		assignment("BERTH_TASK_PAYLOAD", run->payload ? run->payload : "null");
	environment[used++] = assignment("BERTH_CPUS", "2");
	(void)snprintf(number, sizeof(number), "%" PRIu64, run->memory_bytes);
	environment[used++] = assignment("BERTH_MEMORY_BYTES", number);
	for (size_t i = 0; i < count; i++)
		if (strncmp(environ[i], "BERTH_", 6) != 0)
			environment[used++] = strdup(environ[i]);
	return environment;
}

static void environment_free(char **environment)
{
	for (char **entry = environment; *entry; entry++)
		free(*entry);
	free((void *)environment);
}

static unsigned now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (unsigned)(now.tv_sec * 1000 + now.tv_nsec / 1000000);
}

static int wait_for(pid_t child, struct image_run *run)
{
	unsigned started = now_ms();
	int status = 0;

	while (waitpid(child, &status, WNOHANG) == 0) {
		unsigned elapsed = now_ms() - started;

		if (run->cancel_ms > 0 && elapsed >= run->cancel_ms) {
			(void)kill(child, SIGTERM);
			run->cancel_ms = 0;
		}
		if (elapsed > RUN_LIMIT_MS) {
			(void)kill(child, SIGKILL);
			(void)waitpid(child, &status, 0);
			fail_msg("image-variants hangs");
		}
		(void)usleep(2000);
	}
	run->wall_ms = now_ms() - started;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void take_line(struct image_run *run, const char *line)
{
	json_t *message = json_loads(line, 0, NULL);
	const char *op = json_string_value(json_object_get(message, "op"));

	if (!op) {
		(void)fprintf(stderr, "%s", line); /* a sanitizer's report */
	} else if (strcmp(op, "output") == 0) {
		json_decref(run->output);
		run->output = json_incref(json_object_get(message, "data"));
	} else if (strcmp(op, "fail") == 0) {
		(void)snprintf(run->failure, sizeof(run->failure), "%s:%s",
			       json_string_value(json_object_get(message, "kind")),
			       json_string_value(json_object_get(message, "name")));
		(void)snprintf(run->message, sizeof(run->message), "%s",
			       json_string_value(json_object_get(message, "message")));
	} else if (strcmp(op, "log") == 0) {
		run->warnings++;
	} else if (strcmp(op, "progress") == 0) {
		run->progress++;
		run->last_percent = json_number_value(json_object_get(message, "percent"));
	}
	json_decref(message);
}

void image_run(struct image_run *run, const char *input)
{
	static char line[LINE_SIZE];
	const char *program = getenv("BERTH_IMAGE_VARIANTS");
	char **environment = environment_make(run, input);
	char *const arguments[] = {(char *)(uintptr_t) "image-variants", NULL};
	posix_spawn_file_actions_t actions;
	pid_t child;

	assert_non_null(program);
	empty_output();
	assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
	assert_int_equal(posix_spawn_file_actions_addopen(&actions, STDERR_FILENO,
							  image_path("said"),
							  O_WRONLY | O_CREAT | O_TRUNC, 0600),
			 0);
	assert_int_equal(posix_spawn(&child, program, &actions, NULL, arguments, environment), 0);
	(void)posix_spawn_file_actions_destroy(&actions);
	environment_free(environment);
	run->exit_status = wait_for(child, run);

	AUTO_FILE FILE *said = fopen(image_path("said"), "re");

	assert_non_null(said);
	while (fgets(line, sizeof(line), said))
		take_line(run, line);
}

void image_run_finish(struct image_run *run)
{
	json_decref(run->output);
	memset(run, 0, sizeof(*run));
}
