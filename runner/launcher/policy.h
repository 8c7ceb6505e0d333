/* SPDX-License-Identifier: Apache-2.0 */
/* What the operator allows, whatever the supervisor asks for: launcher.conf, lines of "key value".
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "runner/launcher/launch_spec.h"

#define POLICY_MOUNTS_MAX 64
#define POLICY_FILE_MAX   65536
#define POLICY_LINE_MAX   4096
#define POLICY_USER_MAX   32
#define POLICY_PATH_MAX   1024

/* Where the sources of binds may lie: beneath a directory, or one file. */
struct policy_mount {
	char *path;
	bool writable;
	bool may_be_missing; /* and may come while we run: what the host's packages bring */
	bool is_file;
	int fd; /* O_PATH: of the directory, or of the directory that holds the file; -1: missing */
};

struct policy {
	struct policy_mount mounts[POLICY_MOUNTS_MAX];
	size_t mount_count;
	bool mounts_given; /* the defaults are added, or not wanted */
	bool names_mounts; /* a line named some: the defaults are those it names */
	bool allows_host_network;
	uint64_t cpu_millis, memory_bytes, disk_bytes; /* 0: no bound */
	int64_t pids;                                  /* likewise */
	int64_t runs;
	char user[POLICY_USER_MAX + 1];
	char state[POLICY_PATH_MAX];
	uid_t uid; /* of the supervisor; set by whoever starts it */
};

/* One key of the file (policy_table.c). */
struct policy_row {
	const char *key;
	const char *value; /* its form, for people */
	int (*parse)(struct policy *policy, const char *value, struct berth_error *err);
	const char *help;
};
extern const struct policy_row policy_rows[];
extern const size_t policy_row_count;

/* Paths of the host that every sandbox may show: those of the image "host". */
extern const char *const policy_default_mounts[];
extern const size_t policy_default_mount_count;

/* No file yet: the defaults. */
void policy_init(struct policy *policy);
void policy_finish(struct policy *policy);

/* Lines of text; # begins a comment. BERTH_INVALID names the line and the key. */
int policy_parse(struct policy *policy, const char *text, struct berth_error *err);

/* Reads a file that belongs to root or to us, and that nobody else may write (BERTH_DENIED). */
int policy_read(struct policy *policy, const char *path, struct berth_error *err);

/* Adds a place, opened later. BERTH_LIMIT, BERTH_INVALID. */
int policy_add_mount(struct policy *policy, const char *path, bool writable,
		     struct berth_error *err);
int policy_add_default_mounts(struct policy *policy, struct berth_error *err);

/* Opens the places. One of the defaults may be missing, one that the operator names must not. */
int policy_open_mounts(struct policy *policy, struct berth_error *err);
/* Opens one, whose fd is the caller's. BERTH_NOT_FOUND. */
int policy_open_mount(struct policy_mount *mount, struct berth_error *err);

/* Everything but binds: BERTH_DENIED in words. */
int policy_check(const struct policy *policy, const struct launch_spec *spec,
		 struct berth_error *err);

enum { POLICY_SKIP = 1 }; /* the source is missing, and optional */
/* A descriptor of a bind's source, found beneath a place without leaving it (openat2(2)): what is
 * mounted is what was checked. What everybody may read loses SANDBOX_MOUNT_MAPPED: it needs none.
 * BERTH_DENIED, BERTH_NOT_FOUND. */
int policy_open_source(const struct policy *policy, struct sandbox_mount *mount, int *ret_fd,
		       struct berth_error *err);
