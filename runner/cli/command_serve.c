/* SPDX-License-Identifier: Apache-2.0 */
/* berth serve: makes the state directory and the control socket, then becomes berth-launcher. */
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runner/cli/command_table.h"
#include "runner/cli/commands.h"
#include "runner/cli/complaint.h"
#include "runner/cli/serve_socket.h"
#include "runner/cli/serve_state.h"
#include "runner/control/control_client.h"

#define POLICY_FILE   "/etc/berth/launcher.conf"
#define SETTINGS_FILE "/etc/berth/berth.conf"
#define LAUNCHER_NAME "berth-launcher"
#define ARGUMENTS_MAX 16

#define AT(member)    offsetof(struct serve_options, member)
/* clang-format off */
static const struct option_row rows[] = {
	{.field = {.name = "state", .type = FIELD_STRING, .offset = AT(state), .min = 1, .max = PATH_MAX - 64, .help = "where runs, logs and checkpoints are kept: of root /var/lib/berth, else ~/.local/state/berth"}, .value = "DIR"},
	{.field = {.name = "socket", .type = FIELD_STRING, .offset = AT(socket), .min = 1, .max = CONTROL_PATH_SIZE - 1, .help = "where clients find it; else BERTH_SOCKET, else the default path"}, .value = "PATH"},
	{.field = {.name = "config", .type = FIELD_STRING, .offset = AT(config), .min = 1, .max = PATH_MAX - 1, .help = "settings, a JSON object; " SETTINGS_FILE " when that is there, else the defaults"}, .value = "FILE"},
	{.field = {.name = "policy", .type = FIELD_STRING, .offset = AT(policy), .min = 1, .max = PATH_MAX - 1, .help = "what a run may ever be given; " POLICY_FILE " when that is there"}, .value = "FILE"},
	{.field = {.name = "cgroup", .type = FIELD_STRING, .offset = AT(cgroup), .min = 1, .max = 16, .help = "auto, v2, v1 or none"}, .value = "DRIVER"},
};
/* clang-format on */
const struct option_table command_serve_options = {.rows = rows,
						   .count = sizeof(rows) / sizeof(rows[0])};

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

/* The file that was named, else the usual one when that is there. */
static char *find_file(char *named, const char *usual)
{
	return named || access(usual, F_OK) < 0 ? named : (char *)(uintptr_t)usual;
}

static int become_launcher(const struct serve_options *options, char *state,
			   struct berth_error *err)
{
	char program[PATH_MAX], *arguments[ARGUMENTS_MAX];
	char *policy = find_file(options->policy, POLICY_FILE);
	char *settings = find_file(options->config, SETTINGS_FILE);
	size_t count = 0;

	if (find_launcher(program, err) < 0)
		return -1;
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
	if (settings) {
		arguments[count++] = (char *)(uintptr_t) "--config";
		arguments[count++] = settings;
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
	if (serve_state_find(options->state, state, &err) == 0 &&
	    serve_state_make(state, &err) == 0 && serve_socket_provide(options->socket, &err) == 0)
		(void)become_launcher(options, state, &err);
	complaint_print(&err, NULL);
	return EXIT_FINDING;
}
