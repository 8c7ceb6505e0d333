/* SPDX-License-Identifier: Apache-2.0 */
/* Launching from a test. */
#include "tests/unit/sandbox/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/descriptor.h"
#include "tests/helpers/scratch.h"

#define DEADLINE_NS  UINT64_C(40000000000)
#define TURN_MS      20
#define MEBIBYTE     (1 << 20)
#define FTW_OPEN_MAX 16

static int copy_program(const char *from, const char *to)
{
	AUTO_CLOSE int in = open(from, O_RDONLY | O_CLOEXEC);
	AUTO_CLOSE int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	struct stat facts;
	off_t left;

	if (in < 0 || out < 0 || fstat(in, &facts) < 0)
		return -1;
	for (left = facts.st_size; left > 0;) {
		ssize_t moved = sendfile(out, in, NULL, (size_t)left);

		if (moved <= 0)
			return -1;
		left -= moved;
	}
	return fchmod(out, 0755);
}

const char *fixture_path(const struct fixture *fixture, const char *name, char path[FIXTURE_PATH])
{
	(void)snprintf(path, FIXTURE_PATH, "%s/%s", fixture->path, name);
	return path;
}

int fixture_set_up(struct fixture *fixture, const char *program)
{
	if (scratch_make("sandbox", fixture->path) < 0 || chmod(fixture->path, 0755) < 0)
		return -1;
	(void)fixture_path(fixture, "state", fixture->state);
	(void)fixture_path(fixture, "inside", fixture->inside);
	return copy_program(program, fixture->inside);
}

int fixture_tear_down(struct fixture *fixture)
{
	return scratch_remove(fixture->path);
}

struct sandbox_host *fixture_open_host(struct fixture *fixture, const char *driver, unsigned pool)
{
	const struct sandbox_host_options options = {
		.cgroup_driver = driver,
		.state_path = fixture->state,
		.pool_size = pool,
	};
	struct sandbox_host *host = NULL;
	struct berth_error err = {0};

	if (sandbox_host_open(&options, &host, &err) < 0)
		fail_msg("open the host: %s", err.message);
	return host;
}

void fixture_add_mount(struct fixture_run *run, struct sandbox_mount mount)
{
	assert_true(run->spec.mount_count < FIXTURE_MOUNTS);
	run->mounts[run->spec.mount_count++] = mount;
}

void fixture_add_volume(struct fixture_run *run, struct sandbox_volume *volume, const char *target)
{
	assert_true(run->spec.volume_count < SANDBOX_VOLUMES_MAX);
	run->volumes[run->spec.volume_count++] =
		(struct sandbox_volume_mount){.volume = volume, .target = target};
}

void fixture_set_verb(struct fixture_run *run, const char *verb, const char *argument)
{
	run->arguments[0] = INSIDE;
	run->arguments[1] = verb;
	run->arguments[2] = argument;
	run->arguments[3] = NULL;
}

void fixture_set_shell(struct fixture_run *run, const char *script)
{
	run->arguments[0] = "/bin/sh";
	run->arguments[1] = "-c";
	run->arguments[2] = script;
	run->arguments[3] = NULL;
}

void fixture_prepare(struct fixture_run *run, const struct fixture *fixture)
{
	static const struct sandbox_mount root[] = {
		{.kind = SANDBOX_MOUNT_BIND,    .source = "/usr",      .target = "/usr"  },
		{.kind = SANDBOX_MOUNT_SYMLINK, .source = "usr/bin",   .target = "/bin"  },
		{.kind = SANDBOX_MOUNT_SYMLINK, .source = "usr/lib",   .target = "/lib"  },
		{.kind = SANDBOX_MOUNT_SYMLINK, .source = "usr/lib64", .target = "/lib64"},
	};

	*run = (struct fixture_run){.channel_fd = -1};
	run->spec = (struct sandbox_spec){
		.name = "unit",
		.arguments = run->arguments,
		.mounts = run->mounts,
		.volumes = run->volumes,
		.limits = {.memory_bytes = 256 * (uint64_t)MEBIBYTE,
			   .pids = 64,
			   .tmpfs_bytes = 4 * MEBIBYTE,
			   .tmpfs_inodes = 200,
			   .open_files = 256},
		.stdin_fd = -1,
		.stdout_fd = -1,
		.stderr_fd = -1,
	};
	for (size_t i = 0; i < sizeof(root) / sizeof(root[0]); i++)
		fixture_add_mount(run, root[i]);
	fixture_add_mount(run, (struct sandbox_mount){.kind = SANDBOX_MOUNT_BIND,
						      .source = fixture->inside,
						      .target = INSIDE});
	fixture_set_verb(run, "nothing", NULL);
}

