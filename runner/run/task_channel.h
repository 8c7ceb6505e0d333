/* SPDX-License-Identifier: Apache-2.0 */
/* The supervisor's end of one run's task channel: accepts connections, bounds what they may cost,
 * and hands each checked message to the run. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
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
	/* left out of the reply where there is none */
	const char *queue, *concurrency_key, *version, *parent, *root, *batch;
	unsigned max_attempts; /* 0: none */
};

/* Which request: what a handler is given, and what answers it later. Plain data: it may be kept and
 * compared, and a later supervisor may make it again. (connection, sequence) is the same for the
 * same line however often it is handled: log and metadata can be told apart by it. */
struct task_request {
	uint64_t connection; /* from 1, in the order they were accepted within the attempt */
	uint64_t sequence;   /* of the line in its connection, from 0 */
	int64_t id;          /* -1: nothing is to be answered */
	/* The task's own name for it (`wait`, `once`): the same name within the attempt is the same
	 * request. "" for none; those that wait always have one. */
	char name[PROTOCOL_NAME_MAX + 1];
};

/* A handler's outcomes beside 0 and -1: the run is over a limit. The task is answered "limit" and
 * its connection is closed; ending the run is the owner's business. */
#define TASK_CHANNEL_OVER_LIMIT 1
/* … and: task_channel_answer() will say how it went. Requests of a connection are answered in their
 * order, however the answers come; those that wait, as soon as they are. At most
 * TASK_DEFERRED_MAX of a connection and TASK_DEFERRED_RUN_MAX of a run are handed out before the
 * channel reads no further, and PROTOCOL_WAITS_MAX that wait before more are refused. */
#define TASK_CHANNEL_DEFERRED   2

#define TASK_DEFERRED_MAX       32
#define TASK_DEFERRED_RUN_MAX   256

/* What a wait request names; at least one thing. Texts last for the call. */
struct task_wait {
	uint64_t until_ns; /* CLOCK_REALTIME; 0: no date */
	const char *const *tokens;
	size_t token_count;
	const char *const *runs;
	size_t run_count;
	const char *batch; /* NULL: none */
};

struct task_batch {
	const struct protocol_trigger *items; /* their names are NULL */
	size_t count;                         /* 1 … PROTOCOL_BATCH_MAX */
	const char *idempotency_key;          /* NULL: none */
	int64_t idempotency_ttl_ms;           /* -1: not said */
	bool waits;                           /* batch_and_wait */
};

/* Called from within loop_run() or task_channel_drain(). A handler that returns -1 with err fails
 * that one request: the task is answered with err's code and words (BERTH_DENIED is told as
 * "stale"). Values belong to the channel and last for the call. *ret_reply is a new object with the
 * members that the protocol table's row says, NULL for none, and becomes the channel's. A handler
 * may call task_channel_cancel(), task_channel_answer() and task_channel_commit(), never
 * task_channel_destroy(). A missing handler refuses its op. Any handler but log, progress and usage
 * may return TASK_CHANNEL_DEFERRED. */
struct task_channel_handlers {
	/* fields is an object or NULL; message is UTF-8 of length bytes, any character in it */
	int (*log)(void *owner, const struct task_request *request,
		   const struct protocol_log *message, struct berth_error *err);
	/* negative numbers and NULL texts are not known */
	int (*progress)(void *owner, const struct task_request *request,
			const struct protocol_progress *progress, struct berth_error *err);
	/* set is an object of at most PROTOCOL_METADATA_MAX bytes; merging is the owner's */
	int (*metadata)(void *owner, const struct task_request *request, const json_t *set,
			struct berth_error *err);
	/* 0 only after data, one line of JSON text, is durable */
	int (*checkpoint)(void *owner, const struct task_request *request, const char *name,
			  const char *data, struct berth_error *err);
	/* *ret_data becomes the channel's: one line of JSON text from malloc, or NULL when there
	 * is none. Deferred, the reply is {"found":…,"data":…}. */
	int (*restore)(void *owner, const struct task_request *request, const char *name,
		       char **ret_data, struct berth_error *err);
	/* may take a reference */
	int (*output)(void *owner, const struct task_request *request, json_t *data,
		      struct berth_error *err);
	/* retry_at_ns is CLOCK_REALTIME, 0 when the task leaves it to the run's policy */
	int (*fail)(void *owner, const struct task_request *request,
		    const struct protocol_fail *fail, uint64_t retry_at_ns,
		    struct berth_error *err);
	int (*usage)(void *owner, const struct task_request *request,
		     struct protocol_usage_reply *ret_usage, struct berth_error *err);
	/* Never for a date alone that is at most PROTOCOL_HELD_MS away, and without this handler
	 * for no date alone: the channel's own timer answers those. */
	int (*wait)(void *owner, const struct task_request *request, const struct task_wait *wait,
		    json_t **ret_reply, struct berth_error *err);
	/* request->name is set when waits (trigger_and_wait) */
	int (*trigger)(void *owner, const struct task_request *request,
		       const struct protocol_trigger *trigger, bool waits, json_t **ret_reply,
		       struct berth_error *err);
	int (*batch)(void *owner, const struct task_request *request,
		     const struct task_batch *batch, json_t **ret_reply, struct berth_error *err);
	int (*token_create)(void *owner, const struct task_request *request,
			    const struct protocol_token_create *token, json_t **ret_reply,
			    struct berth_error *err);
	int (*token_complete)(void *owner, const struct task_request *request,
			      const struct protocol_token_complete *token, struct berth_error *err);
	int (*run_get)(void *owner, const struct task_request *request, const char *run,
		       json_t **ret_reply, struct berth_error *err);
	/* What the task did wrong on the channel, in one printable sentence; at most 16 a run. */
	void (*problem)(void *owner, const char *message);

