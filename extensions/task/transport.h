/* SPDX-License-Identifier: Apache-2.0 */
/* How requests reach whoever answers them: the supervisor's socket, or the stand-in. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* Embedded as the first member by each kind of transport. Requests are objects with "op" and its
 * fields, without "id"; the transport may add members to them. */
struct sdk_transport {
	/* Returns once the request is on its way; nobody answers. */
	int (*send)(struct sdk_transport *transport, json_t *request, struct berth_error *err);
	/* Waits for the answer; a refusal is an error with the supervisor's words. *ret_reply is
	 * the caller's reference to the reply object. What waits ends with ECANCELED when the run
	 * is asked to end. */
	int (*call)(struct sdk_transport *transport, json_t *request, json_t **ret_reply,
		    struct berth_error *err);
	/* Takes in what has arrived, without waiting. Failures show on the next send or call. */
	void (*poll)(struct sdk_transport *transport);
	void (*destroy)(struct sdk_transport *transport);
	bool cancelled; /* a cancel event arrived, or came before this transport was opened */
	uint64_t grace_end_ns;   /* clock_boottime_ns() when it is killed; 0: not known */
	bool (*is_ending)(void); /* a signal asked the program to end; NULL: nobody knows */
};
