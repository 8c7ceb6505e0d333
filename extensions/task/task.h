/* SPDX-License-Identifier: Apache-2.0 */
/* berth/task.h: the C SDK for programs that run as berth tasks.
 *
 * A task talks to its supervisor over the Unix socket /run/berth/task.sock (docs/protocol.md).
 * Every function is blocking, none is thread-safe on the same struct berth_task, none prints or
 * exits. A program with several threads opens a task in each: so it waits for several things at
 * once. Functions return 0 on success and -1 on failure, with *err filled (err may be NULL).
 * When the supervisor is replaced under the program, a call looks for the next one for up to
 * 30 seconds (once the run is asked to end, until its grace period is over) and asks again.
 * JSON is passed as NUL-terminated UTF-8 text. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BERTH_TASK_PUBLIC              __attribute__((visibility("default")))

#define BERTH_TASK_SOCKET_PATH         "/run/berth/task.sock"
#define BERTH_TASK_CHECKPOINT_MAX      (256 * 1024) /* bytes of one checkpoint's JSON */
#define BERTH_TASK_CHECKPOINT_NAME_MAX 64           /* [A-Za-z0-9._-]+, not starting with a dot */
#define BERTH_TASK_PAYLOAD_MAX         (3 * 1024 * 1024)
#define BERTH_TASK_OUTPUT_MAX          (4 * 1024 * 1024 - 64) /* what one line can carry */
#define BERTH_TASK_MESSAGE_MAX         (64 * 1024)            /* bytes of one log message */

/* Exit statuses a task may end with; berth_task_fail's kinds map to the same two. */
#define BERTH_TASK_EXIT_RETRYABLE      75 /* EX_TEMPFAIL of sysexits.h(3head) */
#define BERTH_TASK_EXIT_PERMANENT      65 /* EX_DATAERR */

struct berth_task_error {
	int errnum; /* errno, or 0 */
	char message[256];
};

enum berth_task_level {
	BERTH_TASK_TRACE,
	BERTH_TASK_DEBUG,
	BERTH_TASK_LOG,
	BERTH_TASK_INFO,
	BERTH_TASK_WARN,
	BERTH_TASK_ERROR,
};

enum berth_task_failure {
	BERTH_TASK_RETRYABLE, /* another attempt may succeed */
	BERTH_TASK_PERMANENT, /* no attempt will: never retried */
};

struct berth_task;

/* What the run is; strings live as long as the task. */
struct berth_task_info {
	const char *run;             /* "run_…" */
	unsigned attempt;            /* from 1 */
	const char *task;            /* "video.probe"; NULL for a plain command */
	const char *payload;         /* JSON text, "null" when there is none */
	const char *const *inputs;   /* NULL-terminated paths under /input, in the order given */
	const char *output_path;     /* "/output", or NULL */
	const char *checkpoint_path; /* "/checkpoint", or NULL */
	/* of a run of berth serve; NULL and 0 where there is none */
	const char *queue, *concurrency_key, *version;
	const char *parent, *root; /* the run that triggered it, and the first of that chain */
	const char *batch;
	unsigned max_attempts;
	double cpus;           /* the run's real share; nproc lies inside a quota */
	uint64_t memory_bytes; /* 0: unlimited */
};

/* Connects and says hello. Without /run/berth/task.sock (the program was started by hand) a
 * stand-in is used: the payload is $BERTH_TASK_PAYLOAD, inputs $BERTH_TASK_INPUTS (colon
 * separated), output $BERTH_TASK_OUTPUT, checkpoints in $BERTH_TASK_CHECKPOINT, everything said is
 * printed to stderr as one JSON line. $BERTH_TASK_SOCKET names another socket.
 * Installs handlers of SIGTERM, SIGINT and SIGHUP that set berth_task_cancelled(); a signal that is
 * ignored stays so. */
BERTH_TASK_PUBLIC int berth_task_open(struct berth_task **ret_task, struct berth_task_error *err);
/* Flushes and closes; accepts NULL. */
BERTH_TASK_PUBLIC void berth_task_close(struct berth_task *task);

