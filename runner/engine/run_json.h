/* SPDX-License-Identifier: Apache-2.0 */
/* Rows as JSON, in Trigger.dev's shape where it has one. */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "base/error.h"
#include "runner/store/store.h"
#include "runner/store/store_views.h"

/* null for 0. */
json_t *run_json_date(uint64_t realtime_ns);
json_t *run_json_id(const char *prefix, int64_t number);
/* null for NULL. */
json_t *run_json_text(const char *text);
/* null for a number that stands for none. */
json_t *run_json_optional(int64_t number, int64_t none);
/* A kept value: JSON when it is that and within our own bounds, else its text. NULL: null. */
json_t *run_json_value(const char *text, const char *type);
/* {"code","message"} of an error. */
json_t *run_json_error(const struct berth_error *why);

/* Sets a new reference; a NULL value fails like a failed set, BERTH_MEMORY. */
int run_json_set(json_t *object, const char *key, json_t *value, struct berth_error *err);

/* What a list shows of a run; its tags are read. */
int run_json_create(struct store *store, const struct run_view *view, json_t **ret_run,
		    struct berth_error *err);
