/* SPDX-License-Identifier: Apache-2.0 */
/* berth-launcher: the privileged half of `berth serve` (docs/launcher.md). */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runner/crash/crash_point.h"
#include "runner/launcher/launcher.h"
#include "runner/launcher/reload.h"
#include "runner/launcher/say.h"

static void show_help(void)
{
	(void)puts(
		"usage: berth-launcher [OPTION...] [-- SUPERVISOR-ARGUMENT...]\n\n"
		"The privileged half of `berth serve`, which starts it: it launches sandboxes for an\n"
		"unprivileged supervisor, within what the operator allows.\n");
	for (size_t i = 0; i < launcher_option_row_count; i++) {
		const struct launcher_option_row *row = &launcher_option_rows[i];
		char left[40];

		if (row->is_internal)
			continue;
		(void)snprintf(left, sizeof(left), "--%s %s", row->name, row->value ?: "");
		(void)printf("  %-22s %s\n", left, row->help);
	}
	(void)puts("\nKeys of the file:\n");
	for (size_t i = 0; i < policy_row_count; i++) {
		char left[40];

		(void)snprintf(left, sizeof(left), "%s %s", policy_rows[i].key,
			       policy_rows[i].value);
		(void)printf("  %-26s %s\n", left, policy_rows[i].help);
	}
}

/* 0, 1 and 2 must not become something else's. */
static int hold_streams(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	} while (fd >= 0 && fd <= STDERR_FILENO && fcntl(fd, F_SETFD, 0) == 0);
	if (fd < 0)
		return -1;
	(void)close(fd);
	return 0;
}

static int serve(const struct launcher_options *options)
{
	struct launcher *launcher = NULL;
	struct berth_error error = {0};
	int result;

	(void)signal(SIGPIPE, SIG_IGN);
	crash_points_attach(options->state ?: "");
	result = launcher_create(options, &launcher, &error);
	if (result == 0)
		result = launcher_run(launcher, &error);
	if (result < 0)
		say("%s", error.message);
	launcher_destroy(launcher);
	return result < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int count, char **arguments)
{
	struct launcher_options options;
	struct berth_error error = {0};

	if (hold_streams() < 0)
		return EXIT_FAILURE;
	if (launcher_options_parse(count, arguments, &options, &error) < 0) {
		say("%s", error.message);
		return 2;
	}
	if (options.help) {
		show_help();
		return EXIT_SUCCESS;
	}
	if (options.version) {
		(void)puts("berth-launcher " BERTH_VERSION);
		return EXIT_SUCCESS;
	}
	if (options.check)
		return reload_is_version(options.check) ? EXIT_SUCCESS : EXIT_FAILURE;
	if (launcher_options_find_places(&options, &error) < 0) {
		say("%s", error.message);
		return EXIT_FAILURE;
	}
	return serve(&options);
}