static void collect(struct fixture_run *run, int fd)
{
	ssize_t got;

	do {
		got = read(fd, run->output + run->output_length,
			   sizeof(run->output) - 1 - run->output_length);
		if (got > 0)
			run->output_length += (size_t)got;
	} while (got > 0 && run->output_length < sizeof(run->output) - 1);
	run->output[run->output_length] = '\0';
}

/* Runs the loop; returns what dispatch returned last, or 0 at the deadline. */
static int follow(struct sandbox *sandbox, struct fixture_run *run, int output_fd)
{
	const uint64_t deadline_ns = clock_boottime_ns() + DEADLINE_NS;
	struct pollfd watched = {.fd = sandbox_descriptor(sandbox), .events = POLLIN};
	int told = 0;

	while (clock_boottime_ns() < deadline_ns) {
		(void)poll(&watched, 1, TURN_MS);
		told = sandbox_dispatch(sandbox, &run->error);
		collect(run, output_fd);
		if (told == SANDBOX_STARTED) {
			run->started = true;
			run->channel_fd = sandbox_take_channel(sandbox);
		}
		if (told < 0 || told == SANDBOX_ENDED)
			return told;
		run->turns++;
		if (run->on_turn)
			run->on_turn(sandbox, run);
	}
	(void)fprintf(stderr, "the run did not end; it said:\n%s\n", run->output);
	return 0;
}

int fixture_run(struct sandbox_host *host, struct fixture_run *run)
{
	AUTO_CLOSE int out = -1, in = -1;
	struct sandbox *sandbox = NULL;
	int told, pipes[2];

	if (pipe2(pipes, O_CLOEXEC) < 0)
		return -1;
	out = pipes[0];
	in = pipes[1];
	(void)fcntl(out, F_SETFL, O_NONBLOCK);
	if (run->spec.stdout_fd < 0)
		run->spec.stdout_fd = in;
	if (run->spec.stderr_fd < 0)
		run->spec.stderr_fd = in;
	if (sandbox_launch(host, &run->spec, &sandbox, &run->error) < 0)
		return -1;
	close_fd(&in);
	told = follow(sandbox, run, out);
	memcpy(run->protections, sandbox_protections(sandbox), sizeof(run->protections));
	run->outcome = *sandbox_outcome(sandbox);
	sandbox_destroy(sandbox);
	collect(run, out);
	close_fd(&run->channel_fd);
	return told == SANDBOX_ENDED ? 0 : -1;
}

void fixture_expect_exit(struct sandbox_host *host, struct fixture_run *run, int code)
{
	if (fixture_run(host, run) < 0)
		fail_msg("launch: %s", run->error.message);
	if (run->outcome.end != SANDBOX_EXITED || run->outcome.code != code)
		fail_msg("end %d code %d instead of exit %d: %s; it said: %s", run->outcome.end,
			 run->outcome.code, code, run->outcome.error.message, run->output);
}

void fixture_expect_not_started(struct sandbox_host *host, struct fixture_run *run,
				const char *says)
{
	const struct berth_error *error = &run->error;

	if (fixture_run(host, run) == 0) {
		assert_int_equal(run->outcome.end, SANDBOX_NOT_STARTED);
		error = &run->outcome.error;
	}
	if (!strstr(error->message, says))
		fail_msg("\"%s\" does not say \"%s\"", error->message, says);
}
