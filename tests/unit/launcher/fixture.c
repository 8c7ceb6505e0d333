/* SPDX-License-Identifier: Apache-2.0 */
/* A real launcher under test, with the test as its supervisor. */
#include "tests/unit/launcher/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/descriptor.h"
#include "tests/unit/sandbox/leaks.h"

#define DEADLINE_NS UINT64_C(30000000000)
#define RELAY_MS    20000
#define MEBIBYTE    (UINT64_C(1) << 20)

static int copy_program(const char *from, const char *to)
{
	AUTO_CLOSE int in = open(from, O_RDONLY | O_CLOEXEC);
	AUTO_CLOSE int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	struct stat facts;

	if (in < 0 || out < 0 || fstat(in, &facts) < 0)
		return -1;
	for (off_t left = facts.st_size; left > 0;) {
		ssize_t moved = sendfile(out, in, NULL, (size_t)left);

		if (moved <= 0)
			return -1;
		left -= moved;
	}
	return fchmod(out, 0755);
}

static void make_path(const struct fixture *fixture, const char *name, char path[FIXTURE_PATH])
{
	(void)snprintf(path, FIXTURE_PATH, "%s/%s", fixture->path, name);
}

static int listen_on_control(struct fixture *fixture)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (strlen(fixture->control) >= sizeof(address.sun_path))
		return -1;
	memcpy(address.sun_path, fixture->control, strlen(fixture->control) + 1);
	fixture->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(fixture->listen_fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    chmod(fixture->control, 0777) < 0)
		return -1;
	return listen(fixture->listen_fd, 16);
}

static int handle_deadline(void *owner, struct berth_error *err)
{
	struct fixture *fixture = owner;

	(void)err;
	fixture->timed_out = true;
	loop_stop(fixture->loop);
	return 0;
}

int fixture_set_up(struct fixture *fixture, const char *program, const char *relay,
		   const char *inside)
{
	*fixture = (struct fixture){.relay_fd = -1, .packet_fd = -1};
	fixture_forget_runs(fixture);
	if (scratch_make("launcher", fixture->path) < 0 || chmod(fixture->path, 0755) < 0)
		return -1;
	make_path(fixture, "berth-launcher", fixture->program);
	make_path(fixture, "relay", fixture->relay);
	make_path(fixture, "inside", fixture->inside);
	make_path(fixture, "control", fixture->control);
	make_path(fixture, "launcher.conf", fixture->config);
	make_path(fixture, "state", fixture->state);
	make_path(fixture, "runtime", fixture->runtime);
	if (copy_program(program, fixture->program) < 0 ||
	    copy_program(relay, fixture->relay) < 0 || copy_program(inside, fixture->inside) < 0 ||
	    listen_on_control(fixture) < 0 || loop_create(&fixture->loop, NULL) < 0)
		return -1;
	return loop_add_timer(fixture->loop, handle_deadline, fixture, &fixture->deadline, NULL);
}

int fixture_tear_down(struct fixture *fixture)
{
	close_fd(&fixture->listen_fd);
	loop_destroy(fixture->loop);
	return scratch_remove(fixture->path);
}

static void close_run(struct fixture_run *run)
{
	close_fd(&run->stdout_fd);
	close_fd(&run->channel_fd);
	close_fd(&run->view_fd);
	close_fd(&run->hold_fd);
}

void fixture_forget_runs(struct fixture *fixture)
{
	for (size_t i = 0; i < FIXTURE_RUNS; i++) {
		if (fixture->loop)
			close_run(&fixture->runs[i]);
		fixture->runs[i] = (struct fixture_run){
			.stdout_fd = -1, .channel_fd = -1, .view_fd = -1, .hold_fd = -1};
	}
}

struct fixture_run *fixture_at(struct fixture *fixture, int64_t number)
{
	assert_true(number >= 1 && number <= FIXTURE_RUNS);
	return &fixture->runs[number - 1];
}

/* Handlers: each notes and looks whether that was it. */

static int look(struct fixture *fixture)
{
	if (fixture->wanted && fixture->wanted(fixture))
		loop_stop(fixture->loop);
	return 0;
}

static int on_hello(void *owner, const struct launcher_hello *hello, struct berth_error *err)
{
	struct fixture *fixture = owner;

	(void)err;
	fixture->hello = *hello;
	fixture->greeted = true;
	return look(fixture);
}

