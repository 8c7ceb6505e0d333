/* SPDX-License-Identifier: Apache-2.0 */
/* Stands in for berth-supervisor: hands the launcher's socket to the test that listens on PATH and
 * waits, so that the test itself can be the supervisor and still kill one. */
#include "tests/unit/launcher/relay.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/descriptor.h"
#include "runner/launcher/launcher_client.h"

extern char **environ;

static uint64_t read_capabilities(void)
{
	AUTO_FILE FILE *file = fopen("/proc/self/status", "re");
	uint64_t all = 0;
	char line[256];

	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, "Cap", 3) == 0)
			all |= strtoull(strchr(line, ':') + 1, NULL, 16);
	return all;
}

static int count_descriptors(int launcher_fd)
{
	AUTO_DIRECTORY DIR *directory = opendir("/proc/self/fd");
	struct dirent *entry;
	int count = 0;

	while (directory && (entry = readdir(directory))) {
		int fd = (int)strtol(entry->d_name, NULL, 10);

		count += entry->d_name[0] != '.' && fd > STDERR_FILENO && fd != launcher_fd &&
			 fd != dirfd(directory);
	}
	return count;
}

static struct relay_report look_around(int launcher_fd)
{
	struct relay_report report = {
		.pid = getpid(),
		.uid = getuid(),
		.gid = getgid(),
		.groups = getgroups(0, NULL),
		.descriptors = count_descriptors(launcher_fd),
		.no_new_privs = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0),
		.capabilities = read_capabilities(),
	};
	const char *count = getenv("LISTEN_FDS");
	struct rlimit files = {0};
	char text[32] = "";

	(void)getrlimit(RLIMIT_NOFILE, &files);
	report.open_files = files.rlim_cur;
	(void)descriptor_read_control(AT_FDCWD, "/proc/self/oom_score_adj", text, sizeof(text),
				      NULL);
	report.oom_score = (int)strtol(text, NULL, 10);
	report.listen_count = count ? (int)strtol(count, NULL, 10) : 0;
	for (char **variable = environ; *variable; variable++)
		report.variables++;
	return report;
}

int main(int count, char **arguments)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct relay_report report;
	struct pollfd watched = {.events = POLLIN};
	int launcher_fd = -1;

	if (count != 2 || strlen(arguments[1]) >= sizeof(address.sun_path))
		return 2;
	if (strcmp(arguments[1], "die") == 0)
		return 3;
	(void)signal(SIGTERM, SIG_IGN);
	if (launcher_client_find_descriptor(&launcher_fd, NULL) < 0)
		return 2;
	report = look_around(launcher_fd);
	(void)memcpy(address.sun_path, arguments[1], strlen(arguments[1]) + 1);
	watched.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(watched.fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    descriptor_send(watched.fd, &report, sizeof(report), &launcher_fd, 1, NULL) < 0)
		return 4;
	(void)close(launcher_fd);
	/* until the test lets go of us */
	(void)poll(&watched, 1, -1);
	return 0;
}
