/* SPDX-License-Identifier: Apache-2.0 */
/* Everything about a run that is known before its first attempt: what is executed, on which
 * machine, with which root, environment and volumes. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/identifier.h"
#include "base/limits.h"
#include "extensions/catalog.h"
#include "images/image.h"
#include "machines/machine.h"
#include "runner/run/installation.h"
#include "runner/run/run_options.h"
#include "sandbox/sandbox.h"

#define RUN_WORK_PATH       "/work"
#define RUN_INPUT_PATH      "/input"
#define RUN_OUTPUT_PATH     "/output"
#define RUN_CHECKPOINT_PATH "/checkpoint"
#define RUN_PROGRAMS_PATH   "/opt/berth/bin"

/* Where the files of one of the run's volumes live. */
enum run_volume { RUN_VOLUME_NONE, RUN_VOLUME_MEMORY, RUN_VOLUME_DISK };

struct run_plan {
	const struct run_options *options; /* outlives the plan */
	char id[IDENTIFIER_SIZE];
	char label[RUN_NAME_MAX + 1]; /* for people, safe to print */
	const char *machine;          /* its name */
	struct resource_limits limits;
	const struct extension_task *task; /* NULL: a command */
	char *payload;                     /* JSON text, owned; NULL: none */
	struct string_list arguments;      /* borrowed */
	struct string_list environment;    /* owned; the attempt adds BERTH_ATTEMPT */
	struct string_list inputs;         /* owned: paths in the sandbox */
	struct sandbox_mount mounts[SANDBOX_MOUNTS_MAX];
	size_t mount_count;
	enum run_volume work, output, checkpoint; /* the last is never in memory */
	uint64_t timeout_ms;                      /* of one attempt; 0: none */
	unsigned attempts;
	/* what the rest points into */
	struct machine_list machines;
	struct extension_list extensions;
	struct image image;
	struct string_list strings;
};

/* Resolves and checks what the options ask for; starts nothing, makes no file. BERTH_INVALID,
 * BERTH_NOT_FOUND, BERTH_LIMIT (does not fit the host) or BERTH_UNSUPPORTED (an extension lacks
 * something). On failure *ret_plan holds what was known by then and must be destroyed, too; it is
 * NULL only when there is no memory. */
int run_plan_create(const struct run_options *options, const struct installation *installation,
		    struct run_plan **ret_plan, struct berth_error *err);
/* Accepts NULL. */
void run_plan_destroy(struct run_plan *plan);
