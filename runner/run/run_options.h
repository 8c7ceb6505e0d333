/* SPDX-License-Identifier: Apache-2.0 */
/* What the user asked of one run, as the option rows of `berth run` leave it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "runner/run/limit_overrides.h"
#include "runner/run/string_list.h"

#define RUN_ATTEMPTS_MAX 100
#define RUN_NAME_MAX     64

struct run_options {
	char *machine;                  /* NULL: the task's, or the default */
	struct string_list extensions;  /* names */
	char *image;                    /* name */
	int network;                    /* enum sandbox_network */
	struct string_list mounts;      /* SRC:DST[:ro|rw] */
	struct string_list environment; /* K=V, or K for the caller's own value */
	char *cwd;                      /* in the sandbox; NULL: /work */
	uint64_t timeout_ms;            /* 0: the task's, or none */
	uint64_t grace_ms;
	int64_t attempts; /* 0: the task's, or 1 */
	char *checkpoint; /* directory; NULL: for this run only */
	char *result;     /* file; NULL: none */
	int log_format;   /* enum log_format */
	char *name;       /* for people; NULL: the task's or the command's */
	char *payload;    /* JSON, @FILE or -; NULL: null */
	struct string_list inputs;
	char *output; /* directory; NULL: none */
	bool quiet, verbose;
	bool checkpoint_files; /* a command whose attempts are somebody else's business has some */
	struct limit_overrides limits;
	/* not options */
	const char *task;     /* id; NULL: a command */
	char *const *command; /* NULL-terminated; NULL: a task */
};