BERTH_TASK_PUBLIC const struct berth_task_info *berth_task_info(const struct berth_task *task);

/* fields is a JSON object or NULL. Not answered: returns once the kernel has the line. */
BERTH_TASK_PUBLIC int berth_task_log(struct berth_task *task, enum berth_task_level level,
				     const char *message, const char *fields,
				     struct berth_task_error *err);
BERTH_TASK_PUBLIC int berth_task_logf(struct berth_task *task, enum berth_task_level level,
				      const char *format, ...)
	__attribute__((format(printf, 3, 4)));

struct berth_task_progress {
	double percent;        /* 0 … 100; negative: unknown */
	double eta_s;          /* seconds left; negative: unknown */
	double rate;           /* in rate_unit per second; negative: unknown */
	const char *rate_unit; /* "frames", or NULL */
	const char *message;   /* short text, or NULL */
};
/* Rate-limited by the SDK to 10 a second (the last one is always sent); not answered. */
BERTH_TASK_PUBLIC int berth_task_progress(struct berth_task *task,
					  const struct berth_task_progress *progress,
					  struct berth_task_error *err);

/* Merges a JSON object into the run's metadata. */
BERTH_TASK_PUBLIC int berth_task_metadata(struct berth_task *task, const char *object,
					  struct berth_task_error *err);

/* Saves a checkpoint; returns after it is durable. Files under checkpoint_path that data speaks of
 * must have been fsynced by the task before. */
BERTH_TASK_PUBLIC int berth_task_checkpoint(struct berth_task *task, const char *name,
					    const char *data, struct berth_task_error *err);
/* *ret_data is the newest data saved under that name, by this or an earlier attempt, or NULL when
 * there is none; the caller frees it. */
BERTH_TASK_PUBLIC int berth_task_restore(struct berth_task *task, const char *name, char **ret_data,
					 struct berth_task_error *err);

/* Sets the run's output, a JSON value; the last one counts. Answered when recorded. */
BERTH_TASK_PUBLIC int berth_task_output(struct berth_task *task, const char *json,
					struct berth_task_error *err);

/* Records why the attempt fails; name is a short word ("InvalidInput"), message a sentence.
 * Answered when recorded. The program should then end with the matching exit status. */
BERTH_TASK_PUBLIC int berth_task_fail(struct berth_task *task, enum berth_task_failure kind,
				      const char *name, const char *message,
				      struct berth_task_error *err);

/* The same as a retryable failure that names when the next attempt is to start: in so many ms. */
BERTH_TASK_PUBLIC int berth_task_retry(struct berth_task *task, const char *name,
				       const char *message, uint64_t in_ms,
				       struct berth_task_error *err);

/* ---- Waits. While it waits the run holds no place in its queue. A wait fails with errnum
 * ECANCELED when the run is asked to end. Under `berth run` only the first two are offered: the
 * others, and triggers, batches and tokens, need `berth serve`. ---- */

BERTH_TASK_PUBLIC int berth_task_wait_for_ms(struct berth_task *task, uint64_t ms,
					     struct berth_task_error *err);
/* Nanoseconds since 1970-01-01T00:00:00Z; milliseconds count. */
BERTH_TASK_PUBLIC int berth_task_wait_until(struct berth_task *task, uint64_t realtime_ns,
					    struct berth_task_error *err);

/* What was waited for. That it failed is no failure of the call. */
struct berth_task_result {
	bool ok;        /* the run completed, the token was completed, all of the batch was */
	bool timed_out; /* a token that was not completed in time */
	char *id;       /* of the run, token or batch */
	char *output;   /* JSON text; NULL: none */
	char *error;    /* JSON text; NULL: none */
};
/* Frees what it holds; accepts one that is all zero. */
BERTH_TASK_PUBLIC void berth_task_result_finish(struct berth_task_result *result);

/* *ret_result is the caller's to finish, after success. */
BERTH_TASK_PUBLIC int berth_task_wait_token(struct berth_task *task, const char *token,
					    struct berth_task_result *ret_result,
					    struct berth_task_error *err);
BERTH_TASK_PUBLIC int berth_task_wait_run(struct berth_task *task, const char *run,
					  struct berth_task_result *ret_result,
					  struct berth_task_error *err);
