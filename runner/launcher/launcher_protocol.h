/* SPDX-License-Identifier: Apache-2.0 */
/* What the launcher and the supervisor say to each other: fixed-size, versioned packets with
 * descriptors on a SOCK_SEQPACKET pair (unix(7)). No text, no JSON, no pointer. docs/launcher.md.
 *
 * A run is named by its number and its attempt's token; the launcher's table has one row for each
 * pair. A message with a token that no row has is answered LAUNCHER_REFUSED, BERTH_NOT_FOUND, and
 * changes nothing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "sandbox/sandbox.h"

/* Goes up whenever a row of launcher_messages[], a struct below or struct launch_spec_header
 * changes. Both programs of one installation have the same; others part at LAUNCHER_HELLO. */
#define LAUNCHER_PROTOCOL_VERSION    1

#define LAUNCHER_TOKEN_SIZE          33 /* 32 hexadecimal digits, and NUL: ENGINE_TOKEN_SIZE */
#define LAUNCHER_RUNS_MAX            4096
#define LAUNCHER_HOLDS_MAX           8192 /* held connections of all runs */
#define LAUNCHER_RUN_HOLDS_MAX       65   /* of one: connections of its task, and their ledger */
#define LAUNCHER_SPEC_INLINE_MAX     (32 * 1024) /* a larger spec comes in a sealed memfd */
#define LAUNCHER_DESCRIPTORS_MAX     8           /* in one packet */

/* The environment variable with the number of the supervisor's end of the socket. Sockets of
 * systemd's socket activation come as sd_listen_fds(3) says: LISTEN_PID, LISTEN_FDS,
 * LISTEN_FDNAMES, from descriptor 3. Nothing else is open but 0, 1 and 2. */
#define LAUNCHER_DESCRIPTOR_VARIABLE "BERTH_LAUNCHER_FD"

enum launcher_kind {
	/* supervisor → launcher */
	LAUNCHER_READY = 1, /* it listens: tell systemd, forget earlier deaths */
	LAUNCHER_LAUNCH,    /* answered by STARTED and ENDED, or by REFUSED */
	LAUNCHER_SIGNAL,
	LAUNCHER_KILL,
	LAUNCHER_FREEZE,  /* answered by FROZEN or REFUSED */
	LAUNCHER_THAW,    /* answered by THAWED or REFUSED */
	LAUNCHER_RECLAIM, /* of a frozen run; answered by RECLAIMED or REFUSED */
	LAUNCHER_USAGE,   /* answered by USED or REFUSED */
	LAUNCHER_HOLD,    /* keep a copy of an accepted connection of the task channel */
	LAUNCHER_UNHOLD,
	LAUNCHER_RELEASE, /* an ended run's outcome is recorded: forget it, close its volumes */
	LAUNCHER_DISCARD, /* delete the checkpoint volume of a run that has no row (token unused) */
	LAUNCHER_RELOAD,  /* execute the programs on disk, as SIGHUP does */
	LAUNCHER_DRAINED, /* the answer to SHUTDOWN: nothing runs that is worth waiting for */
	LAUNCHER_PONG,    /* the answer to PING */

	/* launcher → supervisor */
	LAUNCHER_HELLO = 64, /* first, once */
	LAUNCHER_TABLE_RUN,  /* then one for each row it has from an earlier supervisor … */
	LAUNCHER_TABLE_HOLD, /* … followed by one for each connection it holds for that row … */
	LAUNCHER_TABLE_END,  /* … and this. Only then is anything else told */
	LAUNCHER_STARTED,    /* the task executes */
	LAUNCHER_ENDED,      /* every process of it is gone; its row stays until RELEASE */
	LAUNCHER_REFUSED,    /* a request was not done, and why */
	LAUNCHER_FROZEN,
	LAUNCHER_THAWED,
	LAUNCHER_RECLAIMED,
	LAUNCHER_USED,
	LAUNCHER_RELOADING, /* end now; another one will be started from disk */
	LAUNCHER_SHUTDOWN,  /* drain, then DRAINED; the socket closes when the runs are gone */
	LAUNCHER_PING,      /* answer with PONG before the next one, or be replaced */
};

/* The first bytes of every packet. */
struct launcher_header {
	uint16_t version; /* LAUNCHER_PROTOCOL_VERSION */
	uint16_t kind;    /* enum launcher_kind */
	uint32_t bytes;   /* of the packet */
	int64_t run;      /* its number, above 0; 0 in packets about no run */
	char token[LAUNCHER_TOKEN_SIZE];
	uint8_t reserved[7]; /* 0 */
};

