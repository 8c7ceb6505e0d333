/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of a run and its attempts, for --result and for the words at the end. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/identifier.h"
#include "runner/run/collector.h"
#include "runner/run/outcome_table.h"
#include "runner/run/run_options.h"
#include "runner/run/string_list.h"
#include "sandbox/sandbox.h"

#define RECORD_MESSAGE_SIZE 512
#define RECORD_REASON_SIZE  24

struct attempt_record {
	unsigned number; /* from 1 */
	char id[IDENTIFIER_SIZE];
	uint64_t started_ns, ended_ns; /* CLOCK_REALTIME */
	enum run_outcome outcome;
	const char *reason; /* a literal, or NULL */
	int exit_code;
	char message[RECORD_MESSAGE_SIZE];
	struct sandbox_outcome sandbox;
	uint64_t log_bytes;
};

/* The fail message of the task channel. */
struct fail_record {
	enum run_fail_kind kind;
	char *name, *message; /* owned */
	uint64_t retry_at_ns; /* CLOCK_REALTIME: when the task wants the next attempt; 0: no matter
			       */
};

struct run_record {
	uint64_t started_ns, ended_ns; /* CLOCK_REALTIME */
	struct attempt_record
		*attempts; /* owned; only as many as there were, for all would be 200 KB */
	size_t attempt_count;
	json_t *output, *metadata;           /* NULL: none */
	struct fail_record fail;             /* of the last attempt */
	struct string_list channel_problems; /* owned */
	bool has_protections;
	struct sandbox_protection_state protections[SANDBOX_PROTECTIONS];
	bool has_collected;
	struct collector_report collected;
	struct berth_error error; /* berth's own failure; code BERTH_NONE: none */
	int exit_code;
};

void run_record_finish(struct run_record *record);

/* Adds the place of one more attempt, all zero, and forgets what only the last attempt may leave:
 * its failure and its output. Moves the records of the attempts before it. */
int run_record_start_attempt(struct run_record *record, struct attempt_record **ret_attempt,
			     struct berth_error *err);
