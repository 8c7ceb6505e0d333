/* SPDX-License-Identifier: Apache-2.0 */
/* Copies what a task left in /output to a directory of the host, trusting nothing of it: only
 * regular files and directories, no link is ever followed, modes are 0644 or 0755. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define COLLECTOR_DEPTH_MAX   64
#define COLLECTOR_REFUSED_MAX 32 /* named in the report; the rest is only counted */
#define COLLECTOR_PATH_SIZE   256

struct collector_limits {
	uint64_t bytes;   /* of all files together, holes included */
	uint64_t entries; /* files and directories */
};

struct collector_refused {
	char path[COLLECTOR_PATH_SIZE]; /* safe to print, cut when long */
	const char *why;
};

struct collector_report {
	uint64_t files, directories;
	uint64_t bytes; /* of the files as they appear, holes included */
	uint64_t refused_count;
	struct collector_refused refused[COLLECTOR_REFUSED_MAX];
};

/* Copies the content of the directory source into the directory target, which is made when its
 * parent exists. Every file appears under its name only when it is whole (rename(2)). Entries that
 * are refused are counted in *ret_report and do not fail the rest; failing to write the target
 * does. *ret_report tells what was copied in both cases. */
int collector_copy(int source, const char *target, const struct collector_limits *limits,
		   struct collector_report *ret_report, struct berth_error *err);

/* true when the directory has an entry. */
bool collector_has_entries(int source);
