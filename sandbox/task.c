/* SPDX-License-Identifier: Apache-2.0 */
/* The last steps before the task's program: descriptors, identity, filter, exec. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sandbox/control.h"
#include "sandbox/launch.h"
#include "sandbox/privileges.h"
#include "sandbox/rlimits.h"
#include "sandbox/seccomp.h"

#define FIRST_OWN_FD 3 /* the control socket moves here */

/* Moves the streams to 0, 1, 2 without treading on each other, and the control socket to 3. */
static int arrange_descriptors(const struct launch *launch, int *ret_control_fd,
			       struct berth_error *err)
{
	int sources[] = {launch->spec->stdin_fd, launch->spec->stdout_fd, launch->spec->stderr_fd};
	int null_fd = -1, control_fd;

	control_fd = fcntl(launch->control_fd, F_DUPFD_CLOEXEC, FIRST_OWN_FD);
	if (control_fd < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "dup");
	*ret_control_fd = control_fd;
	for (int i = 0; i < 3; i++) {
		if (sources[i] < 0) {
			if (null_fd < 0)
				null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
			sources[i] = null_fd;
		}
		/* out of the way of the targets */
		sources[i] = fcntl(sources[i], F_DUPFD_CLOEXEC, FIRST_OWN_FD);
		if (sources[i] < 0)
			return berth_fail(err, BERTH_SYSTEM, errno, "dup stream %d", i);
	}
	for (int i = 0; i < 3; i++)
		if (dup2(sources[i], i) < 0)
			return berth_fail(err, BERTH_SYSTEM, errno, "dup2 stream %d", i);
	/* the control socket ends when exec succeeds, everything else now: a working directory that
	 * is a link to /proc/self/fd/N must find nothing of the host there (CVE-2024-21626) */
	if (dup3(control_fd, FIRST_OWN_FD, O_CLOEXEC) < 0 && errno != EINVAL)
		return berth_fail(err, BERTH_SYSTEM, errno, "dup the control socket");
	*ret_control_fd = FIRST_OWN_FD;
	if (close_range(FIRST_OWN_FD + 1, ~0U, 0) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "close_range");
	return 0;
}

static const char *find_variable(const char *const *environment, const char *name)
{
	size_t length = strlen(name);

	for (; environment && *environment; environment++)
		if (strncmp(*environment, name, length) == 0 && (*environment)[length] == '=')
			return *environment + length + 1;
	return NULL;
}

/* execvpe(3) without its allocation: the search path is the task's own. */
static void execute(const struct sandbox_spec *spec)
{
	static char *const empty[] = {NULL};
	char *const *arguments = (char *const *)(uintptr_t)spec->arguments;
	char *const *environment =
		spec->environment ? (char *const *)(uintptr_t)spec->environment : empty;
	const char *name = spec->arguments[0], *path, *end;
	char candidate[SANDBOX_PATH_MAX];
	int kept = ENOENT;

	if (strchr(name, '/')) {
		(void)execve(name, arguments, environment);
		return;
	}
	path = find_variable(spec->environment, "PATH") ?: "/usr/local/bin:/usr/bin:/bin";
	for (; *path; path = *end ? end + 1 : end) {
		end = strchrnul(path, ':');
		if (snprintf(candidate, sizeof(candidate), "%.*s/%s", (int)(end - path), path,
			     name) >= (int)sizeof(candidate))
			continue;
		/* a tenth of the price of an execve(2) that fails */
		if (access(candidate, X_OK) == 0)
			(void)execve(candidate, arguments, environment);
		if (errno != ENOENT && errno != ENOTDIR)
			kept = errno;
		if (errno != ENOENT && errno != ENOTDIR && errno != EACCES)
			break;
	}
	errno = kept;
}

static int prepare(const struct launch *launch, int *ret_control_fd, struct berth_error *err)
{
	const char *directory = launch->spec->working_directory ?: "/";
	sigset_t none;

	if (arrange_descriptors(launch, ret_control_fd, err) < 0 ||
	    rlimits_apply_open_files(&launch->spec->limits, err) < 0 ||
	    privileges_become_task(launch->identity.ranged, err) < 0)
		return -1;
	if (chdir(directory) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "enter the working directory %s",
				  directory);
	if (privileges_drop_all(err) < 0)
		return -1;
	(void)sigemptyset(&none);
	if (sigprocmask(SIG_SETMASK, &none, NULL) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "unblock signals");
	return seccomp_load(err);
}

/* The memory may be init's: nothing but this function's own frame is written to. */
/* not sanitized: see start_task() */
__attribute__((no_sanitize_address)) _Noreturn void task_main(const struct launch *launch)
{
	int control_fd = launch->control_fd;
	struct berth_error error = {0};

	if (prepare(launch, &control_fd, &error) < 0) {
		launch_report(control_fd, CONTROL_SETUP_FAILED, &error);
		_exit(125);
	}
	execute(launch->spec);
	(void)berth_fail(&error, errno == ENOENT ? BERTH_NOT_FOUND : BERTH_SYSTEM, errno,
			 "execute %s", launch->spec->arguments[0]);
	launch_report(control_fd, CONTROL_EXEC_FAILED, &error);
	_exit(error.errnum == ENOENT ? 127 : 126);
}