static void take(int *target, int *fd)
{
	if (*fd < 0)
		return;
	close_fd(target);
	*target = steal_fd(fd);
}

static int on_table_run(void *owner, const struct launcher_table_run *told,
			struct launcher_descriptors *fds, struct berth_error *err)
{
	struct fixture *fixture = owner;
	struct fixture_run *run = fixture_at(fixture, told->header.run);

	(void)err;
	run->in_table = true;
	run->table_state = told->state;
	run->hold_count = told->hold_count;
	run->started = run->started || told->state != LAUNCHER_RUN_STARTING;
	if (told->state == LAUNCHER_RUN_ENDED) {
		run->ended = true;
		run->outcome = told->outcome;
	}
	take(&run->stdout_fd, &fds->fds[LAUNCHER_FD_STDOUT]);
	take(&run->channel_fd, &fds->fds[LAUNCHER_FD_CHANNEL]);
	take(&run->view_fd, &fds->fds[LAUNCHER_FD_VIEW_1]);
	fixture->table_count++;
	return look(fixture);
}

static int on_table_hold(void *owner, const struct launcher_hold *hold,
			 struct launcher_descriptors *fds, struct berth_error *err)
{
	struct fixture *fixture = owner;

	(void)err;
	take(&fixture_at(fixture, hold->header.run)->hold_fd, &fds->fds[LAUNCHER_FD_CONNECTION]);
	return look(fixture);
}

static int on_table_end(void *owner, const struct launcher_table_end *end, struct berth_error *err)
{
	struct fixture *fixture = owner;

	(void)err;
	assert_int_equal(end->run_count, fixture->table_count);
	fixture->table_told = true;
	return look(fixture);
}

static int on_started(void *owner, const struct launcher_started *started,
		      struct launcher_descriptors *fds, struct berth_error *err)
{
	struct fixture *fixture = owner;
	struct fixture_run *run = fixture_at(fixture, started->header.run);

	(void)err;
	run->started = true;
	run->started_ns = clock_boottime_ns();
	take(&run->channel_fd, &fds->fds[LAUNCHER_FD_CHANNEL]);
	take(&run->view_fd, &fds->fds[LAUNCHER_FD_VIEW_1]);
	return look(fixture);
}

static int on_ended(void *owner, const struct launcher_ended *ended, struct berth_error *err)
{
	struct fixture *fixture = owner;
	struct fixture_run *run = fixture_at(fixture, ended->header.run);

	(void)err;
	run->ended = true;
	run->ended_ns = clock_boottime_ns();
	run->outcome = ended->outcome;
	return look(fixture);
}

static int on_refused(void *owner, const struct launcher_refused *refused, struct berth_error *err)
{
	struct fixture *fixture = owner;

	(void)err;
	fixture->refusals++;
	fixture->last_refusal = refused->error;
	if (refused->header.run > 0 && refused->header.run <= FIXTURE_RUNS) {
		struct fixture_run *run = fixture_at(fixture, refused->header.run);

		run->refused = true;
		run->error = refused->error;
	}
	return look(fixture);
}

static int on_paced(void *owner, const struct launcher_plain *paced, struct berth_error *err)
{
	struct fixture *fixture = owner;
	struct fixture_run *run = fixture_at(fixture, paced->header.run);

	(void)err;
	if (paced->header.kind == LAUNCHER_FROZEN)
		run->frozen = true;
	else
		run->thawed = true;
	return look(fixture);
}

static int on_reclaimed(void *owner, const struct launcher_reclaimed *reclaimed,
			struct berth_error *err)
{
	struct fixture *fixture = owner;

	(void)err;
	fixture_at(fixture, reclaimed->header.run)->reclaimed = true;
	return look(fixture);
}

static int on_used(void *owner, const struct launcher_used *used, struct berth_error *err)
{
	struct fixture *fixture = owner;
	struct fixture_run *run = fixture_at(fixture, used->header.run);

	(void)err;
	run->used = true;
	run->usage = *used;
	return look(fixture);
}

static int on_reloading(void *owner, struct berth_error *err)
{
	struct fixture *fixture = owner;

	(void)err;
	fixture->reloading = true;
	return look(fixture);
}

static int on_shutdown(void *owner, struct berth_error *err)
{
	struct fixture *fixture = owner;

	(void)err;
	fixture->shut_down = true;
	return look(fixture);
}

