/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the engine only: a run's tags and metadata, as they are kept. */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "base/error.h"
#include "runner/engine/engine.h"

/* tags was checked; NULL is none. */
int run_tags_write(struct engine *engine, int64_t run_id, const json_t *tags,
		   struct berth_error *err);

/* Its text, the caller's; NULL for NULL. BERTH_LIMIT when it is too large. */
int run_metadata_format(const json_t *metadata, char **ret_text, struct berth_error *err);
