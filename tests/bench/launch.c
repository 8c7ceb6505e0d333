/* SPDX-License-Identifier: Apache-2.0 */
/* The launch bench: berth's library and program next to posix_spawn, a bare-syscall floor, bwrap
 * and crun, in one run, a few launches of each in turn so that drift meets all alike. */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "sandbox/sandbox.h"
#include "tests/bench/launch_floor.h"

#define LAUNCHES_DEFAULT 400
#define LAUNCHES_MAX     100000
#define BLOCK            25
#define SETTLE_US        (100 * 1000)
#define NOOP_INSIDE      "/opt/bench/noop"

static struct {
	struct sandbox_host *cold, *pooled;
	char directory[512]; /* tree/ is the floor's root, bundle/ is for crun */
	char noop[768];
	const char *berth;
} bench;

static int spawn_and_wait(char *const arguments[])
{
	posix_spawn_file_actions_t actions;
	int failed, status;
	pid_t child;

	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	(void)posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	failed = posix_spawn(&child, arguments[0], &actions, NULL, arguments, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	if (failed || waitpid(child, &status, 0) != child)
		return -1;
	return status == 0 ? 0 : -1;
}

static int run_spawn(void)
{
	return spawn_and_wait((char *[]){bench.noop, NULL});
}

static int run_floor(void)
{
	char root[768];

	(void)snprintf(root, sizeof(root), "%s/tree", bench.directory);
	return launch_floor(root, "/noop");
}

static int run_library(struct sandbox_host *host)
{
	static const char *const arguments[] = {NOOP_INSIDE, NULL};
	const struct sandbox_mount mounts[] = {
		{SANDBOX_MOUNT_BIND,    0, "/usr",      "/usr",      NULL, 0, 0},
		{SANDBOX_MOUNT_SYMLINK, 0, "usr/bin",   "/bin",      NULL, 0, 0},
		{SANDBOX_MOUNT_SYMLINK, 0, "usr/lib",   "/lib",      NULL, 0, 0},
		{SANDBOX_MOUNT_SYMLINK, 0, "usr/lib64", "/lib64",    NULL, 0, 0},
		{SANDBOX_MOUNT_BIND,    0, bench.noop,  NOOP_INSIDE, NULL, 0, 0},
	};
	const struct sandbox_spec spec = {
		.name = "bench",
		.arguments = arguments,
		.mounts = mounts,
		.mount_count = sizeof(mounts) / sizeof(mounts[0]),
		.limits = {.cpu_millis = 500,
			   .memory_bytes = 512 << 20,
			   .pids = 256,
			   .tmpfs_bytes = 64 << 20,
			   .tmpfs_inodes = 4096,
			   .open_files = 1024},
		.channel = true,
		.stdin_fd = -1,
		.stdout_fd = -1,
		.stderr_fd = -1,
	};
	struct sandbox *sandbox = NULL;
	struct berth_error err = {0};
	int outcome, result = -1;

	if (sandbox_launch(host, &spec, &sandbox, &err) < 0) {
		(void)fprintf(stderr, "launch: %s\n", err.message);
		return -1;
	}
	do {
		struct pollfd watched = {.fd = sandbox_descriptor(sandbox), .events = POLLIN};

		(void)poll(&watched, 1, -1);
		outcome = sandbox_dispatch(sandbox, &err);
	} while (outcome >= 0 && outcome != SANDBOX_ENDED);
	if (outcome == SANDBOX_ENDED && sandbox_outcome(sandbox)->end == SANDBOX_EXITED &&
	    sandbox_outcome(sandbox)->code == 0)
		result = 0;
	sandbox_destroy(sandbox);
	return result;
}

static int run_cold(void)
{
	return run_library(bench.cold);
}

static int run_pooled(void)
{
	return run_library(bench.pooled);
}

static void refill(void)
{
	sandbox_host_refill(bench.pooled);
}

static int run_bwrap(void)
{
	return spawn_and_wait((char *[]){"/usr/bin/bwrap", "--unshare-all",
					 "--ro-bind",      "/usr",
					 "/usr",           "--symlink",
					 "usr/lib",        "/lib",
					 "--symlink",      "usr/lib64",
					 "/lib64",         "--symlink",
					 "usr/bin",        "/bin",
					 "--proc",         "/proc",
					 "--dev",          "/dev",
					 "--tmpfs",        "/tmp",
					 "/usr/bin/true",  NULL});
}

static int run_crun(void)
{
	static unsigned sequence;
	char bundle[768], name[32];

	(void)snprintf(bundle, sizeof(bundle), "%s/bundle", bench.directory);
	(void)snprintf(name, sizeof(name), "bench-%d-%u", getpid(), ++sequence);
	return spawn_and_wait((char *[]){"/usr/bin/crun", "--cgroup-manager=disabled", "run", "-b",
					 bundle, name, NULL});
}

static int run_berth(void)
{
	return spawn_and_wait(
		(char *[]){(char *)(uintptr_t)bench.berth, "run", "--", "true", NULL});
}

static int run_true(void)
{
	return spawn_and_wait((char *[]){"/usr/bin/true", NULL});
}

static const struct contestant {
	const char *name;
	int (*run)(void);
	void (*prepare)(void); /* off the clock, before each launch */
} contestants[] = {
	{"posix_spawn, static no-op",              run_spawn,  NULL  },
	{"posix_spawn, /usr/bin/true",             run_true,   NULL  },
	{"floor: bare system calls, static no-op", run_floor,  NULL  },
	{"berth library, cold, static no-op",      run_cold,   NULL  },
	{"berth library, pooled, static no-op",    run_pooled, refill},
	{"bwrap --unshare-all, /usr/bin/true",     run_bwrap,  NULL  },
	{"berth run -- true",                      run_berth,  NULL  },
	{"crun run (no cgroup), static no-op",     run_crun,   NULL  },
};
#define CONTESTANTS (sizeof(contestants) / sizeof(contestants[0]))
#define FLOOR       2

static uint64_t *samples[CONTESTANTS];
static size_t sample_count[CONTESTANTS];
static bool left_out[CONTESTANTS];

/* The kernel takes namespaces and control groups apart after their owner is gone: the block begins
 * when the one before it is cleared away, or it would pay for it. */
static void run_block(size_t index)
{
	if (left_out[index])
		return;
	(void)usleep(SETTLE_US);
	for (int i = 0; i < BLOCK && !left_out[index]; i++) {
		uint64_t start;

		if (contestants[index].prepare)
			contestants[index].prepare();
		start = clock_boottime_ns();
		if (contestants[index].run() < 0) {
			left_out[index] = true;
			return;
		}
		samples[index][sample_count[index]++] = clock_boottime_ns() - start;
	}
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double percentile_us(size_t index, size_t percent)
{
	size_t position = sample_count[index] * percent / 100;

	return (double)samples[index][position] / 1e3;
}

static void print_row(size_t index, double floor_us)
{
	double sum = 0;

	if (left_out[index] || sample_count[index] == 0) {
		(void)printf("%-40s did not run\n", contestants[index].name);
		return;
	}
	for (size_t k = 0; k < sample_count[index]; k++)
		sum += (double)samples[index][k];
	(void)printf("%-40s %8.0f %8.0f %8.0f %10.0f %7.2f\n", contestants[index].name,
		     percentile_us(index, 50), percentile_us(index, 90), percentile_us(index, 99),
		     1e9 * (double)sample_count[index] / sum, percentile_us(index, 50) / floor_us);
}

static void print_table(void)
{
	double floor_us = 0;

	(void)printf("%-40s %8s %8s %8s %10s %7s\n", "launch to reap", "p50 us", "p90 us", "p99 us",
		     "launches/s", "x floor");
	for (size_t i = 0; i < CONTESTANTS; i++)
		qsort(samples[i], sample_count[i], sizeof(uint64_t), compare);
	if (sample_count[FLOOR])
		floor_us = percentile_us(FLOOR, 50);
	for (size_t i = 0; i < CONTESTANTS; i++)
		print_row(i, floor_us);
}

/* crun 1.8 refuses a host with both cgroup versions mounted: it gets a mount namespace without the
 * second one. Everybody else runs in that namespace too. */
static void hide_unified_cgroup(void)
{
	if (access("/sys/fs/cgroup/unified", F_OK) < 0)
		return;
	if (unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0)
		(void)umount2("/sys/fs/cgroup/unified", MNT_DETACH);
}

int main(int argc, char **argv)
{
	const struct sandbox_host_options pooled = {.pool_size = 8};
	struct berth_error err = {0};
	size_t launches = LAUNCHES_DEFAULT;

	if (argc < 3) {
		(void)fprintf(stderr, "usage: launch DIRECTORY BERTH [LAUNCHES [NAME]]\n");
		return 2;
	}
	if (argc > 3)
		launches = strtoul(argv[3], NULL, 10);
	if (launches < BLOCK || launches > LAUNCHES_MAX) {
		(void)fprintf(stderr, "launch: between %d and %d launches\n", BLOCK, LAUNCHES_MAX);
		return 2;
	}
	(void)snprintf(bench.directory, sizeof(bench.directory), "%s", argv[1]);
	(void)snprintf(bench.noop, sizeof(bench.noop), "%s/tree/noop", argv[1]);
	bench.berth = argv[2];
	for (size_t i = 0; argc > 4 && i < CONTESTANTS; i++)
		left_out[i] = !strstr(contestants[i].name, argv[4]);
	hide_unified_cgroup();
	if (sandbox_host_open(NULL, &bench.cold, &err) < 0 ||
	    sandbox_host_open(&pooled, &bench.pooled, &err) < 0) {
		(void)fprintf(stderr, "launch: %s\n", err.message);
		return 1;
	}
	for (size_t i = 0; i < CONTESTANTS; i++) {
		samples[i] = calloc(launches + BLOCK, sizeof(uint64_t));
		if (!samples[i])
			return 1;
		run_block(i); /* warms up */
		sample_count[i] = 0;
	}
	for (size_t done = 0; done < launches; done += BLOCK)
		for (size_t i = 0; i < CONTESTANTS; i++)
			run_block(i);
	print_table();
	for (size_t i = 0; i < CONTESTANTS; i++)
		free(samples[i]);
	sandbox_host_close(bench.pooled);
	sandbox_host_close(bench.cold);
	return left_out[FLOOR] || left_out[FLOOR + 1] || left_out[FLOOR + 2];
}
