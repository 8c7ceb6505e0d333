/* SPDX-License-Identifier: Apache-2.0 */
/* What the operator sets for the daemon: one row a setting, read from one JSON file. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/field.h"
#include "runner/engine/engine.h"

#define SETTINGS_FILE_MAX (64 * 1024)

struct settings {
	int64_t concurrency;
	double burst;
	double cpu_overcommit, memory_overcommit;
	uint64_t disk_bytes;
	uint64_t starvation_ms;
	uint64_t max_ttl_ms;
	int64_t queue_size;
	uint64_t max_duration_ms;
	uint64_t grace_ms;
	uint64_t freeze_after_ms;
	uint64_t keep_runs_ms;
	int64_t keep_runs;
	uint64_t keep_bytes;
	bool viewers;
};

extern const struct field_row settings_rows[];
extern const size_t settings_row_count;

/* The defaults, then what the file says; path NULL: defaults only. Errors are "path:line: field:
 * why". */
int settings_load(const char *path, struct settings *ret_settings, struct berth_error *err);

/* The engine's part, with the ledger of this host. */
int settings_for_engine(const struct settings *settings, struct engine_settings *ret_settings,
			struct berth_error *err);
