/* SPDX-License-Identifier: Apache-2.0 */
/* Keeping a supervisor there: whatever it dies of, another one takes over what runs. */
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "runner/launcher/launcher.h"
#include "runner/launcher/say.h"

#define RETRY_NS (1 * CLOCK_NS_PER_S) /* when it could not even be forked */
#define HANG_NS  (5 * CLOCK_NS_PER_S) /* for one without a socket to end by itself */

static int handle_socket(void *owner, uint32_t events, struct berth_error *err)
{
	struct launcher *launcher = owner;

	if ((events & (EPOLLIN | EPOLLHUP)) && requests_read(launcher, err) > 0 &&
	    (events & EPOLLHUP)) {
		/* it has closed its end and will be gone: its pidfd tells */
		supervise_close_socket(launcher);
		if (launcher->phase != LAUNCHER_SERVING)
			return 0;
		supervisor_process_kill(&launcher->supervisor, SIGTERM);
		return loop_arm_timer(launcher->restart_timer, clock_boottime_ns() + HANG_NS, err);
	}
	return launcher_flush(launcher, err);
}

void supervise_close_socket(struct launcher *launcher)
{
	/* what it asked for just before its end is done, though nobody hears the answer */
	while (launcher->supervisor.socket_fd >= 0 && requests_read(launcher, NULL) == 0)
		if (outbox_flush(&launcher->outbox, NULL) != 0)
			break;
	loop_source_destroy(launcher->socket_source);
	launcher->socket_source = NULL;
	outbox_close(&launcher->outbox);
	close_fd(&launcher->supervisor.socket_fd);
}

static void describe_end(int status, char *text, size_t size)
{
	if (status < 0)
		(void)snprintf(text, size, "was killed by signal %d", -status);
	else
		(void)snprintf(text, size, "ended with status %d", status);
}

/* The first one's end before it ever served, by its own decision, is the operator's to know: what
 * it was given is wrong, and the next one would end likewise. */
static bool is_hopeless(const struct launcher *launcher, int status)
{
	return launcher->generation == 1 && !launcher->is_ready && status > 0;
}

static int handle_end(void *owner, uint32_t events, struct berth_error *err)
{
	struct launcher *launcher = owner;
	char text[64];
	uint64_t delay_ns;
	bool hopeless;
	int status;

	(void)events;
	supervise_close_socket(launcher);
	loop_source_destroy(launcher->supervisor_source);
	launcher->supervisor_source = NULL;
	delay_ns = supervisor_process_bury(&launcher->supervisor, &status);
	hopeless = is_hopeless(launcher, status);
	launcher->is_ready = launcher->pong_missing = launcher->is_condemned = false;
	if (launcher->phase != LAUNCHER_SERVING)
		return phase_advance(launcher, err);
	describe_end(status, text, sizeof(text));
	if (hopeless)
		return berth_fail(err, BERTH_INVALID, 0, "the supervisor %s before it served",
				  text);
	say("the supervisor %s; the next one starts in %ju ms", text,
	    (uintmax_t)(delay_ns / CLOCK_NS_PER_MS));
	if (delay_ns > 0)
		return loop_arm_timer(launcher->restart_timer, clock_boottime_ns() + delay_ns, err);
	return supervise_start(launcher, err);
}

static struct launcher_hello make_hello(const struct launcher *launcher)
{
	struct launcher_hello hello = {
		.header = launcher_header_make(LAUNCHER_HELLO, sizeof(hello), 0, NULL),
		.abilities = launcher->abilities,
		.pool_size = (uint32_t)launcher->options.pool,
		.runs_max = (uint32_t)launcher->policy.runs,
		.generation = launcher->generation,
	};

	(void)snprintf(hello.cgroup_driver, sizeof(hello.cgroup_driver), "%s",
		       sandbox_host_cgroup_driver(launcher->host));
	sandbox_host_protections(launcher->host, NULL, hello.protections);
	return hello;
}

/* A supervisor that cannot be started is tried again: what runs goes on meanwhile. */
static int retry_later(struct launcher *launcher, const struct berth_error *error,
		       struct berth_error *err)
{
	say("%s", error->message);
	return loop_arm_timer(launcher->restart_timer, clock_boottime_ns() + RETRY_NS, err);
}

int supervise_start(struct launcher *launcher, struct berth_error *err)
{
	struct supervisor_process *process = &launcher->supervisor;
	struct berth_error failure = {0};
	struct launcher_hello hello;

	if (supervisor_process_start(process, launcher->options.supervisor,
				     launcher->options.arguments, &launcher->notify, &failure) < 0)
		return retry_later(launcher, &failure, err);
	launcher->generation++;
	hello = make_hello(launcher);
	outbox_open(&launcher->outbox, process->socket_fd, &hello);
	if (loop_add_descriptor(launcher->loop, process->pidfd, EPOLLIN, handle_end, launcher,
				&launcher->supervisor_source, err) < 0 ||
	    loop_add_descriptor(launcher->loop, process->socket_fd, EPOLLIN, handle_socket,
				launcher, &launcher->socket_source, err) < 0)
		return -1;
	return launcher_flush(launcher, err);
}
