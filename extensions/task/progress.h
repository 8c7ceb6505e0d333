/* SPDX-License-Identifier: Apache-2.0 */
/* Progress at most ten times a second: the newest request waits until it may be sent. */
#pragma once

#include <jansson.h>
#include <stdint.h>

#define SDK_PROGRESS_INTERVAL_NS UINT64_C(100000000)

/* Zero-initialised is valid. */
struct sdk_progress {
	json_t *pending;  /* the newest request that was not sent */
	uint64_t sent_ns; /* when the last one was; 0: never */
};

/* Takes the caller's reference, in place of one that was still waiting. */
void sdk_progress_offer(struct sdk_progress *progress, json_t *request);

/* The request to send now, the caller's reference; NULL when there is none or it is too early. */
json_t *sdk_progress_take_due(struct sdk_progress *progress, uint64_t now_ns);

/* The same, however early it is. */
json_t *sdk_progress_take(struct sdk_progress *progress, uint64_t now_ns);

void sdk_progress_finish(struct sdk_progress *progress);
