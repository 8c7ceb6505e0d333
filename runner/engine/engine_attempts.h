/* SPDX-License-Identifier: Apache-2.0 */
/* What a live attempt reports. A token that is not the run's current one is ENGINE_STALE, and
 * nothing changes; repeating a report changes nothing either. */
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "runner/engine/engine.h"
#include "runner/run/outcome_table.h"

#define ENGINE_STALE 1

/* What the supervisor needs to launch, read after the commit that said ENGINE_LAUNCH. Strings are
 * the record's until engine_launch_finish(). */
struct engine_launch {
	int64_t run_id, attempt;
	char token[ENGINE_TOKEN_SIZE];
	char *task, *version, *definition, *bundle; /* bundle: digest; "" for built-in tasks */
	char *payload, *payload_type;
	json_t *inputs; /* array of paths of the host; NULL: none */
	char *output_directory;
	char *machine;
	char *queue, *concurrency_key;
	int64_t max_attempts, definition_id;
	uint64_t max_duration_ms; /* what is left of it; 0: none */
	int64_t parent_id, root_id, batch_id;
	uint64_t created_ns;
	bool is_test, is_replay;
	char *fail; /* what the attempt said of its failure before its supervisor died; NULL */
};
/* ENGINE_STALE when the run went on meanwhile (cancelled). */
int engine_read_launch(struct engine *engine, int64_t run_id, const char *token,
		       struct engine_launch *ret_launch, struct berth_error *err);
void engine_launch_finish(struct engine_launch *launch);

/* The task's program executes. */
int engine_attempt_started(struct engine *engine, int64_t run_id, const char *token,
			   struct berth_error *err);

int engine_attempt_output(struct engine *engine, int64_t run_id, const char *token,
			  const char *output, const char *type, struct berth_error *err);

#define ENGINE_FAIL_MAX (64 * 1024)

/* The task's own words about its failure, JSON text at most ENGINE_FAIL_MAX: kept until the attempt
 * ends, whatever happens to the supervisor. The last ones count. */
int engine_attempt_fail(struct engine *engine, int64_t run_id, const char *token, const char *fail,
			struct berth_error *err);

/* How it ended. usage and protections are JSON text or NULL. */
struct engine_attempt_end {
	enum run_outcome outcome;
	const char *reason; /* outcome_reason(): the limit; NULL */
	int exit_code;
	const char *message;  /* for people */
	const char *error;    /* JSON TaskRunError of the task's own fail, or NULL */
	uint64_t retry_at_ns; /* the task named its next time; 0: the policy's */
	bool is_interrupted;  /* the host's fault: not counted */
	bool never_began;     /* and nothing of the task had run */
	const char *usage, *protections;
	uint64_t cpu_ns, wall_ns, memory_peak_bytes, log_bytes;
};
int engine_attempt_end(struct engine *engine, int64_t run_id, const char *token,
		       const struct engine_attempt_end *end, struct berth_error *err);

/* After a restart: the tokens the launcher still has, whatever their state there. Runs with an
 * attempt that is not among them are interrupted; tokens that no run has come back as ENGINE_KILL.
 * A new launcher cannot tell what the one before it had begun; one that has outlived its supervisor
 * never had what it does not know. */
struct engine_live {
	int64_t run_id;
	char token[ENGINE_TOKEN_SIZE];
};
int engine_recover(struct engine *engine, const struct engine_live *live, size_t count,
		   bool is_new_launcher, struct berth_error *err);

#define ENGINE_CHECKPOINT_NAME_MAX 64
#define ENGINE_CHECKPOINT_MAX      (256 * 1024) /* bytes of one */
#define ENGINE_CHECKPOINTS_MAX     256          /* names in one run */

/* Checkpoints: durable when the group is committed. */
int engine_checkpoint_save(struct engine *engine, int64_t run_id, const char *token,
			   const char *name, const char *data, struct berth_error *err);
/* *ret_data is the caller's; NULL when there is none. */
int engine_checkpoint_load(struct engine *engine, int64_t run_id, const char *name, char **ret_data,
			   struct berth_error *err);
