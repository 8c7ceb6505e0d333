/* SPDX-License-Identifier: Apache-2.0 */
/* berth serve: makes the state directory and the control socket, then becomes berth-launcher. The
 * socket is handed on as systemd hands one on (sd_listen_fds(3)), and so outlives what serves it.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/account.h"
#include "base/cleanup.h"
#include "runner/cli/command_table.h"
#include "runner/cli/commands.h"
#include "runner/cli/complaint.h"
#include "runner/control/control_client.h"

#define LISTEN_FIRST   3
#define LISTEN_BACKLOG 512
#define STATE_SYSTEM   "/var/lib/berth"
#define SERVICE_USER   "berth"
#define POLICY_FILE    "/etc/berth/launcher.conf"
#define LAUNCHER_NAME  "berth-launcher"
#define PLACE_ATTEMPTS 20
#define PLACE_PAUSE_US (100 * 1000)
#define ARGUMENTS_MAX  16

#define AT(member)     offsetof(struct serve_options, member)
/* clang-format off */
static const struct option_row rows[] = {
	{.field = {.name = "state", .type = FIELD_STRING, .offset = AT(state), .min = 1, .max = PATH_MAX - 64, .help = "where runs, logs and checkpoints are kept: of root /var/lib/berth, else ~/.local/state/berth"}, .value = "DIR"},
	{.field = {.name = "socket", .type = FIELD_STRING, .offset = AT(socket), .min = 1, .max = CONTROL_PATH_SIZE - 1, .help = "where clients find it; else BERTH_SOCKET, else the default path"}, .value = "PATH"},
	{.field = {.name = "config", .type = FIELD_STRING, .offset = AT(config), .min = 1, .max = PATH_MAX - 1, .help = "settings, a JSON object; without it, the defaults"}, .value = "FILE"},
	{.field = {.name = "policy", .type = FIELD_STRING, .offset = AT(policy), .min = 1, .max = PATH_MAX - 1, .help = "what a run may ever be given; " POLICY_FILE " when that is there"}, .value = "FILE"},
	{.field = {.name = "cgroup", .type = FIELD_STRING, .offset = AT(cgroup), .min = 1, .max = 16, .help = "auto, v2, v1 or none"}, .value = "DRIVER"},
};
/* clang-format on */
const struct option_table command_serve_options = {.rows = rows,
						   .count = sizeof(rows) / sizeof(rows[0])};

static int find_state(const struct serve_options *options, char ret_path[PATH_MAX],
		      struct berth_error *err)
{
	const char *base = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	int length;

	if (options->state)
		length = snprintf(ret_path, PATH_MAX, "%s", options->state);
	else if (geteuid() == 0)
		length = snprintf(ret_path, PATH_MAX, STATE_SYSTEM);
	else if (base && *base == '/')
		length = snprintf(ret_path, PATH_MAX, "%s/berth", base);
	else if (home && *home == '/')
		length = snprintf(ret_path, PATH_MAX, "%s/.local/state/berth", home);
	else
		return berth_fail(err, BERTH_INVALID, 0,
				  "neither XDG_STATE_HOME nor HOME is set: name a directory with "
				  "--state");
	return length < PATH_MAX ? 0 : berth_fail(err, BERTH_LIMIT, ENAMETOOLONG, "--state");
}

/* mkdir -p */
static int make_directories(char *path, mode_t mode, struct berth_error *err)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			return berth_fail(err, BERTH_SYSTEM, errno, "create %s", path);
		*slash = '/';
	}
	if (mkdir(path, mode) < 0 && errno != EEXIST)
		return berth_fail(err, BERTH_SYSTEM, errno, "create %s", path);
	return 0;
}

/* The supervisor is another user, where there is one. */
static int make_state(char path[PATH_MAX], struct berth_error *err)
{
	char absolute[PATH_MAX];
	uid_t uid;
	gid_t gid;
	int missing;

	if (make_directories(path, 0700, err) < 0)
		return -1;
	missing = geteuid() == 0 ? account_find_user(SERVICE_USER, &uid, &gid, err) : 1;
	if (missing < 0)
		return -1;
	if (!missing && chown(path, uid, gid) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "give %s to %s", path, SERVICE_USER);
	if (!realpath(path, absolute))
		return berth_fail(err, BERTH_SYSTEM, errno, "resolve %s", path);
	memcpy(path, absolute, sizeof(absolute));
	return 0;
}

/* 1: somebody listens there. */
static int is_served(const struct sockaddr_un *address, struct berth_error *err)
{
	AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "socket");
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 || errno == EAGAIN)
		return 1;
	if (errno == ECONNREFUSED && unlink(address->sun_path) < 0 && errno != ENOENT)
		return berth_fail(err, BERTH_SYSTEM, errno, "remove %s", address->sun_path);
	return 0;
}

