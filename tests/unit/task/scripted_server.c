/* SPDX-License-Identifier: Apache-2.0 */
/* A supervisor that follows a script, in a process of its own. */
#include "scripted_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

const char script_hang_up[] = "";

static void answer(int fd, const struct script_step *step)
{
	struct timespec pause = {.tv_nsec = (long)step->pause_ms * 1000000};
	const char *rest = step->answers;
	size_t length = rest ? strlen(rest) : 0;

	(void)nanosleep(&pause, NULL);
	while (length > 0) {
		ssize_t sent = send(fd, rest, length, MSG_NOSIGNAL);

		if (sent <= 0)
			_exit(3);
		rest += sent;
		length -= (size_t)sent;
	}
}

static void follow(int listener, const struct script_step *script, int closes)
{
	FILE *stream = fdopen(accept(listener, NULL, NULL), "r+");
	char *line = NULL;
	size_t size = 0;

	(void)alarm(20); /* a task that says nothing must not keep the test */
	if (!stream)
		_exit(4);
	for (; script->expects || script->answers; script++) {
		if (script->expects && getline(&line, &size, stream) < 0)
			_exit(5);
		if (script->expects && !strstr(line, script->expects)) {
			(void)fprintf(stderr, "expected %s, was told %s\n", script->expects, line);
			_exit(6);
		}
		if (script->answers != script_hang_up) {
			answer(fileno(stream), script);
			continue;
		}
		(void)fclose(stream);
		stream = fdopen(accept(listener, NULL, NULL), "r+");
		if (!stream)
			_exit(8);
	}
	while (!closes && getline(&line, &size, stream) >= 0) {
		(void)fprintf(stderr, "was also told %s\n", line);
		_exit(7);
	}
	_exit(0);
}

void scripted_server_start(struct scripted_server *server, const struct script_step *script,
			   int closes)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(server->directory, sizeof(server->directory), "/tmp/berth-test-XXXXXX");
	assert_non_null(mkdtemp(server->directory));
	(void)snprintf(server->path, sizeof(server->path), "%s/s", server->directory);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", server->path);
	assert_int_equal(bind(listener, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 8), 0);
	assert_int_equal(setenv("BERTH_TASK_SOCKET", server->path, 1), 0);
	server->pid = fork();
	assert_true(server->pid >= 0);
	if (server->pid == 0)
		follow(listener, script, closes);
	(void)close(listener);
}

int scripted_server_wait(struct scripted_server *server)
{
	int status = 0;

	assert_int_equal(waitpid(server->pid, &status, 0), server->pid);
	(void)unlink(server->path);
	(void)rmdir(server->directory);
	(void)unsetenv("BERTH_TASK_SOCKET");
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

void scripted_server_finish(struct scripted_server *server)
{
	assert_int_equal(scripted_server_wait(server), 0);
}
