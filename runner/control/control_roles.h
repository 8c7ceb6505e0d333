/* SPDX-License-Identifier: Apache-2.0 */
/* Who a client is (SO_PEERCRED, unix(7)) and what it may do. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "runner/control/control_table.h"

#define CONTROL_NO_GROUP ((gid_t)-1)

struct control_policy {
	uid_t daemon_uid;
	gid_t operator_group; /* group `berth`; CONTROL_NO_GROUP: there is none */
	bool others_view;     /* anyone who can connect may look */
};

struct control_credentials {
	pid_t pid;
	uid_t uid;
	gid_t gid;
	bool has_operator_group; /* among its supplementary groups */
};

/* Reads them from the connection, as they were when the client connected. */
int control_credentials_read(int socket, const struct control_policy *policy,
			     struct control_credentials *ret_credentials, struct berth_error *err);

/* By the table of roles. */
enum control_role control_role_of(const struct control_credentials *credentials,
				  const struct control_policy *policy);
