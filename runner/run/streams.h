/* SPDX-License-Identifier: Apache-2.0 */
/* The three standard streams of one attempt: what the task is given, and what is carried. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct loop;
struct log_sink;
struct streams;

struct streams_handlers {
	/* length bytes of stderr alone were carried; false: the log is full, carry no more */
	bool (*on_stderr)(void *owner, size_t length);
	/* stdout and stderr have ended and everything was passed on */
	int (*on_done)(void *owner, struct berth_error *err);
};

struct streams_options {
	int stdin_fd;  /* berth's own; -1: the task gets /dev/null */
	int stdout_fd; /* berth's own */
	struct log_sink *log;
	/* stdout_fd and the log's are one open file: the task gets one pipe for both, which keeps
	 * their order; nothing of it is counted, for it is stdout as well */
	bool one_output;
};

int streams_create(struct loop *loop, const struct streams_options *options,
		   const struct streams_handlers *handlers, void *owner,
		   struct streams **ret_streams, struct berth_error *err);
/* Accepts NULL. */
void streams_destroy(struct streams *streams);

/* For struct sandbox_spec: stdin, stdout, stderr of the task. */
void streams_task_descriptors(const struct streams *streams, int ret_fds[3]);

/* The task has its copies: ours must go, or the pipes would never end. */
void streams_close_task_descriptors(struct streams *streams);

/* The errno for which stdout was not passed on in whole; 0: it was, or its reader went away. */
int streams_output_failure(const struct streams *streams);

bool streams_are_done(const struct streams *streams);