/* A socket that nobody listens on is what a killed daemon left; the rest of it may take a moment to
 * be gone. */
static int clear_place(const struct sockaddr_un *address, struct berth_error *err)
{
	for (int attempt = 0; attempt < PLACE_ATTEMPTS; attempt++) {
		int served = is_served(address, err);

		if (served <= 0)
			return served;
		(void)usleep(PLACE_PAUSE_US);
	}
	return berth_fail(err, BERTH_DENIED, EADDRINUSE,
			  "%s: another daemon serves there; choose another --socket and --state",
			  address->sun_path);
}

/* Who may do what is told from the credentials of each client: see docs/control.md. */
static int listen_at(const char *path, int *ret_fd, struct berth_error *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	AUTO_CLOSE int fd = -1;
	char directory[sizeof(address.sun_path)];

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	(void)snprintf(directory, sizeof(directory), "%s", path);
	if (make_directories(dirname(directory), 0755, err) < 0 || clear_place(&address, err) < 0)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "socket");
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    chmod(path, 0666) < 0 || listen(fd, LISTEN_BACKLOG) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "listen at %s", path);
	*ret_fd = steal_fd(&fd);
	return 0;
}

static int set_number(const char *name, long number, struct berth_error *err)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%ld", number);
	return setenv(name, text, 1) == 0 ? 0
					  : berth_fail(err, BERTH_MEMORY, errno, "set %s", name);
}

/* systemd's socket, or one of our own in its place. */
static int provide_socket(const struct serve_options *options, struct berth_error *err)
{
	const char *pid = getenv("LISTEN_PID");
	char path[CONTROL_PATH_SIZE];
	int fd;

	if (pid && strtol(pid, NULL, 10) == getpid())
		return 0;
	if (control_client_find(options->socket, path, err) < 0 || listen_at(path, &fd, err) < 0)
		return -1;
	if (fd != LISTEN_FIRST && (dup2(fd, LISTEN_FIRST) < 0 || close(fd) < 0))
		return berth_fail(err, BERTH_SYSTEM, errno, "pass the socket on");
	if (set_number("LISTEN_PID", getpid(), err) < 0 || set_number("LISTEN_FDS", 1, err) < 0)
		return -1;
	if (setenv("LISTEN_FDNAMES", "control", 1) < 0)
		return berth_fail(err, BERTH_MEMORY, errno, "set LISTEN_FDNAMES");
	(void)fprintf(stderr, "berth: serving at %s\n", path);
	return 0;
}

static int find_launcher(char ret_path[PATH_MAX], struct berth_error *err)
{
	char own[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", own, sizeof(own) - 1);

	if (length < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "read /proc/self/exe");
	own[length] = '\0';
	if (snprintf(ret_path, PATH_MAX, "%s/" LAUNCHER_NAME, dirname(own)) >= PATH_MAX)
		return berth_fail(err, BERTH_LIMIT, ENAMETOOLONG, LAUNCHER_NAME);
	return 0;
}

static int become_launcher(const struct serve_options *options, char *state,
			   struct berth_error *err)
{
	char program[PATH_MAX], *arguments[ARGUMENTS_MAX];
	char *policy = options->policy;
	size_t count = 0;

	if (find_launcher(program, err) < 0)
		return -1;
	if (!policy && access(POLICY_FILE, F_OK) == 0)
		policy = (char *)(uintptr_t)POLICY_FILE;
	arguments[count++] = program;
	arguments[count++] = (char *)(uintptr_t) "--state";
	arguments[count++] = state;
	if (policy) {
		arguments[count++] = (char *)(uintptr_t) "--config";
		arguments[count++] = policy;
	}
	if (options->cgroup) {
		arguments[count++] = (char *)(uintptr_t) "--cgroup";
		arguments[count++] = options->cgroup;
	}
	arguments[count++] = (char *)(uintptr_t) "--";
	arguments[count++] = (char *)(uintptr_t) "berth-supervisor"; /* its name */
	arguments[count++] = (char *)(uintptr_t) "--state";
	arguments[count++] = state;
	if (options->config) {
		arguments[count++] = (char *)(uintptr_t) "--config";
		arguments[count++] = options->config;
	}
	arguments[count] = NULL;
	(void)execv(program, arguments);
	return berth_fail(err, BERTH_SYSTEM, errno, "execute %s", program);
}

int command_serve(void *record, const struct option_arguments *arguments)
{
	const struct serve_options *options = record;
	struct berth_error err = {0};
	char state[PATH_MAX];

	(void)arguments;
	if (find_state(options, state, &err) == 0 && make_state(state, &err) == 0 &&
	    provide_socket(options, &err) == 0)
		(void)become_launcher(options, state, &err);
	complaint_print(&err, NULL);
	return EXIT_FINDING;
}
