/* SPDX-License-Identifier: Apache-2.0 */
/* A supervisor's task channel on its own, for tests of clients: says on stdout what it is told.
 *   channel-server SOCKET CHECKPOINTS [PAYLOAD]
 * SIGUSR1 sends the cancel event, SIGTERM ends it. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/loop.h"
#include "runner/run/checkpoint_store.h"
#include "runner/run/task_channel.h"

struct server {
	struct loop *loop;
	struct task_channel *channel;
	struct checkpoint_store *store;
};

static void say(const char *what, const json_t *value)
{
	AUTO_FREE char *text = value ? json_format_compact(value) : NULL;

	printf("%s %s\n", what, text ? text : "-");
	(void)fflush(stdout);
}

static int on_log(void *owner, const struct task_request *request, const struct protocol_log *log,
		  struct berth_error *err)
{
	(void)request;
	(void)owner;
	(void)err;
	printf("log %s %s ", protocol_levels[log->level], log->message);
	say("fields", log->fields);
	return 0;
}

static int on_progress(void *owner, const struct task_request *request,
		       const struct protocol_progress *progress, struct berth_error *err)
{
	(void)request;
	(void)owner;
	(void)err;
	printf("progress %g %g %g %s %s\n", progress->percent, progress->eta_s, progress->rate,
	       progress->rate_unit ? progress->rate_unit : "-",
	       progress->message ? progress->message : "-");
	(void)fflush(stdout);
	return 0;
}

static int on_metadata(void *owner, const struct task_request *request, const json_t *set,
		       struct berth_error *err)
{
	(void)request;
	(void)owner;
	(void)err;
	say("metadata", set);
	return 0;
}

static int on_checkpoint(void *owner, const struct task_request *request, const char *name,
			 const char *data, struct berth_error *err)
{
	struct server *server = owner;

	(void)request;
	return checkpoint_store_save(server->store, name, data, strlen(data), err);
}

static int on_restore(void *owner, const struct task_request *request, const char *name,
		      char **ret_data, struct berth_error *err)
{
	struct server *server = owner;

	(void)request;
	return checkpoint_store_load(server->store, name, ret_data, err) < 0 ? -1 : 0;
}

static int on_output(void *owner, const struct task_request *request, json_t *data,
		     struct berth_error *err)
{
	(void)request;
	(void)owner;
	(void)err;
	say("output", data);
	return 0;
}

static int on_fail(void *owner, const struct task_request *request,
		   const struct protocol_fail *fail, uint64_t retry_at_ns, struct berth_error *err)
{
	(void)retry_at_ns;
	(void)request;
	(void)owner;
	(void)err;
	printf("fail %s %s %s\n", protocol_failures[fail->kind], fail->name, fail->message);
	(void)fflush(stdout);
	return 0;
}

static int on_usage(void *owner, const struct task_request *request,
		    struct protocol_usage_reply *ret_usage, struct berth_error *err)
{
	(void)request;
	(void)owner;
	(void)err;
	*ret_usage = (struct protocol_usage_reply){1, 2, 3, 4};
	return 0;
}

static void on_problem(void *owner, const char *message)
{
	(void)owner;
	printf("problem %s\n", message);
	(void)fflush(stdout);
}

static const struct task_channel_handlers handlers = {
	.log = on_log,
	.progress = on_progress,
	.metadata = on_metadata,
	.checkpoint = on_checkpoint,
	.restore = on_restore,
	.output = on_output,
	.fail = on_fail,
	.usage = on_usage,
	.problem = on_problem,
};

static int on_signal(void *owner, int number, pid_t sender, struct berth_error *err)
{
	struct server *server = owner;

	(void)sender;
	if (number == SIGUSR1)
		return task_channel_cancel(server->channel, "signal", 10000, err);
	task_channel_drain(server->channel, 1000);
	loop_stop(server->loop);
	return 0;
}

static int listen_at(const char *path, struct berth_error *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(fd, 128) < 0)
		return berth_fail(err, BERTH_SYSTEM, 0, "cannot listen at %s", path);
	return fd;
}

static int serve(struct server *server, char **argv, struct berth_error *err)
{
	static const char *const inputs[] = {"/input/a b.mp4", NULL};
	static const int signals[] = {SIGUSR1, SIGTERM};
	const struct task_channel_info info = {
		.run = "run_test",
		.attempt = 3,
		.attempt_id = "attempt_test",
		.task = "test.task",
		.payload = argv[3],
		.inputs = inputs,
		.output_path = "/output",
		.checkpoint_path = "/checkpoint",
		.cpu_millis = 250,
		.memory_bytes = 1 << 30,
	};
	AUTO_CLOSE int directory = open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct loop_source *source;
	int listener = listen_at(argv[1], err);
	struct task_channel_setup setup = {
		.listen_fd = listener,
		.info = &info,
		.handlers = &handlers,
		.owner = server,
	};

	if (listener < 0 || checkpoint_store_open(directory, &server->store, err) < 0 ||
	    loop_create(&server->loop, err) < 0 ||
	    loop_add_signals(server->loop, signals, 2, on_signal, server, &source, err) < 0)
		return -1;
	setup.loop = server->loop;
	if (task_channel_create(&setup, &server->channel, err) < 0)
		return -1;
	printf("ready\n");
	(void)fflush(stdout);
	return loop_run(server->loop, err);
}

int main(int argc, char **argv)
{
	struct server server = {0};
	struct berth_error err = {0};
	int status;

	if (argc < 3)
		return EXIT_FAILURE;
	status = serve(&server, argv, &err);
	if (status < 0)
		(void)fprintf(stderr, "channel-server: %s\n", err.message);
	task_channel_destroy(server.channel);
	loop_destroy(server.loop);
	checkpoint_store_close(server.store);
	return status < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