/* Which descriptors a packet carries, in this order. */
enum {
	LAUNCHER_PASS_STDIN = 1 << 0,       /* the task's end; without it, /dev/null */
	LAUNCHER_PASS_STDOUT_TASK = 1 << 1, /* the task's end of a pipe */
	LAUNCHER_PASS_STDERR_TASK = 1 << 2,
	LAUNCHER_PASS_STDOUT = 1 << 3, /* the reader's end; the launcher keeps a copy */
	LAUNCHER_PASS_STDERR = 1 << 4,
	LAUNCHER_PASS_SPEC = 1 << 5,    /* a memfd with F_SEAL_SHRINK, GROW, WRITE and SEAL */
	LAUNCHER_PASS_CHANNEL = 1 << 6, /* the listening socket of the task channel */
	LAUNCHER_PASS_VIEW_1 = 1 << 7,  /* of the first volume with LAUNCH_VOLUME_VIEWED */
	LAUNCHER_PASS_VIEW_2 = 1 << 8,
	LAUNCHER_PASS_CONNECTION = 1 << 9,
};
#define LAUNCHER_PASS_COUNT 10

/* Descriptors by what they are, -1 where there is none: LAUNCHER_PASS_* counts its places. */
struct launcher_descriptors {
	int fds[LAUNCHER_PASS_COUNT];
};
enum {
	LAUNCHER_FD_STDIN,
	LAUNCHER_FD_STDOUT_TASK,
	LAUNCHER_FD_STDERR_TASK,
	LAUNCHER_FD_STDOUT,
	LAUNCHER_FD_STDERR,
	LAUNCHER_FD_SPEC,
	LAUNCHER_FD_CHANNEL,
	LAUNCHER_FD_VIEW_1,
	LAUNCHER_FD_VIEW_2,
	LAUNCHER_FD_CONNECTION,
};

/* READY KILL FREEZE THAW RECLAIM RELEASE DISCARD RELOAD DRAINED PONG, FROZEN THAWED RELOADING
 * SHUTDOWN PING */
struct launcher_plain {
	struct launcher_header header;
};

/* LAUNCH; spec_bytes of launch_spec.h follow in the packet unless LAUNCHER_PASS_SPEC is passed. */
struct launcher_launch {
	struct launcher_header header;
	uint32_t passed; /* LAUNCHER_PASS_STDIN … _SPEC */
	uint32_t spec_bytes;
};

struct launcher_signal {
	struct launcher_header header;
	int32_t signal;
	uint32_t reserved; /* 0 */
};

/* HOLD, UNHOLD, TABLE_HOLD; the number is the supervisor's own, one of a kind within the run. */
struct launcher_hold {
	struct launcher_header header;
	uint64_t connection;
};

/* USAGE; the tag comes back in USED. */
struct launcher_usage {
	struct launcher_header header;
	uint64_t tag;
};

/* What this host gives (struct launcher_hello.abilities). */
enum {
	LAUNCHER_IS_PRIVILEGED = 1 << 0,   /* uid ranges, disk volumes; else rootless */
	LAUNCHER_OTHER_USER = 1 << 1,      /* the supervisor has another uid than the launcher */
	LAUNCHER_CAN_FREEZE = 1 << 2,      /* FREEZE works at all */
	LAUNCHER_FREEZES_GROUP = 1 << 3,   /* by the cgroup; else by stopping every process */
	LAUNCHER_CAN_RECLAIM = 1 << 4,     /* and this host has swap to reclaim to */
	LAUNCHER_CAN_VIEW_MEMORY = 1 << 5, /* LAUNCH_VOLUME_VIEWED works for memory (Linux 6.15) */
	LAUNCHER_ALLOWS_HOST_NETWORK = 1 << 6,
	LAUNCHER_USES_SYSTEMD = 1 << 7, /* NOTIFY_SOCKET is set */
};

struct launcher_hello {
	struct launcher_header header;
	uint32_t abilities; /* LAUNCHER_* above */
	uint32_t pool_size;
	uint32_t runs_max;   /* the policy's */
	uint32_t generation; /* counts supervisors, from 1 */
	char cgroup_driver[16];
	/* of a run that asks for everything, by enum sandbox_protection */
	struct sandbox_protection_state protections[SANDBOX_PROTECTIONS];
};

