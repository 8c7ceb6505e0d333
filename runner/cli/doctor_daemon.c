/* SPDX-License-Identifier: Apache-2.0 */
/* Asking the daemon, if there is to be one. */
#include "runner/cli/doctor_daemon.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "base/json.h"
#include "runner/cli/serve_state.h"

#define ROOM_BYTES ((uint64_t)256 << 20)

/* What `systemctl enable` makes; dangling links count. */
static bool is_enabled(void)
{
	static const char *const links[] = {
		"/etc/systemd/system/multi-user.target.wants/berth.service",
		"/etc/systemd/system/sockets.target.wants/berth.socket",
	};
	struct stat facts;

	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		if (lstat(links[i], &facts) == 0)
			return true;
	return false;
}

static bool is_wanted(const char *given, const char *socket)
{
	const char *named = getenv(CONTROL_SOCKET_VARIABLE);
	struct stat facts;

	return given || (named && *named) || lstat(socket, &facts) == 0 || is_enabled();
}

static void ask(struct doctor_daemon *daemon)
{
	struct control_client *client = NULL;

	if (control_client_open(daemon->socket, &client, &daemon->why) < 0)
		return;
	daemon->answers = true;
	(void)control_client_call(client, CONTROL_STATUS, NULL, &daemon->status, &daemon->why);
	control_client_close(client);
}

int doctor_daemon_ask(const char *given, struct doctor_daemon *ret_daemon, struct berth_error *err)
{
	*ret_daemon = (struct doctor_daemon){
		.user = SERVE_USER,
		.root = "",
		.room_bytes = ROOM_BYTES,
	};
	if (control_client_find(given, ret_daemon->socket, err) < 0)
		return -1;
	ret_daemon->is_wanted = is_wanted(given, ret_daemon->socket);
	if (ret_daemon->is_wanted)
		ask(ret_daemon);
	return 0;
}

void doctor_daemon_finish(struct doctor_daemon *daemon)
{
	json_decref(daemon->status);
	daemon->status = NULL;
}
