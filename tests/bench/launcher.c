/* SPDX-License-Identifier: Apache-2.0 */
/* How fast the launcher launches: launch to end of a static no-op, in the library and through the
 * protocol, one at a time and ten in flight.
 * usage: launcher DIRECTORY LAUNCHER RELAY [LAUNCHES]; DIRECTORY/tree/noop is the program. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/descriptor.h"
#include "base/loop.h"
#include "runner/launcher/launcher_client.h"
#include "tests/unit/launcher/relay.h"

#define LAUNCHES_DEFAULT 2000
#define LAUNCHES_MAX     100000
#define IN_FLIGHT        10
#define PATH_SIZE        512
#define NOOP_INSIDE      "/noop"
#define POOL             8

static struct {
	char noop[PATH_SIZE], control[PATH_SIZE], config[PATH_SIZE];
	const char *directory, *launcher, *relay;
	struct loop *loop;
	struct launcher_client *client;
	pid_t pid;
	size_t launches;
	/* one round */
	size_t in_flight, launched, ended, failed;
	int64_t next_number;
	uint64_t *launch_ns, *start_us, *end_us;
} bench;

static struct sandbox_mount mounts[5];
static const char *const arguments[] = {NOOP_INSIDE, NULL};

static struct sandbox_spec make_spec(void)
{
	const struct sandbox_mount rows[] = {
		{SANDBOX_MOUNT_BIND,    0, "/usr",      "/usr",      NULL, 0, 0},
		{SANDBOX_MOUNT_SYMLINK, 0, "usr/bin",   "/bin",      NULL, 0, 0},
		{SANDBOX_MOUNT_SYMLINK, 0, "usr/lib",   "/lib",      NULL, 0, 0},
		{SANDBOX_MOUNT_SYMLINK, 0, "usr/lib64", "/lib64",    NULL, 0, 0},
		{SANDBOX_MOUNT_BIND,    0, bench.noop,  NOOP_INSIDE, NULL, 0, 0},
	};

	memcpy(mounts, rows, sizeof(rows));
	return (struct sandbox_spec){
		.name = "bench",
		.arguments = arguments,
		.mounts = mounts,
		.mount_count = sizeof(rows) / sizeof(rows[0]),
		.limits = {.cpu_millis = 500,
			   .memory_bytes = 512 << 20,
			   .pids = 256,
			   .tmpfs_bytes = 64 << 20,
			   .tmpfs_inodes = 4096,
			   .open_files = 1024},
		.channel = true,
		.stdin_fd = -1,
		.stdout_fd = -1,
		.stderr_fd = -1,
	};
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void print_row(const char *name, size_t count, uint64_t total_ns)
{
	qsort(bench.start_us, count, sizeof(uint64_t), compare);
	qsort(bench.end_us, count, sizeof(uint64_t), compare);
	(void)printf(
		"%-36s %8ju %8ju %8ju %8ju %10.0f\n", name, (uintmax_t)bench.start_us[count / 2],
		(uintmax_t)bench.start_us[count * 99 / 100], (uintmax_t)bench.end_us[count / 2],
		(uintmax_t)bench.end_us[count * 99 / 100], 1e9 * (double)count / (double)total_ns);
}

/* The library by itself; its refill is on the clock of the whole, and not of a launch. */
static int run_library(void)
{
	const struct sandbox_host_options options = {.pool_size = POOL};
	const struct sandbox_spec spec = make_spec();
	struct sandbox_host *host = NULL;
	struct berth_error err = {0};
	uint64_t begin_ns;

	if (sandbox_host_open(&options, &host, &err) < 0)
		goto failed;
	begin_ns = clock_boottime_ns();
	for (size_t i = 0; i < bench.launches; i++) {
		uint64_t start_ns = clock_boottime_ns();
		struct sandbox *sandbox = NULL;
		int told = 0;

		if (sandbox_launch(host, &spec, &sandbox, &err) < 0)
			goto failed;
		while (told >= 0 && told != SANDBOX_ENDED) {
			struct pollfd watched = {.fd = sandbox_descriptor(sandbox),
						 .events = POLLIN};

			(void)poll(&watched, 1, -1);
			told = sandbox_dispatch(sandbox, &err);
			if (told == SANDBOX_STARTED)
				bench.start_us[i] = (clock_boottime_ns() - start_ns) / 1000;
		}
		bench.end_us[i] = (clock_boottime_ns() - start_ns) / 1000;
		sandbox_destroy(sandbox);
		sandbox_host_refill(host);
	}
	print_row("library, pooled, serial", bench.launches, clock_boottime_ns() - begin_ns);
	sandbox_host_close(host);
	return 0;

failed:
	(void)fprintf(stderr, "library: %s\n", err.message);
	sandbox_host_close(host);
	return -1;
}

static struct launcher_run name_run(int64_t number, char token[LAUNCHER_TOKEN_SIZE])
{
	(void)snprintf(token, LAUNCHER_TOKEN_SIZE, "%032jx", (uintmax_t)number);
	return (struct launcher_run){number, token};
}

static int launch_next(struct berth_error *err)
{
	struct launch_spec spec = {.sandbox = make_spec()};
	struct launcher_descriptors none;
	char token[LAUNCHER_TOKEN_SIZE];
	int64_t number = bench.next_number + (int64_t)bench.launched;

	launcher_descriptors_init(&none);
	bench.launch_ns[bench.launched++] = clock_boottime_ns();
	return launcher_client_launch(bench.client, name_run(number, token), &spec, &none, err);
}

static size_t index_of(const struct launcher_header *header)
{
	return (size_t)(header->run - bench.next_number);
}

static int on_started(void *owner, const struct launcher_started *started,
		      struct launcher_descriptors *fds, struct berth_error *err)
{
	size_t index = index_of(&started->header);