BERTH_TASK_PUBLIC int berth_task_wait_batch(struct berth_task *task, const char *batch,
					    struct berth_task_result *ret_result,
					    struct berth_task_error *err);
/* Waits for all of several things: what is a JSON object with the fields of `wait` in
 * docs/protocol.md, *ret_results the JSON array of its results, which the caller frees. */
BERTH_TASK_PUBLIC int berth_task_wait(struct berth_task *task, const char *what, char **ret_results,
				      struct berth_task_error *err);

/* ---- Other runs. Repeated after a lost connection, each of these is done once. ---- */

/* Zero and NULL: not given. */
struct berth_task_trigger_options {
	const char *payload;  /* JSON text */
	const char *metadata; /* JSON object */
	const char *tags;     /* JSON array of texts */
	const char *queue, *concurrency_key, *machine, *version;
	const char *delay; /* a duration as "1h30m", or an RFC 3339 date */
	const char *idempotency_key;
	uint64_t idempotency_ttl_ms;
	uint64_t ttl_ms;
	uint32_t priority_s;
	unsigned max_attempts;
	uint64_t max_duration_ms;
	const char *name; /* for this request: the same name in one attempt triggers once */
};
/* options may be NULL; *ret_run is the new run's identifier, which the caller frees. */
BERTH_TASK_PUBLIC int berth_task_trigger(struct berth_task *task, const char *name,
					 const struct berth_task_trigger_options *options,
					 char **ret_run, struct berth_task_error *err);
BERTH_TASK_PUBLIC int berth_task_trigger_and_wait(struct berth_task *task, const char *name,
						  const struct berth_task_trigger_options *options,
						  struct berth_task_result *ret_result,
						  struct berth_task_error *err);

/* items is a JSON array of 1 to 1000 objects with the fields of `trigger`. The caller frees the
 * batch's identifier and the JSON array that says of each item which run it is, or why it is none.
 */
BERTH_TASK_PUBLIC int berth_task_batch(struct berth_task *task, const char *items, char **ret_batch,
				       char **ret_runs, struct berth_task_error *err);
/* *ret_results is a JSON array of results in the order of the items; the caller frees it. */
BERTH_TASK_PUBLIC int berth_task_batch_and_wait(struct berth_task *task, const char *items,
						char **ret_results, struct berth_task_error *err);

struct berth_task_token_options {
	uint64_t timeout_ms; /* 0: never */
	const char *idempotency_key;
	uint64_t idempotency_ttl_ms;
	const char *tags; /* JSON array of texts */
};
/* options may be NULL; the caller frees *ret_token. */
BERTH_TASK_PUBLIC int berth_task_token_create(struct berth_task *task,
					      const struct berth_task_token_options *options,
					      char **ret_token, struct berth_task_error *err);
/* output is JSON text or NULL. A token that is over stays as it is. */
BERTH_TASK_PUBLIC int berth_task_token_complete(struct berth_task *task, const char *token,
						const char *output, struct berth_task_error *err);

/* How a run is doing: a JSON object as `run_get` in docs/protocol.md replies; the caller frees it.
 */
BERTH_TASK_PUBLIC int berth_task_run_get(struct berth_task *task, const char *run, char **ret_json,
					 struct berth_task_error *err);

struct berth_task_usage {
	uint64_t cpu_ns;            /* CPU time used by this attempt */
	uint64_t memory_bytes;      /* in use now */
	uint64_t memory_peak_bytes; /* most in use so far */
	uint64_t pids; /* processes and threads now, process 1 among them; 0: unknown */
};
/* What the attempt has used so far. */
BERTH_TASK_PUBLIC int berth_task_usage(struct berth_task *task, struct berth_task_usage *ret_usage,
				       struct berth_task_error *err);

/* true once the supervisor asked the task to save a checkpoint and end (the cancel event, or
 * SIGTERM, SIGINT or SIGHUP). Never blocks; cheap enough to call for every frame. */
BERTH_TASK_PUBLIC bool berth_task_cancelled(struct berth_task *task);

#ifdef __cplusplus
}
#endif
