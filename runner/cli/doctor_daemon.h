/* SPDX-License-Identifier: Apache-2.0 */
/* What berth doctor knows of the daemon: it is asked once, and looked at by one row a check. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "runner/cli/doctor_checks.h"
#include "runner/control/control_client.h"

struct doctor_daemon {
	char socket[CONTROL_PATH_SIZE];
	bool is_wanted; /* somebody named it, its socket is there, or its unit is enabled */
	bool answers;
	json_t *status;         /* NULL: it does not answer, or not to us */
	struct berth_error why; /* … and why */
	const char *user;       /* who the supervisor is to be */
	const char *root;       /* of the host's files: "" */
	uint64_t room_bytes;    /* that the state directory's disk should have left */
};

/* given is --socket, or NULL. Fails only for a path that cannot be one. */
int doctor_daemon_ask(const char *given, struct doctor_daemon *ret_daemon, struct berth_error *err);
void doctor_daemon_finish(struct doctor_daemon *daemon);

struct doctor_daemon_check {
	const char *name;
	const char *reason;
	const char *remedy;
	/* Of a daemon that is wanted. Fills detail. */
	enum doctor_state (*look)(const struct doctor_daemon *daemon,
				  char detail[DOCTOR_DETAIL_SIZE]);
};

extern const struct doctor_daemon_check doctor_daemon_checks[];
extern const size_t doctor_daemon_check_count;