	(void)owner;
	(void)fds;
	(void)err;
	bench.start_us[index] = (clock_boottime_ns() - bench.launch_ns[index]) / 1000;
	return 0;
}

static int on_ended(void *owner, const struct launcher_ended *ended, struct berth_error *err)
{
	size_t index = index_of(&ended->header);
	char token[LAUNCHER_TOKEN_SIZE];

	(void)owner;
	bench.end_us[index] = (clock_boottime_ns() - bench.launch_ns[index]) / 1000;
	bench.failed += ended->outcome.end != SANDBOX_EXITED || ended->outcome.code != 0;
	if (launcher_client_ask(bench.client, name_run(ended->header.run, token), LAUNCHER_RELEASE,
				err) < 0)
		return -1;
	if (++bench.ended == bench.launches)
		loop_stop(bench.loop);
	return bench.launched < bench.launches ? launch_next(err) : 0;
}

static int on_refused(void *owner, const struct launcher_refused *refused, struct berth_error *err)
{
	(void)owner;
	return berth_fail(err, BERTH_DENIED, 0, "refused: %s", refused->error.message);
}

static int on_table_end(void *owner, const struct launcher_table_end *end, struct berth_error *err)
{
	(void)owner;
	(void)end;
	(void)err;
	loop_stop(bench.loop);
	return 0;
}

static const struct launcher_handlers handlers = {
	.on_table_end = on_table_end,
	.on_started = on_started,
	.on_ended = on_ended,
	.on_refused = on_refused,
};

static int run_launcher(const char *name, size_t in_flight)
{
	struct berth_error err = {0};
	uint64_t begin_ns = clock_boottime_ns();

	bench.launched = bench.ended = bench.failed = 0;
	for (size_t i = 0; i < in_flight; i++)
		if (launch_next(&err) < 0)
			goto failed;
	if (loop_run(bench.loop, &err) < 0)
		goto failed;
	print_row(name, bench.launches, clock_boottime_ns() - begin_ns);
	bench.next_number += (int64_t)bench.launches;
	return bench.failed ? -1 : 0;

failed:
	(void)fprintf(stderr, "%s: %s\n", name, err.message);
	return -1;
}

static void execute_launcher(void)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	(void)execl(bench.launcher, bench.launcher, "--config", bench.config, "--supervisor",
		    bench.relay, "--", "relay", bench.control, NULL);
	_exit(127);
}

