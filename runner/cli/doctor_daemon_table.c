/* SPDX-License-Identifier: Apache-2.0 */
/* The checks of the daemon, one row each. */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/account.h"
#include "base/amount.h"
#include "base/json.h"
#include "runner/cli/doctor_daemon.h"
#include "runner/cli/serve_state.h"

#define UNIT "berth.service"

static const char *text_of(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name)) ?: "";
}

/* What is looked at with the daemon's help, without it. */
static enum doctor_state say_unknown(const struct doctor_daemon *daemon,
				     char detail[DOCTOR_DETAIL_SIZE])
{
	(void)snprintf(detail, DOCTOR_DETAIL_SIZE, "%s",
		       daemon->answers ? "the daemon does not tell you"
				       : "the daemon does not answer");
	return DOCTOR_UNUSED;
}

static const char *who_may_connect(const struct doctor_daemon *daemon)
{
	struct stat facts;

	if (stat(daemon->socket, &facts) < 0)
		return "you";
	if (facts.st_mode & S_IWOTH)
		return "everybody";
	return facts.st_mode & S_IWGRP ? "its owner and group" : "its owner";
}

static enum doctor_state look_at_socket(const struct doctor_daemon *daemon,
					char detail[DOCTOR_DETAIL_SIZE])
{
	if (!daemon->answers) {
		(void)snprintf(detail, DOCTOR_DETAIL_SIZE, "%s", daemon->why.message);
		return DOCTOR_MISSING;
	}
	(void)snprintf(detail, DOCTOR_DETAIL_SIZE, "%s answers; %s may connect%s", daemon->socket,
		       who_may_connect(daemon), daemon->status ? "" : "; you are told nothing");
	return DOCTOR_OK;
}

/* Where programs replaced each other, `berth reload` was forgotten. */
static enum doctor_state look_at_version(const struct doctor_daemon *daemon,
					 char detail[DOCTOR_DETAIL_SIZE])
{
	const char *version = text_of(daemon->status, "version");

	if (!daemon->status)
		return say_unknown(daemon, detail);
	(void)snprintf(detail, DOCTOR_DETAIL_SIZE, "the daemon %.64s, this program " BERTH_VERSION,
		       version);
	return strcmp(version, BERTH_VERSION) == 0 ? DOCTOR_OK : DOCTOR_MISSING;
}

static bool is_rootless(const struct doctor_daemon *daemon)
{
	return daemon->status && json_is_false(json_object_get(daemon->status, "privileged"));
}

static enum doctor_state look_at_user(const struct doctor_daemon *daemon,
				      char detail[DOCTOR_DETAIL_SIZE])
{
	struct berth_error err = {0};
	uid_t uid;
	gid_t gid;

	if (is_rootless(daemon)) {
		(void)snprintf(detail, DOCTOR_DETAIL_SIZE, "the daemon is not root");
		return DOCTOR_UNUSED;
	}
	if (account_find_user(daemon->user, &uid, &gid, &err) != 0) {
		(void)snprintf(detail, DOCTOR_DETAIL_SIZE, "there is no user %s", daemon->user);
		return DOCTOR_MISSING;
	}
	(void)snprintf(detail, DOCTOR_DETAIL_SIZE, "%s, uid %u", daemon->user, (unsigned)uid);
	return DOCTOR_OK;
}

/* As the launcher shares it: root's, the supervisor's group makes files in it and renames none of
 * root's. Where both are the same user it is theirs alone. */
static bool is_shared_rightly(const struct doctor_daemon *daemon, const struct stat *facts)
{
	uid_t uid;
	gid_t gid;

	if (is_rootless(daemon) || account_find_user(daemon->user, &uid, &gid, NULL) != 0 ||
	    uid == 0)
		return (facts->st_mode & (S_IRWXG | S_IRWXO)) == 0;
	return facts->st_uid == 0 && facts->st_gid == gid && (facts->st_mode & 07777) == 01770;
}

static enum doctor_state look_at_directory(const struct doctor_daemon *daemon, const char *path,
					   const struct stat *facts,
					   char detail[DOCTOR_DETAIL_SIZE])
{
	char text[AMOUNT_TEXT_SIZE];
	struct statvfs disk;
	uint64_t room;

	if (!S_ISDIR(facts->st_mode) || !is_shared_rightly(daemon, facts)) {
		(void)snprintf(detail, DOCTOR_DETAIL_SIZE,
			       "%.128s is open to others, or closed to %s: owner %u, group %u, "
			       "mode %04o",
			       path, daemon->user, (unsigned)facts->st_uid, (unsigned)facts->st_gid,
			       (unsigned)facts->st_mode & 07777);
		return DOCTOR_MISSING;
	}
	if (statvfs(path, &disk) < 0) {
		(void)snprintf(detail, DOCTOR_DETAIL_SIZE, "%.128s cannot be looked at", path);
		return DOCTOR_MISSING;
	}
	room = (uint64_t)disk.f_bavail * disk.f_frsize;
	(void)snprintf(detail, DOCTOR_DETAIL_SIZE, "%.128s, %s free", path,
		       amount_format_bytes(room, text));
	return room >= daemon->room_bytes ? DOCTOR_OK : DOCTOR_MISSING;
}

