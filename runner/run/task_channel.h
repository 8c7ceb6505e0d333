/* SPDX-License-Identifier: Apache-2.0 */
/* The supervisor's end of one run's task channel: accepts connections, bounds what they may cost,
 * and hands each checked message to the run. */
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/loop.h"
#include "extensions/task/protocol_table.h"

struct task_channel;

/* What hello answers; copied. NULL where there is none. */
struct task_channel_info {
	const char *run;
	unsigned attempt; /* from 1 */
	const char *attempt_id;
	const char *task;
	const char *payload;       /* JSON text of at most PROTOCOL_PAYLOAD_MAX bytes */
	const char *const *inputs; /* NULL-terminated; NULL: none */
	const char *output_path;
	const char *checkpoint_path;
	uint64_t cpu_millis;   /* 0: unlimited */
	uint64_t memory_bytes; /* 0: unlimited */
};

/* A handler's outcome beside 0 and -1: the run is over a limit. The task is answered "limit" and
 * its connection is closed; ending the run is the owner's business. */
#define TASK_CHANNEL_OVER_LIMIT 1

/* Called from within loop_run() or task_channel_drain(). A handler that returns -1 with err fails
 * that one request: the task is answered with err's code and words. Values belong to the channel
 * and last for the call. A handler may call task_channel_cancel(), never task_channel_destroy().
 * A missing handler refuses its op. */
struct task_channel_handlers {
	/* fields is an object or NULL; message is UTF-8 of length bytes, any character in it */
	int (*log)(void *owner, enum protocol_level level, const char *message, size_t length,
		   const json_t *fields, struct berth_error *err);
	/* negative numbers and NULL texts are not known */
	int (*progress)(void *owner, const struct protocol_progress *progress,
			struct berth_error *err);
	/* set is an object of at most PROTOCOL_METADATA_MAX bytes; merging is the owner's */
	int (*metadata)(void *owner, const json_t *set, struct berth_error *err);
	/* 0 only after data, JSON text of length bytes, is durable */
	int (*checkpoint)(void *owner, const char *name, const char *data, size_t length,
			  struct berth_error *err);
	/* *ret_data becomes the channel's: one line of JSON text from malloc, or NULL when there
	 * is none */
	int (*restore)(void *owner, const char *name, char **ret_data, struct berth_error *err);
	/* may take a reference */
	int (*output)(void *owner, json_t *data, struct berth_error *err);
	int (*fail)(void *owner, enum protocol_failure kind, const char *name, const char *message,
		    struct berth_error *err);
	int (*usage)(void *owner, struct protocol_usage_reply *ret_usage, struct berth_error *err);
	/* What the task did wrong on the channel, in one printable sentence; at most 16 a run. */
	void (*problem)(void *owner, const char *message);
};

/* Takes listen_fd, a listening Unix stream socket, over on success. handlers must outlive the
 * channel. BERTH_INVALID when the payload is not JSON or too large. */
int task_channel_create(struct loop *loop, int listen_fd, const struct task_channel_info *info,
			const struct task_channel_handlers *handlers, void *owner,
			struct task_channel **ret_channel, struct berth_error *err);

/* Sends the cancel event to every connection, and tells those that come later. reason is "signal"
 * or "timeout". Only the first call counts. */
int task_channel_cancel(struct task_channel *channel, const char *reason, uint64_t grace_ms,
			struct berth_error *err);

/* Handles what is already there, at most for max_ms: to be called when the task has ended, so
 * that its last words are not lost. */
void task_channel_drain(struct task_channel *channel, uint64_t max_ms);

/* Closes everything; accepts NULL. */
void task_channel_destroy(struct task_channel *channel);