	/* May be NULL. Whether accepted() could give a copy away at once: until then connections
	 * wait where a death of this process does not end them. Not asked when the task is over. */
	bool (*may_accept)(void *owner);
	/* May be NULL. A connection was accepted, and nothing of it has been read: a copy of fd may
	 * be given away here. Failing ends the loop. */
	int (*accepted)(void *owner, uint64_t connection, int fd, struct berth_error *err);
	/* May be NULL. It is gone, and so is whom its requests would have been answered to. Not
	 * called by task_channel_destroy(). */
	void (*closed)(void *owner, uint64_t connection);
	/* May be NULL. After an adoption, from within the loop, for each request that waits and had
	 * been committed: its line is not read again. */
	void (*waiting)(void *owner, const struct task_request *request);
};

struct task_channel_connection {
	uint64_t number;
	int fd;
};

/* What a channel before this one has left. All descriptors are taken over on success. */
struct task_channel_adoption {
	int ledger_fd; /* task_channel_ledger() of it; -1: lost. Connections then count as having
			* said hello, and lines are counted from 0 again. */
	const struct task_channel_connection *connections; /* at most PROTOCOL_CONNECTIONS_MAX */
	size_t connection_count;
	uint64_t next_connection; /* number of the next one, where the ledger does not know; 0 */
};

struct task_channel_setup {
	struct loop *loop;
	int listen_fd; /* a listening Unix stream socket; taken over on success */
	const struct task_channel_info *info;
	const struct task_channel_handlers *handlers; /* must outlive the channel */
	void *owner;
	/* A line leaves its socket only after it was handled, committed when it was deferred, and
	 * its answer sent: killed in between, the supervisor leaves it to the next one. */
	bool is_durable;
	const struct task_channel_adoption *adoption; /* NULL: a new attempt; else durable */
};

/* BERTH_INVALID when the payload is not JSON or too large. */
int task_channel_create(const struct task_channel_setup *setup, struct task_channel **ret_channel,
			struct berth_error *err);

/* The memory in which a durable channel keeps how far each connection is: to be kept for an
 * adoption, beside the listener and the connections. It stays the channel's; -1: not durable. */
int task_channel_ledger(const struct task_channel *channel);

/* Sends the cancel event to every connection, and tells those that come later. reason is "signal"
 * or "timeout". Only the first call counts. */
int task_channel_cancel(struct task_channel *channel, const char *reason, uint64_t grace_ms,
			struct berth_error *err);

/* Says how a deferred request went: reply is an object with the members of its row, or NULL; why,
 * when not NULL, refuses it. It is committed, too. The answer goes out from within the loop.
 * Outcomes: 0; TASK_CHANNEL_GONE, nobody is there who waits for it; -1, memory is out. */
#define TASK_CHANNEL_GONE 1
int task_channel_answer(struct task_channel *channel, const struct task_request *request,
			const json_t *reply, const struct berth_error *why,
			struct berth_error *err);

/* What a waiting request asked for is durable: its line may go, its answer is still to come. Until
 * then whatever follows on the connection stays in the socket, too, and the next supervisor is
 * handed it again. Outcomes: 0 and TASK_CHANNEL_GONE. */
int task_channel_commit(struct task_channel *channel, const struct task_request *request);

/* Deferred requests that do not wait and were not answered yet: what a task that has ended may
 * still have to be noted. */
size_t task_channel_pending(const struct task_channel *channel);

/* Handles what is already there, at most for max_ms: to be called when the task has ended, so
 * that its last words are not lost. */
void task_channel_drain(struct task_channel *channel, uint64_t max_ms);

/* Closes everything; accepts NULL. */
void task_channel_destroy(struct task_channel *channel);
