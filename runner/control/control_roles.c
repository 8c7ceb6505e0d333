/* SPDX-License-Identifier: Apache-2.0 */
/* The table of roles. */
#include "runner/control/control_roles.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/cleanup.h"

#define GROUPS_MAX 65536 /* NGROUPS_MAX of the kernel, setgroups(2) */

static bool is_root(const struct control_credentials *credentials,
		    const struct control_policy *policy)
{
	(void)policy;
	return credentials->uid == 0;
}

static bool is_daemon(const struct control_credentials *credentials,
		      const struct control_policy *policy)
{
	return credentials->uid == policy->daemon_uid;
}

static bool is_in_group(const struct control_credentials *credentials,
			const struct control_policy *policy)
{
	return policy->operator_group != CONTROL_NO_GROUP &&
	       (credentials->gid == policy->operator_group || credentials->has_operator_group);
}

static bool may_view(const struct control_credentials *credentials,
		     const struct control_policy *policy)
{
	(void)credentials;
	return policy->others_view;
}

struct role_row {
	bool (*applies)(const struct control_credentials *credentials,
			const struct control_policy *policy);
	enum control_role role;
};

/* The first that applies counts. */
static const struct role_row role_rows[] = {
	{is_root,     CONTROL_OPERATOR},
	{is_daemon,   CONTROL_OPERATOR},
	{is_in_group, CONTROL_OPERATOR},
	{may_view,    CONTROL_VIEWER  },
};

enum control_role control_role_of(const struct control_credentials *credentials,
				  const struct control_policy *policy)
{
	for (size_t i = 0; i < sizeof(role_rows) / sizeof(role_rows[0]); i++)
		if (role_rows[i].applies(credentials, policy))
			return role_rows[i].role;
	return CONTROL_NOBODY;
}

/* SO_PEERGROUPS (4.13): what the peer itself had; asking a name service would wait for it. */
static int read_groups(int socket, gid_t wanted, bool *ret_has, struct berth_error *err)
{
	AUTO_FREE gid_t *groups = NULL;
	socklen_t size = 0;
	gid_t first;

	if (getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, &first, &size) == 0)
		return 0; /* it has none */
	if (errno != ERANGE || size > GROUPS_MAX * sizeof(gid_t))
		return berth_fail(err, BERTH_SYSTEM, errno, "read a client's groups");
	groups = malloc(size);
	if (!groups)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "read a client's groups");
	if (getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "read a client's groups");
	for (size_t i = 0; i < size / sizeof(gid_t); i++)
		*ret_has |= groups[i] == wanted;
	return 0;
}

int control_credentials_read(int socket, const struct control_policy *policy,
			     struct control_credentials *ret_credentials, struct berth_error *err)
{
	struct control_credentials read = {0};
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "read a client's credentials");
	read.pid = peer.pid;
	read.uid = peer.uid;
	read.gid = peer.gid;
	if (policy->operator_group != CONTROL_NO_GROUP &&
	    read_groups(socket, policy->operator_group, &read.has_operator_group, err) < 0)
		return -1;
	*ret_credentials = read;
	return 0;
}
