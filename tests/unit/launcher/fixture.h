/* SPDX-License-Identifier: Apache-2.0 */
/* A real launcher under test, with the test as its supervisor. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "runner/launcher/launcher_client.h"
#include "tests/helpers/scratch.h"
#include "tests/unit/launcher/relay.h"

#define FIXTURE_RUNS    256
#define FIXTURE_OUTPUT  4096
#define FIXTURE_PATH    256
#define FIXTURE_SKIPPED 77
#define FIXTURE_INSIDE  "/inside"
#define FIXTURE_MOUNTS  16

/* What was told of run number index + 1. */
struct fixture_run {
	bool launched, started, ended, refused, in_table, frozen, thawed, reclaimed, used;
	struct sandbox_outcome outcome;
	struct berth_error error;
	struct launcher_used usage;
	uint32_t table_state, hold_count;
	int stdout_fd, channel_fd, view_fd, hold_fd;
	uint64_t launch_ns, started_ns, ended_ns;
	char output[FIXTURE_OUTPUT];
};

struct fixture {
	char path[SCRATCH_SIZE];
	char program[FIXTURE_PATH], relay[FIXTURE_PATH], inside[FIXTURE_PATH];
	char control[FIXTURE_PATH], config[FIXTURE_PATH], state[FIXTURE_PATH];
	char runtime[FIXTURE_PATH];
	int listen_fd;
	pid_t launcher;
	struct loop *loop;
	struct loop_source *deadline;
	struct launcher_client *client;
	int relay_fd, packet_fd; /* packet_fd: a second descriptor of the client's socket */
	struct relay_report report;
	struct launcher_hello hello;
	struct fixture_run runs[FIXTURE_RUNS];
	bool greeted, table_told, reloading, shut_down, gone, timed_out;
	unsigned table_count, refusals, relays;
	struct berth_error last_refusal;
	bool (*wanted)(const struct fixture *fixture);
	size_t wanted_count;
};

/* program: berth-launcher; relay: the stand-in; inside: what runs in the sandbox. */
int fixture_set_up(struct fixture *fixture, const char *program, const char *relay,
		   const char *inside);
int fixture_tear_down(struct fixture *fixture);

/* Starts a launcher whose launcher.conf has these lines besides its own; waits for its table. */
void fixture_start(struct fixture *fixture, const char *lines);
/* SIGTERM, drained, and everything must be gone. */
void fixture_stop(struct fixture *fixture);
/* Takes the next supervisor's place and waits for the table. */
void fixture_take_over(struct fixture *fixture);
/* Lets go of the launcher as a supervisor that ends does; with a signal, as one that is killed. */
void fixture_let_go(struct fixture *fixture, int signal);

/* Runs the loop until wanted is true; fails the test at the deadline. */
void fixture_wait(struct fixture *fixture, bool (*wanted)(const struct fixture *fixture),
		  size_t count, const char *what);

/* A spec of its own: the host's /usr and the helper; sh -c script. */
struct fixture_spec {
	struct launch_spec spec;
	struct sandbox_mount mounts[FIXTURE_MOUNTS];
	const char *arguments[8];
};
void fixture_prepare(struct fixture *fixture, struct fixture_spec *spec, const char *script);
/* Launches it as run number; its stdout comes to runs[number - 1]. */
void fixture_launch(struct fixture *fixture, int64_t number, const struct launch_spec *spec);
struct launcher_run fixture_name(int64_t number);
struct fixture_run *fixture_at(struct fixture *fixture, int64_t number);
/* Everything that the run wrote. */
const char *fixture_output(struct fixture *fixture, int64_t number);
void fixture_forget_runs(struct fixture *fixture);

/* Predicates. count: fixture.wanted_count. */
bool fixture_all_started(const struct fixture *fixture); /* of the first count runs */
bool fixture_all_ended(const struct fixture *fixture);
bool fixture_has_refusals(const struct fixture *fixture);
bool fixture_is_gone(const struct fixture *fixture);
bool fixture_is_reloading(const struct fixture *fixture);
