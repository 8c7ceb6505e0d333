/* SPDX-License-Identifier: Apache-2.0 */
/* Attempts to take more than the limits, or to see the host's shared memory and queues. */
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tests/escape/probe.h"

static int raise_limit(const struct probe_row *row)
{
	int resource = (int)row->arguments[0];
	struct rlimit limit;

	if (getrlimit((__rlimit_resource_t)resource, &limit) < 0)
		return errno;
	if (limit.rlim_max == RLIM_INFINITY) {
		probe_note("is not limited");
		return PROBE_LEAK;
	}
	limit.rlim_max++;
	return setrlimit((__rlimit_resource_t)resource, &limit) < 0 ? errno : PROBE_LEAK;
}

static int limit_init(const struct probe_row *row)
{
	struct rlimit limit = {0, 0};

	(void)row; /* reads the limits of pid 1, sets nothing */
	return (int)syscall(SYS_prlimit64, 1, RLIMIT_NOFILE, NULL, &limit) < 0 ? errno : PROBE_LEAK;
}

static int inspect_core(const struct probe_row *row)
{
	struct rlimit limit;

	(void)row;
	if (getrlimit(RLIMIT_CORE, &limit) < 0)
		return errno;
	/* 1 is no core file either, and no pipe to the host's program (core(5)) */
	return limit.rlim_max <= 1 ? PROBE_HELD : PROBE_LEAK;
}

static int inspect_size(const struct probe_row *row)
{
	const unsigned long long enough = 16ULL << 30;
	struct statvfs status;
	unsigned long long bytes;

	if (statvfs(row->path, &status) < 0)
		return errno;
	bytes = (unsigned long long)status.f_blocks * status.f_frsize;
	probe_note("%llu MiB, %llu files", bytes >> 20, (unsigned long long)status.f_files);
	return bytes && bytes < enough && status.f_files && status.f_files < 2000000 ? PROBE_HELD
										     : PROBE_LEAK;
}

/* tmpfs defaults to half of the memory: a private one must be smaller and count its files. */
static int inspect_tmpfs(const struct probe_row *row)
{
	long host_bytes = probe_host_number("memory_bytes");
	struct statvfs status;
	unsigned long long bytes;

	if (host_bytes < 0)
		return PROBE_SKIPPED;
	if (statvfs(row->path, &status) < 0)
		return errno;
	bytes = (unsigned long long)status.f_blocks * status.f_frsize;
	probe_note("%llu MiB, %llu files", bytes >> 20, (unsigned long long)status.f_files);
	return bytes && bytes < (unsigned long long)host_bytes / 4 && status.f_files ? PROBE_HELD
										     : PROBE_LEAK;
}

static int lock_memory(const struct probe_row *row)
{
	size_t size = 256UL << 20;
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int error;

	(void)row;
	if (memory == MAP_FAILED)
		return errno;
	/* Locked on fault: nothing is touched if it is permitted. */
	error = mlock2(memory, size, MLOCK_ONFAULT) < 0 ? errno : PROBE_LEAK;
	(void)munmap(memory, size);
	return error;
}

static int huge_segment(const struct probe_row *row)
{
	int id = shmget(IPC_PRIVATE, 2UL << 20, IPC_CREAT | SHM_HUGETLB | 0600);

	(void)row;
	if (id < 0)
		return errno;
	(void)shmctl(id, IPC_RMID, NULL);
	return PROBE_LEAK;
}

static int huge_mapping(const struct probe_row *row)
{
	const size_t size = 2UL << 20;
	void *memory =
		mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);

	(void)row;
	if (memory == MAP_FAILED)
		return errno;
	(void)munmap(memory, size);
	return PROBE_LEAK;
}

static int huge_file(const struct probe_row *row)
{
	AUTO_CLOSE int fd = memfd_create("berth-escape", MFD_CLOEXEC | MFD_HUGETLB);

	(void)row;
	return fd < 0 ? errno : PROBE_LEAK;
}

static int host_segment(const struct probe_row *row)
{
	long key = probe_host_number("shm");

	(void)row;
	if (key < 0)
		return PROBE_SKIPPED;
	return shmget((key_t)key, 0, 0) < 0 ? errno : PROBE_LEAK;
}

