/* SPDX-License-Identifier: Apache-2.0 */
/* The leash on a library call that reads somebody's file: it ends on cancellation or when nothing
 * came of it for too long. */
#pragma once

#include <libavformat/avio.h>
#include <stdbool.h>
#include <stdint.h>

struct media_guard {
	bool (*is_cancelled)(void *owner); /* NULL: never */
	void *owner;
	uint64_t patience_ns; /* the longest time between two signs of life */
	uint64_t deadline_ns; /* clock_boottime_ns() */
};

/* Something useful came out, or the work begins: the time starts again. */
void media_guard_renew(struct media_guard *guard);

bool media_guard_cancelled(const struct media_guard *guard);
bool media_guard_expired(const struct media_guard *guard);

/* For AVFormatContext.interrupt_callback. */
AVIOInterruptCB media_guard_callback(struct media_guard *guard);
