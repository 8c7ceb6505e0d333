/* SPDX-License-Identifier: Apache-2.0 */
/* The fields of a trigger: the command line, the socket, the task channel and HTTP share them. */
#include <stddef.h>

#include "machines/machine.h"
#include "runner/engine/definition.h"
#include "runner/engine/engine_queues.h"
#include "runner/engine/engine_runs.h"
#include "runner/engine/engine_versions.h"
#include "runner/engine/run_delay.h"

#define AT(member) offsetof(struct run_trigger, member)
#define LONGEST_MS ((double)RUN_TIME_MAX_MS)

static const char *const debounce_names[] = {"none", "leading", "trailing", NULL};

/* clang-format off */
const struct field_row engine_trigger_rows[] = {
	{.name = "task", .type = FIELD_STRING, .offset = AT(task), .min = 1, .max = TASK_NAME_MAX, .unit = "", .help = "which task to run", .required = true},
	{.name = "payload", .type = FIELD_STRING, .offset = AT(payload), .max = RUN_PAYLOAD_MAX, .unit = "", .help = "what it is given, as text: JSON unless payloadType says otherwise"},
	{.name = "payloadType", .type = FIELD_STRING, .offset = AT(payload_type), .min = 1, .max = RUN_PAYLOAD_TYPE_MAX, .unit = "", .help = "media type of the payload; application/json unless said"},
	{.name = "metadata", .type = FIELD_JSON, .offset = AT(metadata), .unit = "", .help = "an object that is shown with the run"},
	{.name = "tags", .type = FIELD_JSON, .offset = AT(tags), .unit = "", .help = "at most 10 texts to find it by, or one"},
	{.name = "inputs", .type = FIELD_JSON, .offset = AT(inputs), .unit = "", .help = "at most 128 absolute paths of files, which the task reads at /input/NAME; launcher.conf says which may be named"},
	{.name = "outputDirectory", .type = FIELD_STRING, .offset = AT(output_directory), .min = 1, .max = RUN_PATH_MAX, .unit = "", .help = "absolute path of a directory, which the task writes to at /output; likewise"},
	{.name = "queue", .type = FIELD_STRING, .offset = AT(queue), .min = 1, .max = QUEUE_NAME_MAX, .unit = "", .help = "another queue than the task's"},
	{.name = "concurrencyKey", .type = FIELD_STRING, .offset = AT(concurrency_key), .min = 1, .max = RUN_CONCURRENCY_KEY_MAX, .unit = "", .help = "runs of different keys have a place of their own in the queue"},
	{.name = "machine", .type = FIELD_STRING, .offset = AT(machine), .min = 1, .max = MACHINE_NAME_MAX, .unit = "", .help = "another preset than the task's"},
	{.name = "version", .type = FIELD_STRING, .offset = AT(version), .min = 1, .max = VERSION_NAME_SIZE - 1, .unit = "", .help = "run this version, whatever is current"},
	{.name = "idempotencyKey", .type = FIELD_STRING, .offset = AT(idempotency_key), .min = 1, .max = RUN_KEY_MAX, .unit = "", .help = "the same key again finds the run that is there"},
	{.name = "idempotencyKeyTTL", .type = FIELD_DURATION_MS, .offset = AT(idempotency_ttl_ms), .max = LONGEST_MS, .unit = "seconds", .help = "how long the key holds; 30 days unless said"},
	{.name = "delay", .type = FIELD_STRING, .offset = AT(delay), .min = 1, .max = RUN_DELAY_TEXT_MAX, .unit = "", .help = "queue it later: 1h30m, or a date"},
	{.name = "ttl", .type = FIELD_DURATION_MS, .offset = AT(ttl_ms), .max = LONGEST_MS, .unit = "seconds", .help = "expires when it did not start within; 0: never"},
	{.name = "priority", .type = FIELD_INTEGER, .offset = AT(priority), .min = -RUN_PRIORITY_MAX, .max = RUN_PRIORITY_MAX, .unit = "seconds", .help = "its place is as if it had been triggered so much earlier"},
	{.name = "maxAttempts", .type = FIELD_INTEGER, .offset = AT(max_attempts), .max = RUN_ATTEMPTS_LIMIT, .unit = "attempts", .help = "instead of the task's; 0: the task's"},
	{.name = "maxDuration", .type = FIELD_DURATION_MS, .offset = AT(max_duration_ms), .max = LONGEST_MS, .unit = "seconds", .help = "instead of the task's; 0: the task's"},
	{.name = "debounceKey", .type = FIELD_STRING, .offset = AT(debounce_key), .min = 1, .max = RUN_DEBOUNCE_KEY_MAX, .unit = "", .help = "triggers of the same key within the delay make one run"},
	{.name = "debounceDelay", .type = FIELD_DURATION_MS, .offset = AT(debounce_delay_ms), .max = LONGEST_MS, .unit = "seconds", .help = "each trigger puts the run off by so much; at least 1 s"},
	{.name = "debounceMode", .type = FIELD_ENUM, .offset = AT(debounce_mode), .default_text = "none", .choices = debounce_names, .unit = "", .help = "leading: the first trigger's payload counts; trailing: the last one's"},
	{.name = "debounceMaxDelay", .type = FIELD_DURATION_MS, .offset = AT(debounce_max_ms), .max = LONGEST_MS, .unit = "seconds", .help = "not later than so long after the first trigger; 0: no bound"},
	{.name = "test", .type = FIELD_BOOL, .offset = AT(is_test), .unit = "", .help = "mark it as a test"},
};
/* clang-format on */

const size_t engine_trigger_row_count =
	sizeof(engine_trigger_rows) / sizeof(engine_trigger_rows[0]);