static int host_semaphore(const struct probe_row *row)
{
	long key = probe_host_number("shm"); /* the same key names a semaphore set */

	(void)row;
	if (key < 0)
		return PROBE_SKIPPED;
	return semget((key_t)key, 0, 0) < 0 ? errno : PROBE_LEAK;
}

static int host_queue(const struct probe_row *row)
{
	const char *name = probe_host("queue");
	mqd_t queue;

	(void)row;
	if (!name)
		return PROBE_SKIPPED;
	queue = mq_open(name, O_RDONLY);
	if (queue < 0)
		return errno;
	(void)mq_close(queue);
	return PROBE_LEAK;
}

static int host_shared_memory(const struct probe_row *row)
{
	const char *name = probe_host("posix_shm");
	int fd;

	(void)row;
	if (!name)
		return PROBE_SKIPPED;
	fd = shm_open(name, O_RDONLY, 0);
	if (fd < 0)
		return errno;
	(void)close(fd);
	return PROBE_LEAK;
}

#define RAISE(text, what, resource)                                                                \
	{                                                                                          \
		.name = (text), .protection = "rlimits", .tries = (what), .attempt = raise_limit,  \
		.arguments = {(resource)}, .expected = {                                           \
			EPERM                                                                      \
		}                                                                                  \
	}
#define SIZED(text, where)                                                                         \
	{                                                                                          \
		.name = (text), .protection = "tmpfs_limit",                                       \
		.history = "no launcher limits it by default", .tries = "fill " where " freely",   \
		.attempt = inspect_tmpfs, .path = (where), .expected = {                           \
			PROBE_HELD                                                                 \
		}                                                                                  \
	}

static const struct probe_row rows[] = {
	RAISE("raise_nofile", "raise the limit on open files", RLIMIT_NOFILE),
	RAISE("raise_core", "allow core dumps", RLIMIT_CORE),
	RAISE("raise_memlock", "raise the limit on locked memory", RLIMIT_MEMLOCK),
	RAISE("raise_nice", "raise the limit on priority", RLIMIT_NICE),
	RAISE("raise_rtprio", "raise the limit on real-time priority", RLIMIT_RTPRIO),
	PROBE_TRY("core_limit", "rlimits", NULL, "dump core into the host's pattern", inspect_core,
		  NULL, PROBE_HELD),
	PROBE_TRY("limit_init", "uid_range", NULL, "read the limits of pid 1", limit_init, NULL,
		  EPERM, ESRCH),
	PROBE_TRY("lock_memory", "rlimits", NULL, "lock 256 MiB of memory", lock_memory, NULL,
		  EPERM, ENOMEM, EAGAIN),
	PROBE_TRY("huge_segment", "seccomp", NULL, "take huge pages, which no memory limit counts",
		  huge_segment, NULL, EPERM),
	PROBE_TRY("huge_mapping", "seccomp", NULL, "map huge pages", huge_mapping, NULL, EPERM),
	PROBE_TRY("huge_file", "seccomp", NULL, "make a file of huge pages", huge_file, NULL,
		  EPERM),
	SIZED("tmp_size", "/tmp"),
	SIZED("shm_size", "/dev/shm"),
	SIZED("run_size", "/run"),
	PROBE_TRY("work_size", "disk_limit", NULL, "fill the disk from the working directory",
		  inspect_size, ".", PROBE_HELD),
	PROBE_TRY("host_shm", "ipc_namespace", NULL, "find a shared memory segment of the host",
		  host_segment, NULL, ENOENT),
	PROBE_TRY("host_semaphore", "ipc_namespace", NULL, "find a semaphore set of the host",
		  host_semaphore, NULL, ENOENT),
	PROBE_TRY("host_queue", "ipc_namespace", NULL, "open a message queue of the host",
		  host_queue, NULL, ENOENT, ENOSYS, EPERM),
	PROBE_TRY("host_posix_shm", "private_tmp", NULL, "open a file of the host's /dev/shm",
		  host_shared_memory, NULL, ENOENT),
};

const struct probe_group probe_resources = PROBE_GROUP("resources", rows);
