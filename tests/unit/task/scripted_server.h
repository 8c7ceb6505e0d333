/* SPDX-License-Identifier: Apache-2.0 */
/* A supervisor that follows a script, in a process of its own. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

struct script_step {
	const char *expects; /* part of the next line; NULL: nothing is read */
	const char *answers; /* sent as it is; NULL: nothing */
	unsigned pause_ms;   /* before answering */
};

struct scripted_server {
	char directory[64], path[96];
	pid_t pid;
};

/* The reply to hello that most scripts begin with. */
#define SCRIPT_HELLO                                                                                  \
	{                                                                                             \
		"{\"op\":\"hello\",\"protocol\":2,\"sdk\":\"libberth-task/",                          \
			"{\"id\":1,\"ok\":true,\"cancelled\":false,\"protocol\":1,\"run\":\"run_7\"," \
			"\"attempt\":2,\"attempt_id\":\"a\",\"task\":\"x.y\",\"payload\":{\"k\":1},"  \
			"\"inputs\":[\"/input/a\",\"/input/b\"],\"output\":\"/output\","              \
			"\"checkpoint\":null,\"cpus\":0.5,\"memory_bytes\":1024,\"news\":1}\n",       \
			0                                                                             \
	}

/* A step's answer that hangs up, and goes on with another connection. */
extern const char script_hang_up[];

/* Listens, sets $BERTH_TASK_SOCKET and follows the script with the first connection. The script
 * ends with a step of all NULL; after it the server reads until the task closes, or, with
 * closes, closes itself. */
void scripted_server_start(struct scripted_server *server, const struct script_step *script,
			   int closes);

/* Waits for the server and returns its exit status; not 0: the script was not followed. */
int scripted_server_wait(struct scripted_server *server);

/* The same; fails the test when the task did not say what the script expects. */
void scripted_server_finish(struct scripted_server *server);
