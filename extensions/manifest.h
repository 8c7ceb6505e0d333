/* SPDX-License-Identifier: Apache-2.0 */
/* Extensions by their manifest: what one needs, mounts, sets and which tasks it brings. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define EXTENSION_MANIFEST         "extension.json"
#define EXTENSION_MOUNT_PATH       "/opt/berth/extensions" /* in the sandbox: …/NAME */
#define EXTENSION_MANIFEST_MAX     (64 * 1024)             /* bytes */
#define EXTENSION_DESCRIPTION_MAX  (256 * 1024)            /* bytes of a <task id>.json */
#define EXTENSION_NAME_MAX         32                      /* [a-z0-9][a-z0-9-]* */
#define EXTENSION_TASK_ID_MAX      64 /* [a-z0-9][a-z0-9.-]* with at least one dot */
#define EXTENSIONS_MAX             64
#define EXTENSION_REQUIREMENTS_MAX 64
#define EXTENSION_MOUNTS_MAX       32
#define EXTENSION_ENVIRONMENT_MAX  32
#define EXTENSION_TASKS_MAX        64

/* Exactly one of library and program is set. */
struct extension_requirement {
	char *library; /* a shared object's name: "libavformat.so.59" */
	char *program; /* "ffmpeg" */
	char *package; /* the Debian package that brings it */
};

/* A read-only bind. */
struct extension_mount {
	char *source;
	char *target;
	bool optional; /* a missing source is skipped */
};

struct extension_task {
	char *id;            /* "video.transcode" */
	char *program;       /* a file name in the extension's directory */
	char *description;   /* one sentence */
	char *machine;       /* the preset it runs on when none is asked for; NULL: the default */
	bool disk;           /* needs disk volumes rather than memory for its files */
	uint64_t timeout_ms; /* 0: none of its own */
	int64_t attempts;    /* at least 1 */
};

struct extension {
	char *directory; /* of the host, absolute */
	char *name;
	char *description;
	struct extension_requirement *requirements;
	size_t requirement_count;
	struct extension_mount *mounts; /* the first is the directory itself */
	size_t mount_count;
	char **environment; /* NULL-terminated KEY=VALUE */
	size_t environment_count;
	struct extension_task *tasks;
	size_t task_count;
};

/* In name order. */
struct extension_list {
	struct extension *extensions;
	size_t count;
};

/* Loads directory/extension.json; its name must be the directory's. A bad manifest is
 * BERTH_INVALID with "path:line: field: why". */
int extension_load(const char *directory, struct extension *ret_extension, struct berth_error *err);
/* Accepts a zeroed one. */
void extension_finish(struct extension *extension);

/* Loads every directory of root that has a manifest. A root that does not exist is BERTH_NOT_FOUND;
 * a task id that two extensions claim is BERTH_INVALID. */
int extension_list_load(const char *root, struct extension_list *ret_list, struct berth_error *err);
void extension_list_finish(struct extension_list *list);

/* BERTH_NOT_FOUND names the known ones. The result belongs to the list. */
int extension_find(const struct extension_list *list, const char *name,
		   const struct extension **ret_extension, struct berth_error *err);
int extension_find_task(const struct extension_list *list, const char *id,
			const struct extension **ret_extension,
			const struct extension_task **ret_task, struct berth_error *err);

/* Looks for every requirement on this host; the first missing one fails with BERTH_UNSUPPORTED:
 * "extension ffmpeg needs libavformat.so.59: apt-get install libavformat59". */
int extension_check(const struct extension *extension, struct berth_error *err);

/* The text of --describe as the build wrote it next to the program (<task id>.json); a new
 * reference. BERTH_NOT_FOUND when there is none. */
int extension_read_task_description(const struct extension *extension,
				    const struct extension_task *task, json_t **ret_description,
				    struct berth_error *err);

/* The absolute path in the sandbox of a task's program; the caller frees it. NULL when out of
 * memory. */
char *extension_task_path(const struct extension *extension, const struct extension_task *task);
