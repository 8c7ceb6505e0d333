/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the built image-variants by hand, as its SDK allows, and keeps what it said. */
#pragma once

#include <jansson.h>
#include <stdint.h>

struct image_run {
	const char *payload;   /* JSON text; NULL: none */
	uint64_t memory_bytes; /* 0: not limited */
	unsigned cancel_ms;    /* SIGTERM after so many milliseconds; 0: never */
	/* set by image_run(): */
	int exit_status; /* 128 + N when signal N ended it */
	json_t *output;  /* what it told, or NULL */
	char failure[64];
	char message[512];
	unsigned warnings, progress;
	double last_percent;
	unsigned wall_ms;
};

/* A scratch directory for the whole test program, removed at its end. Never NULL. */
const char *image_directory(void);
/* "<directory>/name", valid until the eighth call after this one. */
const char *image_path(const char *name);

/* input is a path; the files come to image_path("out"), which is emptied first. */
void image_run(struct image_run *run, const char *input);
void image_run_finish(struct image_run *run);

/* Files in "out", the hidden ones included. */
unsigned image_output_count(void);

/* cmocka's group set-up and tear-down: starts libvips, removes the scratch directory. */
int image_group_setup(void **state);
int image_group_teardown(void **state);
