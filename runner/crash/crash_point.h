/* SPDX-License-Identifier: Apache-2.0 */
/* Named places where a test has the process die by SIGKILL. They are built in by the option
 * BERTH_CRASH_POINTS and by nothing else: a release has neither their code nor their names. */
#pragma once

/* In the order in which a run meets them. */
enum crash_point {
	/* the store's thread */
	CRASH_COMMIT_BEFORE,
	CRASH_COMMIT_AFTER,
	/* the supervisor's loop: accepting, launching */
	CRASH_CALL_BEFORE_ANSWER,
	CRASH_CALL_AFTER_ANSWER,
	CRASH_LAUNCH_BEFORE_SEND,
	CRASH_LAUNCH_AFTER_SEND,
	CRASH_START_BEFORE_RECORD,
	CRASH_START_AFTER_RECORD,
	/* its connections to tasks */
	CRASH_CONNECTION_BEFORE_HOLD,
	CRASH_CONNECTION_AFTER_HOLD,
	CRASH_MESSAGE_BEFORE_HANDLING,
	CRASH_MESSAGE_BEFORE_CONSUME,
	CRASH_MESSAGE_ANNOUNCED,
	CRASH_MESSAGE_TAKEN,
	CRASH_MESSAGE_AFTER_CONSUME,
	CRASH_REPLY_BEFORE_SEND,
	CRASH_REPLY_AFTER_SEND,
	/* logs */
	CRASH_LOG_BEFORE_MOVE,
	CRASH_LOG_MOVED,
	CRASH_LOG_WORDS_WRITTEN,
	CRASH_LOG_AFTER_RECORD,
	CRASH_LOG_BEFORE_END,
	CRASH_LOG_AFTER_END,
	CRASH_SEAL_BEFORE,
	CRASH_SEAL_BEFORE_RENAME,
	CRASH_SEAL_AFTER_RENAME,
	CRASH_SEAL_AFTER,
	/* checkpoints and waits */
	CRASH_CHECKPOINT_BEFORE_SAVE,
	CRASH_CHECKPOINT_SAVED,
	CRASH_REQUEST_BEFORE_ANSWER, /* of any that the engine has committed */
	CRASH_WAIT_BEFORE_RECORD,
	CRASH_WAIT_RECORDED,
	CRASH_WAIT_BEFORE_LEDGER,
	CRASH_WAIT_AFTER_LEDGER,
	CRASH_RESUME_BEFORE_ANSWER,
	CRASH_RESUME_AFTER_ANSWER,
	/* ends, and taking over */
	CRASH_END_BEFORE_REPORT,
	CRASH_END_RECORDED,
	CRASH_END_BEFORE_RELEASE,
	CRASH_END_AFTER_RELEASE,
	CRASH_RECOVER_BEFORE,
	CRASH_RECOVER_AFTER,
	CRASH_ADOPT_BEFORE,
	CRASH_ADOPT_AFTER,
	/* the launcher */
	CRASH_LAUNCHER_BEFORE_LAUNCH,
	CRASH_LAUNCHER_VOLUMES_OPEN,
	CRASH_LAUNCHER_AFTER_LAUNCH,
	CRASH_LAUNCHER_BEFORE_STARTED,
	CRASH_LAUNCHER_AFTER_STARTED,
	CRASH_LAUNCHER_BEFORE_HOLD,
	CRASH_LAUNCHER_AFTER_HOLD,
	CRASH_LAUNCHER_BEFORE_FREEZE,
	CRASH_LAUNCHER_AFTER_FREEZE,
	CRASH_LAUNCHER_BEFORE_THAW,
	CRASH_LAUNCHER_AFTER_THAW,
	CRASH_LAUNCHER_BEFORE_ENDED,
	CRASH_LAUNCHER_AFTER_ENDED,
	CRASH_LAUNCHER_BEFORE_RELEASE,
	CRASH_LAUNCHER_AFTER_RELEASE,
	CRASH_LAUNCHER_BEFORE_RELOAD,
	CRASH_LAUNCHER_AFTER_RELOAD,
	CRASH_POINTS,
};

enum crash_process { CRASH_SUPERVISOR, CRASH_LAUNCHER };

struct crash_point_row {
	const char *name;
	enum crash_process process; /* whose death it is */
};

extern const struct crash_point_row crash_point_rows[CRASH_POINTS];

/* What a test shares with the programs: STATE/CRASH_POINTS_FILE, one cell a point, in its order. */
#define CRASH_POINTS_FILE "crash-points"

struct crash_point_cell {
	unsigned countdown; /* dies when it comes here that many times; 0: never */
	unsigned passed;    /* how often it came here */
	int victim;         /* the process that died here; 0: none */
};

#ifdef BERTH_CRASH_POINTS
/* From here on the points of the file in that directory hold; without the file there are none. */
void crash_points_attach(const char *state_directory);
void crash_point(enum crash_point point);
#else
#	define crash_points_attach(state_directory) ((void)(state_directory))
#	define crash_point(point)                   ((void)0)
#endif