static int on_gone(void *owner, struct berth_error *err)
{
	struct fixture *fixture = owner;

	(void)err;
	fixture->gone = true;
	return look(fixture);
}

static const struct launcher_handlers handlers = {
	.on_hello = on_hello,
	.on_table_run = on_table_run,
	.on_table_hold = on_table_hold,
	.on_table_end = on_table_end,
	.on_started = on_started,
	.on_ended = on_ended,
	.on_refused = on_refused,
	.on_paced = on_paced,
	.on_reclaimed = on_reclaimed,
	.on_used = on_used,
	.on_reloading = on_reloading,
	.on_shutdown = on_shutdown,
	.on_gone = on_gone,
};

void fixture_wait(struct fixture *fixture, bool (*wanted)(const struct fixture *fixture),
		  size_t count, const char *what)
{
	struct berth_error err = {0};

	fixture->wanted = wanted;
	fixture->wanted_count = count;
	fixture->timed_out = false;
	if (wanted(fixture))
		return;
	assert_int_equal(loop_arm_timer(fixture->deadline, clock_boottime_ns() + DEADLINE_NS, NULL),
			 0);
	if (loop_run(fixture->loop, &err) < 0)
		fail_msg("%s: %s", what, err.message);
	assert_int_equal(loop_arm_timer(fixture->deadline, 0, NULL), 0);
	fixture->wanted = NULL;
	if (fixture->timed_out)
		fail_msg("waited in vain for: %s; the last refusal was: %s", what,
			 fixture->last_refusal.message);
}

static bool table_is_told(const struct fixture *fixture)
{
	return fixture->table_told;
}