static int write_config(void)
{
	AUTO_FILE FILE *file = fopen(bench.config, "we");

	if (!file)
		return -1;
	(void)fprintf(file, "allow-mount defaults\nallow-mount %s\nuser nobody\n", bench.directory);
	return fchmod(fileno(file), 0600);
}

static int connect_launcher(struct berth_error *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	AUTO_CLOSE int listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct relay_report report;
	size_t length, count;
	int relay_fd, fd = -1;

	if (strlen(bench.control) >= sizeof(address.sun_path))
		return berth_fail(err, BERTH_LIMIT, 0, "%s is too long", bench.control);
	memcpy(address.sun_path, bench.control, strlen(bench.control) + 1);
	if (bind(listen_fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    chmod(bench.control, 0777) < 0 || listen(listen_fd, 1) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "listen on %s", bench.control);
	bench.pid = fork();
	if (bench.pid == 0)
		execute_launcher();
	relay_fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC); /* until the end */
	if (descriptor_receive(relay_fd, &report, sizeof(report), &length, &fd, 1, &count, err) < 0)
		return -1;
	if (launcher_client_create(bench.loop, fd, &handlers, NULL, &bench.client, err) < 0)
		return -1;
	return loop_run(bench.loop, err);
}

static void print_memory(void)
{
	char path[64], text[4096];
	const char *line;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", bench.pid);
	if (descriptor_read_control(AT_FDCWD, path, text, sizeof(text), NULL) < 0)
		return;
	line = strstr(text, "VmRSS:");
	(void)printf("launcher: %.*s\n", line ? (int)strcspn(line, "\n") : 0, line ?: "");
}

static int measure(void)
{
	struct berth_error err = {0};

	(void)printf("%-36s %8s %8s %8s %8s %10s\n", "static no-op, us", "start50", "start99",
		     "end50", "end99", "launches/s");
	if (run_library() < 0)
		return -1;
	if (connect_launcher(&err) < 0) {
		(void)fprintf(stderr, "launcher: %s\n", err.message);
		return -1;
	}
	if (run_launcher("through the launcher, serial", 1) < 0 ||
	    run_launcher("through the launcher, 10 in flight", IN_FLIGHT) < 0)
		return -1;
	print_memory();
	return 0;
}

int main(int count, char **words)
{
	int result;

	if (count < 4) {
		(void)fprintf(stderr, "usage: launcher DIRECTORY LAUNCHER RELAY [LAUNCHES]\n");
		return 2;
	}
	bench.launches = count > 4 ? strtoul(words[4], NULL, 10) : LAUNCHES_DEFAULT;
	if (bench.launches < IN_FLIGHT || bench.launches > LAUNCHES_MAX)
		return 2;
	bench.directory = words[1];
	bench.launcher = words[2];
	bench.relay = words[3];
	bench.next_number = 1;
	(void)snprintf(bench.noop, PATH_SIZE, "%s/tree/noop", words[1]);
	(void)snprintf(bench.control, PATH_SIZE, "%s/control", words[1]);
	(void)snprintf(bench.config, PATH_SIZE, "%s/launcher.conf", words[1]);
	bench.launch_ns = calloc(bench.launches, sizeof(uint64_t));
	bench.start_us = calloc(bench.launches, sizeof(uint64_t));
	bench.end_us = calloc(bench.launches, sizeof(uint64_t));
	if (!bench.launch_ns || !bench.start_us || !bench.end_us || write_config() < 0 ||
	    loop_create(&bench.loop, NULL) < 0)
		return 1;
	result = measure();
	launcher_client_destroy(bench.client);
	loop_destroy(bench.loop);
	if (bench.pid > 0) {
		(void)kill(bench.pid, SIGTERM);
		(void)kill(bench.pid, SIGTERM); /* at once */
		(void)waitpid(bench.pid, NULL, 0);
	}
	free(bench.launch_ns);
	free(bench.start_us);
	free(bench.end_us);
	return result < 0;
}
