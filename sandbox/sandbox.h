/* SPDX-License-Identifier: Apache-2.0 */
/* The library's one entry: a launch spec goes in, a running sandbox comes out, and in the end its
 * outcome, its usage and the list of what was and was not enforced.
 *
 * The library knows nothing of tasks, queues, JSON or HTTP. It never logs and never exits. A
 * struct sandbox_host belongs to one thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/limits.h"
#include "sandbox/protection.h"

#define SANDBOX_TASK_UID      1000 /* inside; mapped to an unprivileged id of the host, never to 0 */
#define SANDBOX_TASK_GID      1000

#define SANDBOX_MOUNTS_MAX    256
#define SANDBOX_VOLUMES_MAX   8
#define SANDBOX_PATH_MAX      4096
#define SANDBOX_ARGUMENTS_MAX 4096
#define SANDBOX_CHANNEL_PATH  "/run/berth/task.sock"

enum sandbox_network {
	SANDBOX_NETWORK_NONE, /* own network namespace with loopback only */
	SANDBOX_NETWORK_HOST, /* the host's; weaker, and recorded as such */
};

/* One operation that builds the root, in the order they are applied. Targets are absolute paths in
 * the sandbox; missing parents are made. Everything is nosuid and nodev. */
enum sandbox_mount_kind {
	SANDBOX_MOUNT_BIND,      /* source (a directory or file of the host) at target */
	SANDBOX_MOUNT_TMPFS,     /* empty; bytes and inodes limit it */
	SANDBOX_MOUNT_DIRECTORY, /* an empty directory */
	SANDBOX_MOUNT_SYMLINK,   /* target -> source (the link's text) */
	SANDBOX_MOUNT_FILE,      /* a file with content */
};

enum {
	SANDBOX_MOUNT_WRITABLE = 1 << 0, /* default read-only. A writable bind is id-mapped: the
					    caller's own uid appears as the task's */
	SANDBOX_MOUNT_NOEXEC = 1 << 1,
	SANDBOX_MOUNT_OPTIONAL = 1 << 2, /* BIND: a missing source is skipped, not an error */
	SANDBOX_MOUNT_MAPPED = 1 << 3,   /* read-only BIND: id-mapped like a writable one where the
					    file system can, so that the task may read what only the
					    source's owner may */
};

struct sandbox_mount {
	enum sandbox_mount_kind kind;
	unsigned flags;
	const char *source;
	const char *target;
	const char *content; /* FILE */
	uint64_t bytes;      /* TMPFS */
	int64_t inodes;      /* TMPFS */
};

/* A writable place with a hard limit on bytes and inodes (volume.h makes them). */
struct sandbox_volume;
struct sandbox_volume_mount {
	struct sandbox_volume *volume;
	const char *target;
};

struct sandbox_spec {
	const char *name;               /* for cgroup names and messages: [a-z0-9_-]{1,64} */
	const char *const *arguments;   /* NULL-terminated; arguments[0] is looked up in PATH */
	const char *const *environment; /* NULL-terminated KEY=VALUE; nothing else is passed */
	const char *working_directory;  /* NULL: "/" */
	const char *hostname;           /* NULL: "berth" */
	const struct sandbox_mount *mounts;
	size_t mount_count;
	const struct sandbox_volume_mount *volumes;
	size_t volume_count;
	struct resource_limits limits;
	enum sandbox_network network;
	bool channel; /* listen on SANDBOX_CHANNEL_PATH for sandbox_take_channel() */
	int stdin_fd, stdout_fd, stderr_fd; /* dup'ed into the sandbox; -1: /dev/null inside */
};

enum sandbox_end {
	SANDBOX_EXITED,      /* code is the exit status */
	SANDBOX_SIGNALED,    /* code is the signal number */
	SANDBOX_EXEC_FAILED, /* error.errnum is execve(2)'s errno: ENOENT, EACCES … */
	SANDBOX_NOT_STARTED, /* error says which step of the launch failed */
};

/* Limits the run ran into, as counted by the kernel, not guessed from an exit status. */
enum {
	SANDBOX_HIT_MEMORY = 1 << 0, /* the cgroup's OOM kill counter moved */
	SANDBOX_HIT_PIDS = 1 << 1,   /* a fork was refused */
	SANDBOX_HIT_DISK = 1 << 2,   /* a disk volume was full, in bytes or inodes, at the end */
	SANDBOX_HIT_TMPFS = 1 << 3,  /* likewise /tmp, /run or /dev/shm */
};

#define SANDBOX_USAGE_UNKNOWN UINT64_MAX /* this host cannot tell */

struct sandbox_usage {
	uint64_t wall_ns;
	uint64_t cpu_ns;
	uint64_t cpu_user_ns;
	uint64_t cpu_system_ns;
	uint64_t throttled_ns; /* time the CPU quota held runnable threads back */
	uint64_t memory_peak_bytes;
	uint64_t memory_bytes; /* now; only while running */
	uint64_t io_read_bytes;
	uint64_t io_write_bytes;
	uint64_t pids;         /* processes and threads now; only while running */
	uint64_t pids_refused; /* forks refused by the pids limit */
	uint64_t oom_kills;
	uint64_t oom_events; /* times the memory limit left nothing to give; v2 only */
};

