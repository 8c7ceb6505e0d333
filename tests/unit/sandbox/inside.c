/* SPDX-License-Identifier: Apache-2.0 */
/* The program that the tests run inside: one verb a behaviour that no shell command has. Static, so
 * that it runs in any root. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHANNEL "/run/berth/task.sock"
#define BLOCK   65536
#define MS      1000000L

static volatile sig_atomic_t signals_seen;

static void count_signal(int signal)
{
	(void)signal;
	signals_seen++;
}

static void wait_ms(long milliseconds)
{
	struct timespec left = {.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * MS};

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		continue;
}

static int say_nothing(char **arguments)
{
	(void)arguments;
	return 0;
}

/* Open descriptors besides 0, 1, 2 and the one that lists them. */
static int count_descriptors(char **arguments)
{
	DIR *directory = opendir("/proc/self/fd");
	struct dirent *entry;
	int count = 0;

	(void)arguments;
	while (directory && (entry = readdir(directory)))
		if (entry->d_name[0] != '.' && strtol(entry->d_name, NULL, 10) > STDERR_FILENO &&
		    strtol(entry->d_name, NULL, 10) != dirfd(directory))
			count++;
	(void)printf("%d\n", count);
	return directory ? 0 : 1;
}

static int talk(char **arguments)
{
	const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = CHANNEL};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	char answer[64];
	ssize_t length;

	(void)arguments;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		perror("connect");
		return 1;
	}
	if (write(fd, "hello", 5) != 5)
		return 2;
	length = read(fd, answer, sizeof(answer));
	(void)printf("%.*s\n", length > 0 ? (int)length : 0, answer);
	return 0;
}

/* Touches MEBIBYTES of memory. */
static int use_memory(char **arguments)
{
	size_t length = (size_t)strtoul(arguments[0], NULL, 10) << 20;
	char *memory =
		mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return 1;
	for (size_t i = 0; i < length; i += 4096)
		memory[i] = 1;
	return 0;
}

/* Likewise in a child, and tells whether the child lived. */
static int use_memory_in_child(char **arguments)
{
	pid_t child = fork();
	int status;

	if (child == 0)
		_exit(use_memory(arguments));
	if (waitpid(child, &status, 0) != child)
		return 1;
	wait_ms(10000);
	return 0;
}

static int use_cpu(char **arguments)
{
	clock_t end = clock() + strtol(arguments[0], NULL, 10) * (CLOCKS_PER_SEC / 1000);

	while (clock() < end)
		continue;
	return 0;
}

/* Forks until it cannot; the children wait to be killed. */
static int fork_all(char **arguments)
{
	int count = 0;
	pid_t child;

	(void)arguments;
	while ((child = fork()) > 0 && count < 4096)
		count++;
	if (child == 0)
		for (;;)
			(void)pause();
	(void)printf("%d %d\n", count, errno);
	return 0;
}

/* Leaves a process behind that has its own session, no parent and no streams of the run. */
static int leave_daemon(char **arguments)
{
	(void)arguments;
	if (fork() == 0) {
		(void)setsid();
		if (fork() == 0) {
			(void)close(STDIN_FILENO);
			for (int i = 1; i < NSIG; i++)
				(void)signal(i, SIG_IGN);
			for (;;)
				(void)pause();
		}
		_exit(0);
	}
	(void)wait(NULL);
	return 0;
}

/* Writes FILE until the file system is full, and prints the errno. */
static int fill(char **arguments)
{
	static char block[BLOCK];
	int fd = open(arguments[0], O_WRONLY | O_CREAT, 0600);

	if (fd < 0)
		return 1;
	while (write(fd, block, sizeof(block)) > 0)
		continue;
	(void)printf("%d\n", errno);
	return 0;
}

/* Makes empty files in DIRECTORY until there are no inodes, and prints the errno. */
static int fill_inodes(char **arguments)
{
	char path[256];

	for (int i = 0; i < 1000000; i++) {
		int fd;

		(void)snprintf(path, sizeof(path), "%s/%d", arguments[0], i);
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
		if (fd < 0)
			break;
		(void)close(fd);
	}
	(void)printf("%d\n", errno);
	return 0;
}

static int show_uptime(char **arguments)
{
	struct timespec boot, monotonic;

	(void)arguments;
	(void)clock_gettime(CLOCK_BOOTTIME, &boot);
	(void)clock_gettime(CLOCK_MONOTONIC, &monotonic);
	(void)printf("%lld %lld\n", (long long)boot.tv_sec, (long long)monotonic.tv_sec);
	return 0;
}

/* Parent and child wait for SIGUSR1; both tell how many they got. */
static int await_signal(char **arguments)
{
	const struct sigaction action = {.sa_handler = count_signal};
	pid_t child;

	(void)arguments;
	(void)sigaction(SIGUSR1, &action, NULL);
	child = fork();
	if (child == 0) {
		wait_ms(400);
		_exit(signals_seen);
	}
	(void)puts("ready");
	(void)fflush(stdout);
	for (int i = 0; i < 500 && !signals_seen; i++)
		wait_ms(10);
	int status = 0;

	(void)waitpid(child, &status, 0);
	(void)printf("task %d child %d\n", (int)signals_seen, WEXITSTATUS(status));
	return 0;
}

static int sleep_for(char **arguments)
{
	wait_ms(strtol(arguments[0], NULL, 10));
	return 0;
}

static int die(char **arguments)
{
	(void)signal((int)strtol(arguments[0], NULL, 10), SIG_DFL);
	(void)raise((int)strtol(arguments[0], NULL, 10));
	return 99;
}

/* Exit status 7 from a child that outlives its parent: pid 1 must reap it. */
static int make_orphans(char **arguments)
{
	for (int i = 0; i < 20; i++) {
		pid_t child = fork();

		if (child == 0) {
			if (fork() == 0)
				_exit(7);
			_exit(0);
		}
		(void)waitpid(child, NULL, 0);
	}
	wait_ms(100);
	(void)arguments;
	return 0;
}

/* How many processes /proc shows. */
static int count_processes(char **arguments)
{
	DIR *directory = opendir("/proc");
	struct dirent *entry;
	int count = 0;

	(void)arguments;
	while (directory && (entry = readdir(directory)))
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
			count++;
	(void)printf("%d\n", count);
	return 0;
}

static const struct {
	const char *verb;
	int (*run)(char **arguments);
	int arguments;
} verbs[] = {
	{"nothing",      say_nothing,         0},
	{"descriptors",  count_descriptors,   0},
	{"talk",         talk,                0},
	{"memory",       use_memory,          1},
	{"memory-child", use_memory_in_child, 1},
	{"cpu",          use_cpu,             1},
	{"forks",        fork_all,            0},
	{"daemon",       leave_daemon,        0},
	{"fill",         fill,                1},
	{"fill-inodes",  fill_inodes,         1},
	{"uptime",       show_uptime,         0},
	{"await-signal", await_signal,        0},
	{"sleep",        sleep_for,           1},
	{"die",          die,                 1},
	{"orphans",      make_orphans,        0},
	{"processes",    count_processes,     0},
};

int main(int count, char **arguments)
{
	for (size_t i = 0; count > 1 && i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(arguments[1], verbs[i].verb) == 0 && count - 2 == verbs[i].arguments)
			return verbs[i].run(arguments + 2);
	(void)fprintf(stderr, "inside: no such verb\n");
	return 98;
}
