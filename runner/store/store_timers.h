/* SPDX-License-Identifier: Apache-2.0 */
/* Timers: what is to be done when, kept until it is done. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "runner/store/store.h"

/* What is due; subject_id is a run's or a waitpoint's number. Kept in the store: append. */
enum timer_kind {
	TIMER_DELAY,           /* a run's delay is over */
	TIMER_EXPIRE,          /* a run's ttl is over */
	TIMER_RETRY,           /* a run's next attempt is due */
	TIMER_CANCEL_CHILDREN, /* of a run that was cancelled */
	TIMER_DATE,            /* a waitpoint's date has come */
	TIMER_TOKEN,           /* a token's time is over */
	TIMER_KINDS,
};

struct timer_row {
	uint64_t due_ns; /* CLOCK_REALTIME */
	int kind;
	int64_t subject_id;
};

/* 0 also when it is there. */
int store_timer_insert(struct store *store, const struct timer_row *row, struct berth_error *err);
/* 0 also when it is not. */
int store_timer_delete(struct store *store, const struct timer_row *row, struct berth_error *err);
/* The first ones that are due by now, in order. */
int store_timer_read_due(struct store *store, uint64_t now_ns, struct timer_row *ret_rows,
			 size_t most, size_t *ret_count, struct berth_error *err);
/* 0 as the time when there is none. */
int store_timer_next(struct store *store, uint64_t *ret_due_ns, struct berth_error *err);
