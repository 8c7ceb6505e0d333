/* SPDX-License-Identifier: Apache-2.0 */
/* One row a message between launcher and supervisor. */
#include "runner/launcher/launcher_protocol.h"

#define PIPES     (LAUNCHER_PASS_STDOUT | LAUNCHER_PASS_STDERR)
#define TASK_ENDS (LAUNCHER_PASS_STDIN | LAUNCHER_PASS_STDOUT_TASK | LAUNCHER_PASS_STDERR_TASK)
#define VIEWS     (LAUNCHER_PASS_VIEW_1 | LAUNCHER_PASS_VIEW_2)
#define INSIDE    (LAUNCHER_PASS_CHANNEL | VIEWS)

/* clang-format off */
#define PLAIN(number, text, way, names, words)                                                     \
	{.kind = (number), .name = (text), .direction = (way), .names_run = (names),               \
	 .bytes = sizeof(struct launcher_plain), .help = (words)}

const struct launcher_message_row launcher_messages[] = {
	PLAIN(LAUNCHER_READY,    "ready",    LAUNCHER_UP, false, "the supervisor listens"),
	{.kind = LAUNCHER_LAUNCH, .name = "launch", .direction = LAUNCHER_UP, .names_run = true,
	 .bytes = sizeof(struct launcher_launch), .is_open = true,
	 .may_pass = TASK_ENDS | PIPES | LAUNCHER_PASS_SPEC,
	 .passed_at = offsetof(struct launcher_launch, passed), .help = "start a run"},
	{.kind = LAUNCHER_SIGNAL, .name = "signal", .direction = LAUNCHER_UP, .names_run = true,
	 .bytes = sizeof(struct launcher_signal), .help = "signal the task"},
	PLAIN(LAUNCHER_KILL,     "kill",     LAUNCHER_UP, true,  "kill every process of the run"),
	PLAIN(LAUNCHER_FREEZE,   "freeze",   LAUNCHER_UP, true,  "stop every process of the run"),
	PLAIN(LAUNCHER_THAW,     "thaw",     LAUNCHER_UP, true,  "let them go on"),
	PLAIN(LAUNCHER_RECLAIM,  "reclaim",  LAUNCHER_UP, true,  "move a frozen run's memory to swap"),
	{.kind = LAUNCHER_USAGE, .name = "usage", .direction = LAUNCHER_UP, .names_run = true,
	 .bytes = sizeof(struct launcher_usage), .help = "what the run uses and has used"},
	{.kind = LAUNCHER_HOLD, .name = "hold", .direction = LAUNCHER_UP, .names_run = true,
	 .bytes = sizeof(struct launcher_hold), .may_pass = LAUNCHER_PASS_CONNECTION,
	 .must_pass = LAUNCHER_PASS_CONNECTION, .help = "keep a copy of a connection"},
	{.kind = LAUNCHER_UNHOLD, .name = "unhold", .direction = LAUNCHER_UP, .names_run = true,
	 .bytes = sizeof(struct launcher_hold), .help = "close that copy"},
	PLAIN(LAUNCHER_RELEASE,  "release",  LAUNCHER_UP, true,  "forget an ended run"),
	PLAIN(LAUNCHER_DISCARD,  "discard",  LAUNCHER_UP, false, "delete a run's checkpoint volume"),
	PLAIN(LAUNCHER_RELOAD,   "reload",   LAUNCHER_UP, false, "execute the programs on disk"),
	PLAIN(LAUNCHER_DRAINED,  "drained",  LAUNCHER_UP, false, "nothing is worth waiting for"),
	PLAIN(LAUNCHER_PONG,     "pong",     LAUNCHER_UP, false, "the supervisor is alive"),

	{.kind = LAUNCHER_HELLO, .name = "hello", .direction = LAUNCHER_DOWN,
	 .bytes = sizeof(struct launcher_hello), .help = "what this host gives"},
	{.kind = LAUNCHER_TABLE_RUN, .name = "table_run", .direction = LAUNCHER_DOWN, .names_run = true,
	 .bytes = sizeof(struct launcher_table_run), .may_pass = PIPES | INSIDE,
	 .passed_at = offsetof(struct launcher_table_run, passed), .help = "a run there already is"},
	{.kind = LAUNCHER_TABLE_HOLD, .name = "table_hold", .direction = LAUNCHER_DOWN, .names_run = true,
	 .bytes = sizeof(struct launcher_hold), .may_pass = LAUNCHER_PASS_CONNECTION,
	 .must_pass = LAUNCHER_PASS_CONNECTION, .help = "a connection of it"},
	{.kind = LAUNCHER_TABLE_END, .name = "table_end", .direction = LAUNCHER_DOWN,
	 .bytes = sizeof(struct launcher_table_end), .help = "that was all"},
	{.kind = LAUNCHER_STARTED, .name = "started", .direction = LAUNCHER_DOWN, .names_run = true,
	 .bytes = sizeof(struct launcher_started), .may_pass = INSIDE,
	 .passed_at = offsetof(struct launcher_started, passed), .help = "the task executes"},
	{.kind = LAUNCHER_ENDED, .name = "ended", .direction = LAUNCHER_DOWN, .names_run = true,
	 .bytes = sizeof(struct launcher_ended), .help = "how the run ended, and its usage"},
	{.kind = LAUNCHER_REFUSED, .name = "refused", .direction = LAUNCHER_DOWN,
	 .bytes = sizeof(struct launcher_refused), .help = "why a request was not done"},
	PLAIN(LAUNCHER_FROZEN,    "frozen",   LAUNCHER_DOWN, true,  "every process of the run stands still"),
	PLAIN(LAUNCHER_THAWED,    "thawed",   LAUNCHER_DOWN, true,  "they go on"),
	{.kind = LAUNCHER_RECLAIMED, .name = "reclaimed", .direction = LAUNCHER_DOWN, .names_run = true,
	 .bytes = sizeof(struct launcher_reclaimed), .help = "memory before and after"},
	{.kind = LAUNCHER_USED, .name = "used", .direction = LAUNCHER_DOWN, .names_run = true,
	 .bytes = sizeof(struct launcher_used), .help = "the answer to usage"},
	PLAIN(LAUNCHER_RELOADING, "reloading", LAUNCHER_DOWN, false, "end, another one takes over"),
	PLAIN(LAUNCHER_SHUTDOWN,  "shutdown",  LAUNCHER_DOWN, false, "drain"),
	PLAIN(LAUNCHER_PING,      "ping",      LAUNCHER_DOWN, false, "answer with pong"),
};
/* clang-format on */

const size_t launcher_message_count = sizeof(launcher_messages) / sizeof(launcher_messages[0]);
