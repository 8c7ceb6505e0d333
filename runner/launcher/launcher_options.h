/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of berth-launcher: rows, parsing, help. */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define LAUNCHER_PLACES_MAX 2

struct launcher_options {
	const char *config;     /* launcher.conf; NULL: defaults */
	const char *state;      /* over the file's; NULL: that, or none */
	const char *user;       /* likewise */
	const char *supervisor; /* the program; NULL: berth-supervisor beside this one */
	const char *runtime;    /* of the id locks; NULL: the library's */
	const char *cgroup;     /* driver; NULL: auto */
	int64_t pool;
	int64_t drain_seconds;
	int64_t resume_fd; /* -1: a fresh start */
	const char *check; /* a version: only say whether ours is the same */
	bool help, version;
	char *const *arguments; /* of the supervisor, NULL-terminated */
	char *const *all;       /* our own, from argv[0]: for the next exec */
	char program[PATH_MAX]; /* this one, as it is on disk */
	char beside[PATH_MAX];  /* where supervisor points when it was not given */
	char places[LAUNCHER_PLACES_MAX][PATH_MAX]; /* of the installation, to be mounted; or empty
						     */
};

/* One option (launcher_options_table.c); an option of a number has bounds, one without a value
 * neither. */
struct launcher_option_row {
	const char *name, *value, *help;
	int (*set)(struct launcher_options *options, const char *value, struct berth_error *err);
	bool is_internal; /* not in --help */
};
extern const struct launcher_option_row launcher_option_rows[];
extern const size_t launcher_option_row_count;

/* argv must outlive the options. */
int launcher_options_parse(int count, char *const *argv, struct launcher_options *ret_options,
			   struct berth_error *err);

/* Finds program, beside and places from /proc/self/exe: in a build tree or installed. */
int launcher_options_find_places(struct launcher_options *options, struct berth_error *err);
