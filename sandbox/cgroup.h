/* SPDX-License-Identifier: Apache-2.0 */
/* One control group per run behind one table of calls: drivers v2, v1 and none. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/limits.h"

struct sandbox_usage;

/* What a driver can enforce on this host; bits of struct cgroup_host.features. */
enum {
	CGROUP_CPU = 1 << 0,
	CGROUP_MEMORY = 1 << 1,
	CGROUP_SWAP = 1 << 2,
	CGROUP_PIDS = 1 << 3,
	CGROUP_IO_WEIGHT = 1 << 4,
	CGROUP_IO_USAGE = 1 << 5,
	CGROUP_OOM_GROUP = 1 << 6,
	CGROUP_FREEZE = 1 << 7,  /* the kernel stops a whole group */
	CGROUP_RECLAIM = 1 << 8, /* memory can be taken from a group on demand */
};

#define CGROUP_HIERARCHIES_MAX 6
#define CGROUP_NAME_SIZE       128

struct cgroup_driver;

/* The host's side: where groups are made. */
struct cgroup_host {
	const struct cgroup_driver *driver;
	unsigned features;
	int parent_fds[CGROUP_HIERARCHIES_MAX]; /* directory that holds the runs' groups; -1: none
						 */
	char why[96];                           /* why it is not better: for doctor */
	char owner[48];    /* "<pid namespace>.<pid>.<start time>" of this process, for names */
	unsigned sequence; /* of the last group made */
};

/* What the kernel gives a group by itself; such a weight is not written. */
#define CGROUP_IO_WEIGHT_DEFAULT 100

/* One run's group. */
struct cgroup {
	struct cgroup_host *host;
	char name[CGROUP_NAME_SIZE];
	int fds[CGROUP_HIERARCHIES_MAX];      /* the run's directory in each hierarchy; -1: none */
	int join_fds[CGROUP_HIERARCHIES_MAX]; /* opened ahead for join(); -1: by name */
	int oom_event_fd;                     /* readable after an OOM kill (v1); -1: none */
	unsigned enforced;                    /* CGROUP_* of the limits that were set */
};

struct cgroup_driver {
	const char *name;
	/* Finds and prepares the parent; positive when this host does not have it. */
	int (*probe)(struct cgroup_host *host, struct berth_error *err);
	int (*create)(struct cgroup *group, const struct resource_limits *limits,
		      struct berth_error *err);
	/* Nobody will freeze a group of this host: each then costs less. NULL: it costs nothing. */
	void (*forgo_freeze)(struct cgroup_host *host);
	/* Opens what join() writes to, of a group that is made ahead; NULL: nothing. */
	void (*open_joins)(struct cgroup *group);
	/* Moves the calling process in, in the child, before it gives up its ids; NULL when
	 * clone3(2) has put it there. Async-signal-safe. */
	int (*join)(const struct cgroup *group, struct berth_error *err);
	/* The fd for CLONE_INTO_CGROUP; -1 when the child must join. */
	int (*clone_fd)(const struct cgroup *group);
	/* Counters; what this driver cannot tell stays SANDBOX_USAGE_UNKNOWN. What there is now,
	 * which is nothing once the run has ended, only when is_live. */
	void (*read_usage)(const struct cgroup *group, bool is_live, struct sandbox_usage *usage);
	/* Removes the group; it must be empty by then. */
	void (*remove)(struct cgroup *group);
	/* What follows is NULL where a driver cannot. Asks for the group to be frozen or thawed;
	 * CGROUP_CHANGING when its processes are not all there yet: ask again. */
	int (*freeze)(const struct cgroup *group, bool frozen, struct berth_error *err);
	/* Lets processes of a frozen group die of a SIGKILL that they have got. */
	void (*let_die)(const struct cgroup *group);
	/* Takes up to so much of its memory, to swap too; CGROUP_CHANGING when there may be more.
	 */
	int (*reclaim)(const struct cgroup *group, uint64_t bytes, struct berth_error *err);
	/* The directory with its cgroup.procs and pids.current. */
	int (*processes_fd)(const struct cgroup *group);
	/* Thaws a group of a dead supervisor, whose processes have been killed. */
	void (*rescue)(const struct cgroup_host *host, const char *name);
};

#define CGROUP_CHANGING 1

/* One limit in both versions; a file that is not there is a limit this host cannot enforce. */
struct cgroup_limit_row {
	unsigned feature; /* CGROUP_* */
	const char *v1_controller, *v1_file;
	const char *v2_file;
	/* Write the value as text; false when the run does not ask for this limit. */
	bool (*format_v1)(const struct resource_limits *limits, char *text, size_t size);
	bool (*format_v2)(const struct resource_limits *limits, char *text, size_t size);
};
extern const struct cgroup_limit_row cgroup_limit_rows[];
extern const size_t cgroup_limit_row_count;

extern const struct cgroup_driver cgroup_driver_v2, cgroup_driver_v1, cgroup_driver_none;

/* name is "auto" or a driver's. BERTH_UNSUPPORTED when a named driver is not there. */
int cgroup_host_open(struct cgroup_host *host, const char *name, struct berth_error *err);
void cgroup_host_close(struct cgroup_host *host);

/* One without a name, and with nothing open. */
void cgroup_init(struct cgroup *group, struct cgroup_host *host);
/* Names a group after the run and this process, so that a sweep can tell it is stale. */
void cgroup_begin(struct cgroup *group, struct cgroup_host *host, const char *run_name);
/* Makes the group that was named. Apart, so that a child that joins later can start meanwhile. */
int cgroup_make(struct cgroup *group, const struct resource_limits *limits,
		struct berth_error *err);
/* Both. */
int cgroup_create(struct cgroup *group, struct cgroup_host *host, const char *run_name,
		  const struct resource_limits *limits, struct berth_error *err);
/* Removes the group and closes everything; accepts a half-made one. */
void cgroup_destroy(struct cgroup *group);

/* For drivers: opens parent/name, making it when create is set. */
int cgroup_open_directory(int parent_fd, const char *name, bool create, int *ret_fd,
			  struct berth_error *err);
/* Removes the groups of dead supervisors of this pid namespace. Drivers make a group in the last
 * hierarchy first and remove it there last, so that one look finds them all. */
void cgroup_sweep(struct cgroup_host *host);
/* For drivers: removes a group whose last process was reaped, or is about to die; waits up to 0.3 s
 * where it is busy, and returns false when it still is. */
bool cgroup_remove_directory(int parent_fd, const char *name);
/* For drivers: "key value" lines of a control file; UINT64_MAX when the key is not there. */
uint64_t cgroup_find_value(const char *text, const char *key);
