/* SPDX-License-Identifier: Apache-2.0 */
/* One extension by its manifest: what it needs, mounts, sets and which tasks it brings. */
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
#define EXTENSION_TASK_ID_MAX      64 /* [a-z0-9][a-z0-9.-]* with a dot inside */
#define EXTENSION_REQUIREMENTS_MAX 64
#define EXTENSION_MOUNTS_MAX       32
#define EXTENSION_ENVIRONMENT_MAX  32
#define EXTENSION_TASKS_MAX        64

/* Exactly one of library and program is set; both are plain file names. */
struct extension_requirement {
	char *library; /* a shared object: "libavformat.so.59" */
	char *program; /* "ffmpeg" */
	char *package; /* the Debian package that brings it */
};

/* A read-only bind of absolute paths. */
struct extension_mount {
	char *source;
	char *target;
	bool optional; /* a missing source is skipped */
};

struct extension_task {
	char *id;            /* "video.transcode" */
	char *program;       /* a file name in the extension's directory */
	char *description;   /* one sentence */
	char *machine;       /* the preset when none is asked for; NULL: the default one */
	bool disk;           /* its files need disk volumes rather than memory */
	uint64_t timeout_ms; /* 0: none of its own */
	int64_t attempts;    /* at least 1 */
};

struct extension {
	char *directory; /* on the host, absolute */
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

/* Loads directory/extension.json, whose name must be the directory's. BERTH_NOT_FOUND without
 * one; a bad manifest is BERTH_INVALID with "path:line: field: why". */
int extension_load(const char *directory, struct extension *ret_extension, struct berth_error *err);

/* The same from a manifest's text, NUL-terminated past length. */
int extension_parse(const char *text, size_t length, const char *directory,
		    struct extension *ret_extension, struct berth_error *err);

/* Accepts a zeroed one. */
void extension_finish(struct extension *extension);

/* The absolute path in the sandbox of a task's program; the caller frees it. NULL when out of
 * memory. */
char *extension_task_path(const struct extension *extension, const struct extension_task *task);

/* What the task's program says with --describe, as the build wrote it next to it (<task id>.json);
 * a new reference. BERTH_NOT_FOUND when there is none. */
int extension_read_task_description(const struct extension *extension,
				    const struct extension_task *task, json_t **ret_description,
				    struct berth_error *err);
