/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's settings, one row each; docs/man/berth-serve.1.md lists them. */
#include <stddef.h>

#include "runner/supervisor/settings.h"

#define SETTING(member, type_, min_, max_, default_, unit_, help_)                                 \
	{                                                                                          \
		.name = #member, .type = (type_), .offset = offsetof(struct settings, member),     \
		.min = (min_), .max = (max_), .default_text = (default_), .unit = (unit_),         \
		.help = (help_)                                                                    \
	}
#define MS_A_DAY (86400.0 * 1000)

/* one line per row, whatever its length */
/* clang-format off */
const struct field_row settings_rows[] = {
	SETTING(concurrency, FIELD_INTEGER, 1, 100000, "100", "runs", "runs that hold a slot at once"),
	SETTING(burst, FIELD_NUMBER, 1, 100, "2", "", "all queues together may exceed concurrency by this factor, a single one may not"),
	SETTING(cpu_overcommit, FIELD_NUMBER, 0.1, 1000, "4", "", "CPUs promised to runs for each CPU there is"),
	SETTING(memory_overcommit, FIELD_NUMBER, 0.1, 100, "1", "", "bytes of memory promised to runs for each byte there is"),
	{.name = "disk", .type = FIELD_BYTES, .offset = offsetof(struct settings, disk_bytes), .min = 0, .max = 1e18, .default_text = "0", .unit = "bytes", .help = "disk promised to runs; 0 does not count it"},
	{.name = "starvation", .type = FIELD_DURATION_MS, .offset = offsetof(struct settings, starvation_ms), .min = 0, .max = MS_A_DAY, .default_text = "5s", .unit = "seconds", .help = "how long smaller runs may pass one that does not fit"},
	{.name = "max_ttl", .type = FIELD_DURATION_MS, .offset = offsetof(struct settings, max_ttl_ms), .min = 0, .max = 3650 * MS_A_DAY, .default_text = "0s", .unit = "seconds", .help = "the longest time to live of a queued run; 0 is none"},
	SETTING(queue_size, FIELD_INTEGER, 0, 1e9, "0", "runs", "how many may wait in a queue without a limit of its own; 0 is any number"),
	{.name = "max_duration", .type = FIELD_DURATION_MS, .offset = offsetof(struct settings, max_duration_ms), .min = 0, .max = 3650 * MS_A_DAY, .default_text = "0s", .unit = "seconds", .help = "of an attempt of a task that says none; 0 is none"},
	{.name = "grace", .type = FIELD_DURATION_MS, .offset = offsetof(struct settings, grace_ms), .min = 0, .max = MS_A_DAY, .default_text = "30s", .unit = "seconds", .help = "between asking a task to end and killing it"},
	{.name = "freeze_after", .type = FIELD_DURATION_MS, .offset = offsetof(struct settings, freeze_after_ms), .min = 0, .max = MS_A_DAY, .default_text = "5s", .unit = "seconds", .help = "a run that waits longer is frozen"},
	{.name = "keep_runs_for", .type = FIELD_DURATION_MS, .offset = offsetof(struct settings, keep_runs_ms), .min = 0, .max = 3650 * MS_A_DAY, .default_text = "30d", .unit = "seconds", .help = "ended runs, their logs and checkpoints are kept that long, and versions that no run names; 0 is for ever"},
	SETTING(keep_runs, FIELD_INTEGER, 0, 1e12, "1000000", "runs", "the newest ended runs are kept; 0 is all"),
	{.name = "keep_bytes", .type = FIELD_BYTES, .offset = offsetof(struct settings, keep_bytes), .min = 0, .max = 1e18, .default_text = "0", .unit = "bytes", .help = "of the store, beyond which the oldest ended runs go; 0 does not count"},
	SETTING(viewers, FIELD_BOOL, 0, 1, "false", "", "any local user may read over the control socket"),
};
/* clang-format on */

const size_t settings_row_count = sizeof(settings_rows) / sizeof(settings_rows[0]);
