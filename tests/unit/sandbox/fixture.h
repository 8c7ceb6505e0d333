/* SPDX-License-Identifier: Apache-2.0 */
/* Launching from a test: a host with a state directory of its own, a root made of the host's /usr
 * and the helper program, and a loop that runs a sandbox to its end. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "sandbox/sandbox.h"
#include "sandbox/volume.h"

#define FIXTURE_MOUNTS    32
#define FIXTURE_OUTPUT    8192
#define FIXTURE_ARGUMENTS 8
#define FIXTURE_SKIPPED   77
#define FIXTURE_PATH      256
#define INSIDE            "/inside"

/* A directory of the test's own, with a copy of the helper that every uid can execute. */
struct fixture {
	char path[64];
	char state[FIXTURE_PATH];
	char inside[FIXTURE_PATH];
};

/* Returns -1 when it cannot be made. program: the helper's executable. */
int fixture_set_up(struct fixture *fixture, const char *program);
int fixture_tear_down(struct fixture *fixture);
/* "<path>/<name>" in a buffer of the caller. */
const char *fixture_path(const struct fixture *fixture, const char *name, char path[FIXTURE_PATH]);

/* A host with this cgroup driver and pool; fails the test when it cannot be opened. */
struct sandbox_host *fixture_open_host(struct fixture *fixture, const char *driver, unsigned pool);

/* One run: what goes in and what came out. */
struct fixture_run {
	struct sandbox_spec spec;
	struct sandbox_mount mounts[FIXTURE_MOUNTS];
	struct sandbox_volume_mount volumes[SANDBOX_VOLUMES_MAX];
	const char *arguments[FIXTURE_ARGUMENTS];
	/* called at each turn of the loop until it ends */
	void (*on_turn)(struct sandbox *sandbox, struct fixture_run *run);
	bool started;
	int channel_fd; /* taken when it started; closed in the end */
	int turns;
	void *extra; /* of on_turn */

	struct sandbox_outcome outcome;
	struct sandbox_protection_state protections[SANDBOX_PROTECTIONS];
	struct berth_error error; /* of a launch or a dispatch that failed */
	char output[FIXTURE_OUTPUT];
	size_t output_length;
};

/* The helper's verb (and its argument, or NULL), or any command. */
void fixture_prepare(struct fixture_run *run, const struct fixture *fixture);
void fixture_set_verb(struct fixture_run *run, const char *verb, const char *argument);
void fixture_set_shell(struct fixture_run *run, const char *script);
void fixture_add_mount(struct fixture_run *run, struct sandbox_mount mount);
void fixture_add_volume(struct fixture_run *run, struct sandbox_volume *volume, const char *target);

/* Launches, collects stdout and stderr, waits for the end, destroys. Returns what sandbox_launch or
 * sandbox_dispatch returned when they failed. */
int fixture_run(struct sandbox_host *host, struct fixture_run *run);

/* fixture_run, and fails the test unless the run exited with this code. */
void fixture_expect_exit(struct sandbox_host *host, struct fixture_run *run, int code);

/* Fails the test unless the run could not be started and its error says so. */
void fixture_expect_not_started(struct sandbox_host *host, struct fixture_run *run,
				const char *says);
