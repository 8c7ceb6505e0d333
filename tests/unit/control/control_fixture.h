/* SPDX-License-Identifier: Apache-2.0 */
/* A control server with handlers of its own, in a thread of its own. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/loop.h"
#include "runner/control/control_handlers.h"
#include "runner/control/control_server.h"
#include "tests/helpers/scratch.h"

#define FIXTURE_HELD_MAX 256

struct control_fixture {
	char directory[SCRATCH_SIZE];
	char path[SCRATCH_SIZE + 16];
	struct control_server_options options; /* may be changed before fixture_start() */
	struct control_backend backend;
	atomic_bool is_draining;
	atomic_int problems, gone, stopped_streams;
	atomic_int held;
	/* the loop's own */
	struct control_call *held_calls[FIXTURE_HELD_MAX];
	struct loop *loop;
	struct control_server *server;
	int stop[2];
	pthread_t thread;
};

/* status: held until drain answers them all. run_follow: `position` events of 1000 bytes, as fast
 * as the client takes them. trigger: engine's thread, answers {"task"}. run_get: the reader's,
 * fails with not_found. deploy: answers {"bytes"} of its descriptor. ping and hello are the real
 * ones. */
void fixture_init(struct control_fixture *fixture);
void fixture_start(struct control_fixture *fixture);
void fixture_finish(struct control_fixture *fixture);

/* A connected socket that has said nothing. */
int fixture_connect(const struct control_fixture *fixture);
/* Writes text as it is. */
void fixture_say(int fd, const char *text);
/* The next line; NULL at the end of the stream. Valid until the next call; of one connection at a
 * time. */
const char *fixture_hear(int fd);