void fixture_take_over(struct fixture *fixture)
{
	struct pollfd watched = {.fd = fixture->listen_fd, .events = POLLIN};
	struct berth_error err = {0};
	size_t length = 0, count = 0;
	int fd = -1;

	if (poll(&watched, 1, RELAY_MS) != 1)
		fail_msg("no supervisor was started");
	fixture->relay_fd = accept4(fixture->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	if (descriptor_receive(fixture->relay_fd, &fixture->report, sizeof(fixture->report),
			       &length, &fd, 1, &count, &err) < 0 ||
	    count != 1)
		fail_msg("the supervisor handed nothing over: %s", err.message);
	fixture->relays++;
	fixture->greeted = fixture->table_told = fixture->gone = fixture->reloading =
		fixture->shut_down = false;
	fixture->table_count = 0;
	fixture->packet_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	assert_int_equal(launcher_client_create(fixture->loop, fd, &handlers, fixture,
						&fixture->client, NULL),
			 0);
	fixture_wait(fixture, table_is_told, 0, "the table");
	assert_int_equal(launcher_client_ready(fixture->client, NULL), 0);
}

static void write_config(const struct fixture *fixture, const char *lines)
{
	AUTO_FILE FILE *file = fopen(fixture->config, "we");

	assert_non_null(file);
	(void)fprintf(file, "# of a test\nallow-mount defaults\nallow-mount %s\nuser nobody\n%s",
		      fixture->path, lines);
	(void)fchmod(fileno(file), 0600);
}

void fixture_start(struct fixture *fixture, const char *lines)
{
	write_config(fixture, lines);
	fixture->launcher = fork();
	assert_true(fixture->launcher >= 0);
	if (fixture->launcher == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* with a test that fails */
		(void)execl(fixture->program, fixture->program, "--config", fixture->config,
			    "--state", fixture->state, "--runtime", fixture->runtime,
			    "--supervisor", fixture->relay, "--drain", "5", "--", "relay",
			    fixture->control, NULL);
		_exit(127);
	}
	fixture_take_over(fixture);
}

void fixture_let_go(struct fixture *fixture, int signal)
{
	if (signal)
		(void)kill(fixture->report.pid, signal);
	launcher_client_destroy(fixture->client);
	fixture->client = NULL;
	close_fd(&fixture->packet_fd);
	close_fd(&fixture->relay_fd);
}

static bool is_shut_down(const struct fixture *fixture)
{
	return fixture->shut_down;
}

void fixture_stop(struct fixture *fixture)
{
	char owner[64];
	int status = 0;

	leaks_describe_owner(fixture->launcher, owner, sizeof(owner));
	assert_int_equal(kill(fixture->launcher, SIGTERM), 0);
	fixture_wait(fixture, is_shut_down, 0, "shutdown");
	assert_int_equal(launcher_client_drained(fixture->client, NULL), 0);
	fixture_wait(fixture, fixture_is_gone, 0, "the launcher to let go");
	fixture_let_go(fixture, 0);
	assert_int_equal(waitpid(fixture->launcher, &status, 0), fixture->launcher);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail_msg("the launcher ended with status %#x", status);
	assert_int_equal(leaks_count_groups(owner), 0);
	fixture_forget_runs(fixture);
}

void fixture_prepare(struct fixture *fixture, struct fixture_spec *target, const char *script)
{
	const struct sandbox_mount mounts[] = {
		{.kind = SANDBOX_MOUNT_BIND,    .source = "/usr",          .target = "/usr"        },
		{.kind = SANDBOX_MOUNT_SYMLINK, .source = "usr/bin",       .target = "/bin"        },
		{.kind = SANDBOX_MOUNT_SYMLINK, .source = "usr/lib",       .target = "/lib"        },
		{.kind = SANDBOX_MOUNT_SYMLINK, .source = "usr/lib64",     .target = "/lib64"      },
		{.kind = SANDBOX_MOUNT_BIND,    .source = fixture->inside, .target = FIXTURE_INSIDE},
	};

	*target = (struct fixture_spec){
		.arguments = {"/bin/sh", "-c", script}
        };
	memcpy(target->mounts, mounts, sizeof(mounts));
	target->spec.sandbox = (struct sandbox_spec){
		.name = "launcher-test",
		.arguments = target->arguments,
		.mounts = target->mounts,
		.mount_count = sizeof(mounts) / sizeof(mounts[0]),
		.limits = {.memory_bytes = 64 * MEBIBYTE,
			   .pids = 32,
			   .tmpfs_bytes = MEBIBYTE,
			   .tmpfs_inodes = 100,
			   .open_files = 64},
	};
}

struct launcher_run fixture_name(int64_t number)
{
	static char tokens[FIXTURE_RUNS][LAUNCHER_TOKEN_SIZE];
	char *token = tokens[number % FIXTURE_RUNS];

	(void)snprintf(token, LAUNCHER_TOKEN_SIZE, "%032jx", (uintmax_t)number);
	return (struct launcher_run){number, token};
}

void fixture_launch(struct fixture *fixture, int64_t number, const struct launch_spec *spec)
{
	struct fixture_run *run = fixture_at(fixture, number);
	struct launcher_descriptors fds;
	struct berth_error err = {0};
	int pipes[2];

	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	launcher_descriptors_init(&fds);
	fds.fds[LAUNCHER_FD_STDOUT] = pipes[0];
	fds.fds[LAUNCHER_FD_STDOUT_TASK] = pipes[1];
	fds.fds[LAUNCHER_FD_STDERR_TASK] = pipes[1];
	run->stdout_fd = pipes[0];
	run->launched = true;
	run->launch_ns = clock_boottime_ns();
	if (launcher_client_launch(fixture->client, fixture_name(number), spec, &fds, &err) < 0)
		fail_msg("launch: %s", err.message);
	(void)close(pipes[1]);
}

const char *fixture_output(struct fixture *fixture, int64_t number)
{
	struct fixture_run *run = fixture_at(fixture, number);
	size_t length = 0;
	ssize_t got;

	assert_true(run->stdout_fd >= 0);
	while ((got = read(run->stdout_fd, run->output + length, FIXTURE_OUTPUT - 1 - length)) > 0)
		length += (size_t)got;
	run->output[length] = '\0';
	return run->output;
}

bool fixture_all_started(const struct fixture *fixture)
{
	for (size_t i = 0; i < fixture->wanted_count; i++)
		if (!fixture->runs[i].started)
			return false;
	return true;
}

bool fixture_all_ended(const struct fixture *fixture)
{
	for (size_t i = 0; i < fixture->wanted_count; i++)
		if (!fixture->runs[i].ended)
			return false;
	return true;
}

bool fixture_has_refusals(const struct fixture *fixture)
{
	return fixture->refusals >= fixture->wanted_count;
}

bool fixture_is_gone(const struct fixture *fixture)
{
	return fixture->gone;
}

bool fixture_is_reloading(const struct fixture *fixture)
{
	return fixture->reloading;
}
