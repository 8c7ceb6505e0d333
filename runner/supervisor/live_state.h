/* SPDX-License-Identifier: Apache-2.0 */
/* What the files about one living attempt share. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/identifier.h"
#include "base/number_index.h"
#include "runner/engine/engine_runs.h"
#include "runner/log/log_writer.h"
#include "runner/run/outcome_table.h"
#include "runner/run/task_channel.h"
#include "runner/supervisor/live.h"

enum { LIVE_STDOUT, LIVE_STDERR, LIVE_STREAMS };

/* One pipe, on its way into the log. */
struct live_stream {
	struct live *live;
	int fd; /* -1: it has ended */
	struct loop_source *source;
};

struct live {
	const struct live_services *services;
	struct live_table *table;
	struct number_link link; /* in the table, by run_id */
	int64_t run_id;
	char id[IDENTIFIER_NUMBER_SIZE];
	char token[ENGINE_TOKEN_SIZE];
	struct engine_launch launch; /* run_id 0: adopted, not read yet */
	struct run_template *template;
	struct string_list inputs; /* owned: paths in the sandbox */
	struct log_writer *log;
	struct live_stream streams[LIVE_STREAMS];
	struct task_channel *channel;
	int channel_listener; /* adopted, until the launch was read; -1 */
	struct live_connection *adopted;
	struct live_wait *wait_list;
	struct loop_source *deadline, *grace, *freeze, *space; /* NULL: never armed */
	uint64_t deadline_ns;                                  /* 0: not running */
	uint64_t active_left_ns;                               /* of max_duration while it waits */
	enum run_stop stop;
	bool is_adopted;
	bool is_settled; /* the engine has said what an adopted one is */
	bool is_started, has_ended, is_reported, is_frozen, is_released;
	unsigned waits; /* requests that wait */
	unsigned jobs;  /* of the engine that name this */
	unsigned full_samples;
	struct sandbox_outcome outcome;
	struct sandbox_protection_state protections[SANDBOX_PROTECTIONS];
	struct sandbox_usage usage; /* as last sampled */
	uint64_t sampled_ns;        /* CLOCK_BOOTTIME; 0: never */
	uint64_t waited_cpu_ns;     /* CPU time when it began to wait, or was looked at last */
};

/* A connection that an earlier supervisor had accepted. */
struct live_connection {
	struct live_connection *next;
	uint64_t number;
	int fd;
};

struct launcher_run live_name(const struct live *live);

/* live.c: after a job that named it: reports its end, or goes when that is recorded. */
void live_go_on(struct live *live);

/* live_streams.c */
int live_open_log(struct live *live, struct berth_error *err);
/* Watches the reading ends, which it takes over; the task's ends are the caller's to pass and
 * close. */
int live_make_pipes(struct live *live, struct launcher_descriptors *ret_fds,
		    struct berth_error *err);
int live_watch_stream(struct live *live, int stream, struct berth_error *err);
int live_pause_streams(struct live *live, bool is_paused, struct berth_error *err);
/* The disk has no room for a log: tries again in a second. */
int live_wait_for_space(struct live *live, struct berth_error *err);
/* All that the pipes still hold; the processes that could write to them are gone. Then ends the
 * log: 0 or LOG_WRITER_NO_SPACE. */
int live_drain_streams(struct live *live, struct berth_error *err);
void live_close_streams(struct live *live);
/* berth's own words in the run's log. */
void live_say(struct live *live, enum protocol_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* live_channel.c */
int live_open_channel(struct live *live, int *listener, struct berth_error *err);

/* live_files.c: once the launch and the template are there; names are the same every time. */
int live_name_inputs(struct live *live, struct berth_error *err);
bool live_has_output(const struct live *live);
/* The template's mounts and the run's own; points into both. */
struct live_mounts {
	struct sandbox_mount mounts[SANDBOX_MOUNTS_MAX];
	size_t count;
	char output[RUN_PATH_MAX + 2];
};
int live_mounts_init(const struct live *live, struct live_mounts *ret_mounts,
		     struct berth_error *err);

/* live_info.c: lasts as long as the names and the launch. */
struct live_info {
	struct task_channel_info info;
	char parent[IDENTIFIER_NUMBER_SIZE], root[IDENTIFIER_NUMBER_SIZE],
		batch[IDENTIFIER_NUMBER_SIZE];
};
void live_info_init(const struct live *live, struct live_info *ret_info);

/* live_pace.c: time and pace. */
int live_start_clock(struct live *live, uint64_t left_ms, struct berth_error *err);
/* Its waits changed. */
int live_pace(struct live *live, struct berth_error *err);
int live_stop_now(struct live *live, enum run_stop stop, struct berth_error *err);

/* live_end.c: tells the engine when everything that the task said is noted; then has the launcher
 * forget it. */
int live_report_end(struct live *live, struct berth_error *err);
/* berth could not even launch it. */
int live_report_failure(struct live *live, const struct berth_error *why, struct berth_error *err);