enum launcher_state {
	LAUNCHER_RUN_STARTING, /* LAUNCH was accepted, STARTED not told yet */
	LAUNCHER_RUN_RUNNING,
	LAUNCHER_RUN_FROZEN,
	LAUNCHER_RUN_ENDED, /* outcome is set */
};

/* With PASS_STDOUT, STDERR, CHANNEL and VIEW_*, as far as there are such. */
struct launcher_table_run {
	struct launcher_header header;
	uint32_t passed;
	uint32_t state;       /* enum launcher_state */
	uint32_t hold_count;  /* TABLE_HOLD packets that follow */
	uint32_t kill_asked;  /* 1: the launcher was asked to kill it */
	uint64_t launched_ns; /* clock_boottime_ns() */
	struct sandbox_outcome outcome;
	struct sandbox_protection_state protections[SANDBOX_PROTECTIONS];
};

struct launcher_table_end {
	struct launcher_header header;
	uint32_t run_count;
	uint32_t reserved;
};

/* With PASS_CHANNEL and VIEW_*. */
struct launcher_started {
	struct launcher_header header;
	uint32_t passed;
	uint32_t reserved;
	struct sandbox_protection_state protections[SANDBOX_PROTECTIONS];
};

struct launcher_ended {
	struct launcher_header header;
	struct sandbox_outcome outcome;
};

struct launcher_refused {
	struct launcher_header header;
	uint32_t request; /* enum launcher_kind */
	uint32_t reserved;
	uint64_t tag; /* of USAGE; connection of HOLD */
	struct berth_error error;
};

struct launcher_reclaimed {
	struct launcher_header header;
	uint64_t before_bytes, after_bytes; /* SANDBOX_USAGE_UNKNOWN where the host cannot tell */
};

struct launcher_used {
	struct launcher_header header;
	uint64_t tag;
	struct sandbox_usage usage;
	uint64_t processes; /* now; SANDBOX_USAGE_UNKNOWN */
	uint32_t disk_full; /* 1: a volume of it has no room left, in bytes or inodes */
	uint32_t reserved;
};

/* Both are what an installation of one version shares. When one of these fails: bump
 * LAUNCHER_PROTOCOL_VERSION and correct the number. */
_Static_assert(sizeof(struct launcher_header) == 56, "bump LAUNCHER_PROTOCOL_VERSION");

enum launcher_direction { LAUNCHER_UP, LAUNCHER_DOWN }; /* to the launcher, to the supervisor */

/* One row a message (launcher_protocol_table.c). */
struct launcher_message_row {
	uint16_t kind;
	const char *name;
	enum launcher_direction direction;
	uint32_t bytes; /* of the packet; with is_open of its fixed part */
	bool is_open;   /* more may follow: LAUNCH */
	bool names_run; /* run and token must name one; else run is 0 (DISCARD: token is empty) */
	unsigned may_pass;  /* LAUNCHER_PASS_*; which are there tells `passed` */
	unsigned must_pass; /* … or, in packets without that field, these */
	size_t passed_at;   /* offset of that field; 0: there is none */
	const char *help;
};
extern const struct launcher_message_row launcher_messages[];
extern const size_t launcher_message_count;

/* NULL when there is no such kind. */
const struct launcher_message_row *launcher_message_find(uint16_t kind);

/* Checks what every packet must hold: version, kind, direction, length, run, token, reserved bytes,
 * and that it came with exactly the descriptors that it says. BERTH_PROTOCOL names what is wrong.
 */
int launcher_packet_check(const void *packet, size_t length, size_t descriptor_count,
			  enum launcher_direction direction,
			  const struct launcher_message_row **ret_row, struct berth_error *err);

/* Sorts the descriptors of a checked packet by what they are; they stay the same descriptors. */
void launcher_packet_sort(const void *packet, const struct launcher_message_row *row,
			  const int *fds, struct launcher_descriptors *ret_descriptors);

/* The reverse: which LAUNCHER_PASS_* are there, and their descriptors in a packet's order. */
unsigned launcher_descriptors_list(const struct launcher_descriptors *descriptors,
				   int ret_fds[LAUNCHER_PASS_COUNT], size_t *ret_count);

/* All -1. */
void launcher_descriptors_init(struct launcher_descriptors *descriptors);
/* Closes what is there. */
void launcher_descriptors_close(struct launcher_descriptors *descriptors);

/* A header for this kind; token may be NULL. */
struct launcher_header launcher_header_make(uint16_t kind, size_t bytes, int64_t run,
					    const char *token);