/* For sums and for people: what is not known counts nothing. */
static inline uint64_t sandbox_usage_known(uint64_t value)
{
	return value == SANDBOX_USAGE_UNKNOWN ? 0 : value;
}

struct sandbox_outcome {
	enum sandbox_end end;
	int code;
	unsigned hits; /* SANDBOX_HIT_* */
	struct sandbox_usage usage;
	struct berth_error error; /* EXEC_FAILED and NOT_STARTED */
};

struct sandbox_host;
struct sandbox;

/* What takes longest of the first launch, a network namespace, made by a thread while the caller
 * plans that launch: give it to sandbox_host_open(). Never needed for correctness. */
struct sandbox_ahead;
/* NULL when there is no memory. */
struct sandbox_ahead *sandbox_ahead_start(void);
/* After the host is closed. Accepts NULL. */
void sandbox_ahead_destroy(struct sandbox_ahead *ahead);

struct sandbox_host_options {
	const char *cgroup_driver;   /* "auto", "v2", "v1", "none"; NULL: auto */
	const char *state_path;      /* NULL: /run/berth as root, else $XDG_RUNTIME_DIR/berth */
	unsigned pool_size;          /* network namespaces kept ready; 0: none (one-shot use) */
	struct sandbox_ahead *ahead; /* borrowed, for the first launch; NULL: none */
	bool pauses; /* runs will be frozen (pause.h) by their groups where the host can */
	unsigned group_sequence; /* of the program before (handover.h); 0: there was none */
};

bool sandbox_host_is_privileged(const struct sandbox_host *host);
/* Its name: "v2", "v1", "none". */
const char *sandbox_host_cgroup_driver(const struct sandbox_host *host);

/* Probes what this host can enforce; cheap (no process is started). */
int sandbox_host_open(const struct sandbox_host_options *options, struct sandbox_host **ret_host,
		      struct berth_error *err);
void sandbox_host_close(struct sandbox_host *host);

/* What a run with this host and spec will and will not have; rows by enum sandbox_protection. */
void sandbox_host_protections(struct sandbox_host *host, const struct sandbox_spec *spec,
			      struct sandbox_protection_state ret_states[SANDBOX_PROTECTIONS]);

/* Makes pooled things ready again; call it when idle. Never needed for correctness. */
void sandbox_host_refill(struct sandbox_host *host);
/* One piece of that, some 0.1 ms, for a loop that has other things to do; false: all is ready. */
bool sandbox_host_refill_step(struct sandbox_host *host);

/* Checks every field of the spec against its limits: BERTH_INVALID or BERTH_LIMIT. */
int sandbox_spec_check(const struct sandbox_spec *spec, struct berth_error *err);

/* Starts the run. On success it is being set up or running; failures of the later steps come as
 * its outcome. The spec and its strings may be freed afterwards; the fds stay the caller's. */
int sandbox_launch(struct sandbox_host *host, const struct sandbox_spec *spec,
		   struct sandbox **ret_sandbox, struct berth_error *err);

/* Readable (EPOLLIN) when sandbox_dispatch has something to do. Owned by the sandbox. */
int sandbox_descriptor(const struct sandbox *sandbox);

enum { SANDBOX_ENDED = 1, SANDBOX_STARTED = 2 };
/* Reads what happened, never blocks. 0: nothing to tell; SANDBOX_STARTED once: the channel can be
 * taken; SANDBOX_ENDED: every process of the run is gone and sandbox_outcome() may be called. */
int sandbox_dispatch(struct sandbox *sandbox, struct berth_error *err);

/* The listening socket of the task channel, the caller's from then on; -1 when there is none. */
int sandbox_take_channel(struct sandbox *sandbox);

/* Sends a signal to the task (not to its children), through the run's init. */
int sandbox_signal(struct sandbox *sandbox, int signal, struct berth_error *err);

/* Sends it to every process of the task's process group, as a terminal does. */
int sandbox_signal_group(struct sandbox *sandbox, int signal, struct berth_error *err);

/* Kills every process of the run at once. */
void sandbox_kill(struct sandbox *sandbox);

/* Usage so far (running) or in all (ended). */
int sandbox_read_usage(struct sandbox *sandbox, struct sandbox_usage *ret_usage,
		       struct berth_error *err);

/* Valid after SANDBOX_ENDED. */
const struct sandbox_outcome *sandbox_outcome(const struct sandbox *sandbox);

/* What this run had, by enum sandbox_protection. */
const struct sandbox_protection_state *sandbox_protections(const struct sandbox *sandbox);

/* Kills and reaps whatever is left, removes the cgroup; accepts NULL. */
void sandbox_destroy(struct sandbox *sandbox);