static enum doctor_state look_at_state(const struct doctor_daemon *daemon,
				       char detail[DOCTOR_DETAIL_SIZE])
{
	char path[PATH_MAX];
	struct berth_error err = {0};
	struct stat facts;

	if (daemon->status)
		(void)snprintf(path, sizeof(path), "%s", text_of(daemon->status, "state"));
	else if (serve_state_find(NULL, path, &err) < 0)
		path[0] = '\0';
	if (stat(path, &facts) == 0)
		return look_at_directory(daemon, path, &facts, detail);
	(void)snprintf(detail, DOCTOR_DETAIL_SIZE, "there is no %.128s%s", path,
		       daemon->status ? "" : " yet");
	return daemon->status ? DOCTOR_MISSING : DOCTOR_UNUSED;
}

static bool find_unit(const struct doctor_daemon *daemon, char ret_path[PATH_MAX])
{
	static const char *const places[] = {
		"/etc/systemd/system", "/run/systemd/system",     "/usr/local/lib/systemd/system",
		"/lib/systemd/system", "/usr/lib/systemd/system",
	};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		(void)snprintf(ret_path, PATH_MAX, "%s%s/" UNIT, daemon->root, places[i]);
		if (access(ret_path, F_OK) == 0)
			return true;
	}
	return false;
}

/* Dangling links count: systemd reads them by their names. */
static bool comes_back(const struct doctor_daemon *daemon)
{
	char path[PATH_MAX];
	struct stat facts;

	(void)snprintf(path, sizeof(path), "%s/etc/systemd/system/multi-user.target.wants/" UNIT,
		       daemon->root);
	return lstat(path, &facts) == 0;
}

static enum doctor_state look_at_unit(const struct doctor_daemon *daemon,
				      char detail[DOCTOR_DETAIL_SIZE])
{
	char path[PATH_MAX];
	bool enabled;

	if (strcmp(daemon->socket, CONTROL_SOCKET_SYSTEM) != 0) {
		(void)snprintf(detail, DOCTOR_DETAIL_SIZE, "the unit's socket is another");
		return DOCTOR_UNUSED;
	}
	(void)snprintf(path, sizeof(path), "%s/run/systemd/system", daemon->root);
	if (access(path, F_OK) < 0) {
		(void)snprintf(detail, DOCTOR_DETAIL_SIZE, "systemd does not run here");
		return DOCTOR_UNUSED;
	}
	if (!find_unit(daemon, path)) {
		(void)snprintf(detail, DOCTOR_DETAIL_SIZE, "there is no " UNIT);
		return DOCTOR_MISSING;
	}
	enabled = comes_back(daemon);
	(void)snprintf(detail, DOCTOR_DETAIL_SIZE, "%.200s, %s", path,
		       enabled ? "enabled" : "not enabled");
	return enabled ? DOCTOR_OK : DOCTOR_MISSING;
}

/* Which limits are kept is what it found when it opened its own group: writable, with controllers.
 */
static enum doctor_state look_at_cgroup(const struct doctor_daemon *daemon,
					char detail[DOCTOR_DETAIL_SIZE])
{
	static const char *const limits[] = {"cpu_limit", "memory_limit", "pids_limit"};
	const json_t *missing = json_object_get(daemon->status, "missing");
	const char *driver = text_of(daemon->status, "cgroup");

	if (!daemon->status)
		return say_unknown(daemon, detail);
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		if (json_object_get(missing, limits[i])) {
			(void)snprintf(detail, DOCTOR_DETAIL_SIZE, "%.16s: no %s: %.128s", driver,
				       limits[i], text_of(missing, limits[i]));
			return DOCTOR_MISSING;
		}
	(void)snprintf(detail, DOCTOR_DETAIL_SIZE, "%.16s: CPU, memory and pids are limited",
		       driver);
	return DOCTOR_OK;
}

/* clang-format off */
const struct doctor_daemon_check doctor_daemon_checks[] = {
	{"daemon_socket", "nobody can ask the daemon for anything", "systemctl enable --now berth, or: berth serve", look_at_socket},
	{"daemon_version", "what was installed is not what runs", "berth reload", look_at_version},
	{"daemon_user", "what reads foreign bytes is root, if without capabilities", "stop the daemon; systemd-sysusers, or: useradd --system berth; in its directory chown -R berth: berth.db* logs bundles; start it", look_at_user},
	{"daemon_state", "what was accepted is refused, lost, or read by others", "make room on its disk; restart the daemon, which sets owner and mode of the directory that root owns", look_at_state},
	{"daemon_unit", "the daemon is not back after a boot", "make install PREFIX=/usr, then systemctl enable --now berth", look_at_unit},
	{"daemon_cgroup", "a run takes what it wants of this host", "start it from its unit (Delegate=yes), or as root outside of a container", look_at_cgroup},
};
/* clang-format on */

const size_t doctor_daemon_check_count =
	sizeof(doctor_daemon_checks) / sizeof(doctor_daemon_checks[0]);
