/* SPDX-License-Identifier: Apache-2.0 */
/* What one escape attempt is: a row with its history, the attempt and the refusals berth promises.
 *
 * Every attempt is written so that success does no damage: the arguments pass the permission check
 * and then fail, a file is opened but never written, what was made in a private place is undone. */
#pragma once

#include <stddef.h>

/* Results of an attempt. Positive: the errno it was refused with. */
enum {
	PROBE_LEAK = 0,     /* it worked */
	PROBE_HELD = -1,    /* an inspection that found nothing */
	PROBE_SKIPPED = -2, /* cannot be tried without a fact of the host (--host) */
	PROBE_CRASHED = -3, /* the attempt died or hung */
};

#define PROBE_ERRNOS    6
#define PROBE_ARGUMENTS 5

struct probe_row {
	const char *name;
	const char *protection; /* the row of sandbox/protection.h that has to hold; or "control" */
	const char *history;    /* CVE or the sandbox that got it wrong; NULL: none */
	const char *tries;      /* one clause */
	int (*attempt)(const struct probe_row *row);
	int expected[PROBE_ERRNOS]; /* any of these is right; ended by 0 */

	/* For the attempts of probe_attempt.c. */
	const char *path;
	long number; /* system call */
	unsigned long arguments[PROBE_ARGUMENTS];
	int passed; /* errno that means: the permission check was passed */
};

struct probe_group {
	const char *name;
	const struct probe_row *rows;
	size_t count;
};

#define PROBE_GROUP(text, table)                                                                   \
	{                                                                                          \
		.name = (text), .rows = (table), .count = sizeof(table) / sizeof((table)[0])       \
	}

/* A row of one line: the attempt, the path it takes (NULL: none), the refusals that are right. */
#define PROBE_TRY(text, claim, why, what, function, where, ...)                                    \
	{                                                                                          \
		.name = (text), .protection = (claim), .history = (why), .tries = (what),          \
		.attempt = (function), .path = (where), .expected = {                              \
			__VA_ARGS__                                                                \
		}                                                                                  \
	}

/* Likewise for a bare system call; `wrong` is the errno that means it was permitted. */
#define PROBE_CALL(text, claim, why, what, nr, wrong, answer, ...)                                 \
	{                                                                                          \
		.name = (text), .protection = (claim), .history = (why), .tries = (what),          \
		.attempt = probe_attempt_syscall, .number = (nr), .passed = (wrong),               \
		.expected = {answer}, .arguments = {                                               \
			__VA_ARGS__                                                                \
		}                                                                                  \
	}

extern const struct probe_group *const probe_groups[];
extern const size_t probe_group_count;

extern const struct probe_group probe_namespaces;
extern const struct probe_group probe_mounts;
extern const struct probe_group probe_files;
extern const struct probe_group probe_proc;
extern const struct probe_group probe_devices;
extern const struct probe_group probe_syscalls;
extern const struct probe_group probe_entries;
extern const struct probe_group probe_network;
extern const struct probe_group probe_processes;
extern const struct probe_group probe_credentials;
extern const struct probe_group probe_resources;
extern const struct probe_group probe_descriptors;
extern const struct probe_group probe_controls;

/* A fact of the host given as --host KEY=VALUE; NULL when it was not given. */
const char *probe_host(const char *key);
long probe_host_number(const char *key); /* -1 when it was not given */

/* Says in words what was found; the last one wins. */
void probe_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* row->number with row->arguments; row->passed counts as success. Descriptors are closed. */
int probe_attempt_syscall(const struct probe_row *row);
/* open(row->path) for reading, one byte read; for writing, nothing written. */
int probe_attempt_read(const struct probe_row *row);
int probe_attempt_write(const struct probe_row *row);
/* Makes a file in the directory row->path and removes it. */
int probe_attempt_create(const struct probe_row *row);
/* opendir(row->path): an empty directory counts as refused with ENOENT. */
int probe_attempt_list(const struct probe_row *row);

/* The value of "NAME:\t…" in /proc/self/status; NULL when there is none. Static storage. */
const char *probe_status(const char *name);
