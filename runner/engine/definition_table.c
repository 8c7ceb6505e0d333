/* SPDX-License-Identifier: Apache-2.0 */
/* The fields of a task that the engine reads. */
#include <stddef.h>

#include "machines/machine.h"
#include "runner/engine/definition.h"
#include "runner/engine/engine_queues.h"
#include "runner/engine/engine_runs.h"

#define AT(member)       offsetof(struct definition, member)
#define AT_QUEUE(member) offsetof(struct definition_queue, member)
#define AT_RETRY(member) offsetof(struct retry_policy, member)
#define YEARS_10_MS      315360000000.0

static const char *const interrupted_names[] = {"retry", "fail", NULL};
static const char *const resume_names[] = {"checkpoint", "restart", NULL};

/* clang-format off */
const struct field_row definition_rows[] = {
	{.name = "machine", .type = FIELD_STRING, .offset = AT(machine), .min = 1, .max = MACHINE_NAME_MAX, .unit = "", .help = "preset its runs get; small-1x unless said"},
	{.name = "queue", .type = FIELD_JSON, .offset = AT(queue), .unit = "", .help = "name of a shared queue, or the settings of its own"},
	{.name = "retry", .type = FIELD_JSON, .offset = AT(retry), .unit = "", .help = "when another attempt follows a failed one; without it there is one attempt"},
	{.name = "maxDuration", .type = FIELD_DURATION_MS, .offset = AT(max_duration_ms), .max = YEARS_10_MS, .unit = "seconds", .help = "how long an attempt may execute, waits not counted; 0: no limit"},
	{.name = "ttl", .type = FIELD_DURATION_MS, .offset = AT(ttl_ms), .max = YEARS_10_MS, .unit = "seconds", .help = "a run that did not start within it expires; 0: never"},
	{.name = "deadLetter", .type = FIELD_STRING, .offset = AT(dead_letter), .min = 1, .max = TASK_NAME_MAX, .unit = "", .help = "task that is started when a run failed for good"},
	{.name = "payloadSchema", .type = FIELD_JSON, .offset = AT(payload_schema), .unit = "", .help = "a part of JSON Schema, checked when a run is triggered"},
	{.name = "interrupted", .type = FIELD_ENUM, .offset = AT(interrupted), .default_text = "retry", .choices = interrupted_names, .unit = "", .help = "what becomes of a run whose host or launcher went away"},
	{.name = "resume", .type = FIELD_ENUM, .offset = AT(resume), .default_text = "checkpoint", .choices = resume_names, .unit = "", .help = "whether another attempt is given the checkpoints of the one before it or starts from nothing"},
};

const struct field_row definition_queue_rows[] = {
	{.name = "name", .type = FIELD_STRING, .offset = AT_QUEUE(name), .min = 1, .max = QUEUE_NAME_MAX, .unit = "", .help = "shared by every task that names it; its own without"},
	{.name = "concurrencyLimit", .type = FIELD_INTEGER, .offset = AT_QUEUE(limit), .min = -1, .max = QUEUE_LIMIT_MAX, .default_text = "-1", .unit = "runs", .help = "how many of it run at once; -1: no limit"},
	{.name = "keyLimit", .type = FIELD_INTEGER, .offset = AT_QUEUE(key_limit), .min = -1, .max = QUEUE_LIMIT_MAX, .default_text = "-1", .unit = "runs", .help = "likewise, of one concurrency key"},
	{.name = "sizeLimit", .type = FIELD_INTEGER, .offset = AT_QUEUE(size_limit), .min = -1, .max = QUEUE_SIZE_MAX, .default_text = "-1", .unit = "runs", .help = "how many may be queued; more are refused"},
};

const struct field_row definition_retry_rows[] = {
	{.name = "maxAttempts", .type = FIELD_INTEGER, .offset = AT_RETRY(max_attempts), .min = 1, .max = RUN_ATTEMPTS_LIMIT, .default_text = "3", .unit = "attempts", .help = "all of them, the first too"},
	{.name = "minTimeoutInMs", .type = FIELD_INTEGER, .offset = AT_RETRY(min_ms), .max = RETRY_TIMEOUT_MAX_MS, .default_text = "1000", .unit = "milliseconds", .help = "before the second attempt"},
	{.name = "maxTimeoutInMs", .type = FIELD_INTEGER, .offset = AT_RETRY(max_ms), .max = RETRY_TIMEOUT_MAX_MS, .default_text = "60000", .unit = "milliseconds", .help = "never longer"},
	{.name = "factor", .type = FIELD_NUMBER, .offset = AT_RETRY(factor), .max = RETRY_FACTOR_MAX, .default_text = "2", .unit = "", .help = "each further one waits so much longer"},
	{.name = "randomize", .type = FIELD_BOOL, .offset = AT_RETRY(is_random), .default_text = "true", .unit = "", .help = "up to twice as long, so that runs that failed together do not retry together"},
	{.name = "outOfMemory", .type = FIELD_JSON, .offset = AT_RETRY(out_of_memory), .unit = "", .help = "{\"machine\":\"…\"} or {\"ladder\":true}: where a run goes on that its memory did not suffice"},
};
/* clang-format on */

const size_t definition_row_count = sizeof(definition_rows) / sizeof(definition_rows[0]);
const size_t definition_queue_row_count =
	sizeof(definition_queue_rows) / sizeof(definition_queue_rows[0]);
const size_t definition_retry_row_count =
	sizeof(definition_retry_rows) / sizeof(definition_retry_rows[0]);
