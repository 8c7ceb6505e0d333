/* SPDX-License-Identifier: Apache-2.0 */
/* Every way an attempt can end, with the outcome, exit code, reason and retry it must give. */
/* cmocka.h wants these before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "runner/run/outcome_table.h"

struct ending {
	const char *what;
	enum sandbox_end end;
	int code;
	unsigned hits;
	enum run_stop stop;
	enum run_fail_kind fail;
	enum run_outcome outcome;
	int exit_code;
	const char *reason;
	bool retry;
};

#define OOM  SANDBOX_HIT_MEMORY
#define DISK SANDBOX_HIT_DISK
/* clang-format off */
static const struct ending endings[] = {
	{"success", SANDBOX_EXITED, 0, 0, STOP_NONE, RUN_FAIL_NONE, OUTCOME_COMPLETED, 0, NULL, false},
	{"success in spite of a full disk", SANDBOX_EXITED, 0, DISK, STOP_NONE, RUN_FAIL_NONE, OUTCOME_COMPLETED, 0, NULL, false},
	{"own status", SANDBOX_EXITED, 3, 0, STOP_NONE, RUN_FAIL_NONE, OUTCOME_FAILED, 3, "exit_status", true},
	{"own status of a reserved number", SANDBOX_EXITED, 137, 0, STOP_NONE, RUN_FAIL_NONE, OUTCOME_FAILED, 137, "exit_status", true},
	{"own status after a full disk", SANDBOX_EXITED, 1, DISK, STOP_NONE, RUN_FAIL_NONE, OUTCOME_FAILED, 1, "disk", true},
	{"own status after a child's OOM", SANDBOX_EXITED, 1, OOM | DISK, STOP_NONE, RUN_FAIL_NONE, OUTCOME_FAILED, 1, "memory", true},
	{"tmpfs full", SANDBOX_EXITED, 1, SANDBOX_HIT_TMPFS, STOP_NONE, RUN_FAIL_NONE, OUTCOME_FAILED, 1, "tmpfs", true},
	{"fork refused", SANDBOX_EXITED, 1, SANDBOX_HIT_PIDS, STOP_NONE, RUN_FAIL_NONE, OUTCOME_FAILED, 1, "pids", true},
	{"75 without a word", SANDBOX_EXITED, 75, 0, STOP_NONE, RUN_FAIL_NONE, OUTCOME_RETRYABLE, 75, "retryable", true},
	{"65 without a word", SANDBOX_EXITED, 65, 0, STOP_NONE, RUN_FAIL_NONE, OUTCOME_PERMANENT, 65, "permanent", false},
	{"fail retryable", SANDBOX_EXITED, 1, 0, STOP_NONE, RUN_FAIL_RETRYABLE, OUTCOME_RETRYABLE, 75, "retryable", true},
	{"fail permanent", SANDBOX_EXITED, 1, 0, STOP_NONE, RUN_FAIL_PERMANENT, OUTCOME_PERMANENT, 65, "permanent", false},
	{"fail, then status 0", SANDBOX_EXITED, 0, 0, STOP_NONE, RUN_FAIL_PERMANENT, OUTCOME_PERMANENT, 65, "permanent", false},
	{"signal", SANDBOX_SIGNALED, SIGSEGV, 0, STOP_NONE, RUN_FAIL_NONE, OUTCOME_CRASHED, 139, "signal", true},
	{"signal after fail", SANDBOX_SIGNALED, SIGABRT, 0, STOP_NONE, RUN_FAIL_PERMANENT, OUTCOME_CRASHED, 134, "signal", true},
	{"SIGKILL without OOM", SANDBOX_SIGNALED, SIGKILL, 0, STOP_NONE, RUN_FAIL_NONE, OUTCOME_CRASHED, 137, "signal", true},
	{"OOM", SANDBOX_SIGNALED, SIGKILL, OOM, STOP_NONE, RUN_FAIL_NONE, OUTCOME_KILLED_MEMORY, 137, "memory", true},
	{"other signal after a child's OOM", SANDBOX_SIGNALED, SIGABRT, OOM, STOP_NONE, RUN_FAIL_NONE, OUTCOME_CRASHED, 134, "memory", true},
	{"fork bomb", SANDBOX_SIGNALED, SIGKILL, SANDBOX_HIT_PIDS, STOP_PIDS, RUN_FAIL_NONE, OUTCOME_KILLED_PIDS, 137, "pids", false},
	{"fork bomb that met OOM too", SANDBOX_SIGNALED, SIGKILL, OOM, STOP_PIDS, RUN_FAIL_NONE, OUTCOME_KILLED_PIDS, 137, "pids", false},
	{"disk", SANDBOX_SIGNALED, SIGKILL, DISK, STOP_DISK, RUN_FAIL_NONE, OUTCOME_KILLED_DISK, 137, "disk", false},
	{"log flood", SANDBOX_SIGNALED, SIGKILL, 0, STOP_LOG, RUN_FAIL_NONE, OUTCOME_KILLED_LOG, 137, "log", false},
	{"cancel, ends by the signal", SANDBOX_SIGNALED, SIGTERM, 0, STOP_CANCEL, RUN_FAIL_NONE, OUTCOME_CANCELLED, 143, "signal", false},
	{"cancel, saved a checkpoint", SANDBOX_EXITED, 75, 0, STOP_CANCEL, RUN_FAIL_NONE, OUTCOME_CANCELLED, 75, "signal", false},
	{"cancel, was done anyway", SANDBOX_EXITED, 0, 0, STOP_CANCEL, RUN_FAIL_NONE, OUTCOME_COMPLETED, 0, NULL, false},
	{"cancel, did not end", SANDBOX_SIGNALED, SIGKILL, 0, STOP_CANCEL_KILL, RUN_FAIL_NONE, OUTCOME_KILLED_CANCEL, 137, "killed", false},
	{"timeout, ends", SANDBOX_SIGNALED, SIGTERM, 0, STOP_TIMEOUT, RUN_FAIL_NONE, OUTCOME_TIMED_OUT, 124, "timeout", false},
	{"timeout, ends with 0", SANDBOX_EXITED, 0, 0, STOP_TIMEOUT, RUN_FAIL_NONE, OUTCOME_TIMED_OUT, 124, "timeout", false},
	{"timeout, killed", SANDBOX_SIGNALED, SIGKILL, 0, STOP_TIMEOUT_KILL, RUN_FAIL_NONE, OUTCOME_TIMED_OUT, 124, "timeout", false},
	{"no such program", SANDBOX_EXEC_FAILED, ENOENT, 0, STOP_NONE, RUN_FAIL_NONE, OUTCOME_NOT_FOUND, 127, "exec", false},
	{"not executable", SANDBOX_EXEC_FAILED, EACCES, 0, STOP_NONE, RUN_FAIL_NONE, OUTCOME_NOT_EXECUTABLE, 126, "exec", false},
	{"wrong format", SANDBOX_EXEC_FAILED, ENOEXEC, 0, STOP_NONE, RUN_FAIL_NONE, OUTCOME_NOT_EXECUTABLE, 126, "exec", false},
	{"launch failed", SANDBOX_NOT_STARTED, EPERM, 0, STOP_NONE, RUN_FAIL_NONE, OUTCOME_ERROR, 125, "launch", false},
	{"launch failed while cancelled", SANDBOX_NOT_STARTED, EPERM, 0, STOP_CANCEL, RUN_FAIL_NONE, OUTCOME_ERROR, 125, "launch", false},
};
/* clang-format on */

static struct sandbox_outcome make(const struct ending *ending)
{
	struct sandbox_outcome sandbox = {
		.end = ending->end, .code = ending->code, .hits = ending->hits};

	if (ending->end == SANDBOX_EXEC_FAILED || ending->end == SANDBOX_NOT_STARTED) {
		(void)berth_fail(&sandbox.error, BERTH_SYSTEM, ending->code, "the step");
		sandbox.code = 0;
	}
	return sandbox;
}

static void test_every_ending(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		const struct ending *ending = &endings[i];
		struct sandbox_outcome sandbox = make(ending);
		struct outcome_facts facts = {
			.sandbox = &sandbox, .stop = ending->stop, .fail = ending->fail};
		enum run_outcome outcome = outcome_decide(&facts);
		const char *reason = outcome_reason(outcome, &sandbox);

		if (outcome != ending->outcome)
			fail_msg("%s: outcome %s/%s", ending->what, outcome_rows[outcome].name,
				 outcome_rows[outcome].reason);
		if (outcome_exit_code(outcome, &sandbox) != ending->exit_code)
			fail_msg("%s: exit %d", ending->what, outcome_exit_code(outcome, &sandbox));
		if ((reason == NULL) != (ending->reason == NULL) ||
		    (reason && strcmp(reason, ending->reason) != 0))
			fail_msg("%s: reason %s", ending->what, reason);
		if (outcome_rows[outcome].retry != ending->retry)
			fail_msg("%s: retry", ending->what);
	}
}

static void test_every_row_has_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < OUTCOMES; i++) {
		assert_non_null(outcome_rows[i].name);
		assert_non_null(outcome_rows[i].sentence);
		assert_true(outcome_rows[i].exit_code >= -1 && outcome_rows[i].exit_code < 256);
	}
}

static void test_messages(void **state)
{
	struct sandbox_outcome sandbox = {.end = SANDBOX_SIGNALED, .code = SIGSEGV};
	char text[256], hits[64];

	(void)state;
	assert_string_equal(outcome_format_message(OUTCOME_CRASHED, &sandbox, text, sizeof(text)),
			    "crashed: died of signal 11 (Segmentation fault)");
	sandbox = (struct sandbox_outcome){
		.end = SANDBOX_EXITED, .code = 1, .hits = SANDBOX_HIT_DISK | SANDBOX_HIT_PIDS};
	assert_string_equal(outcome_format_message(OUTCOME_FAILED, &sandbox, text, sizeof(text)),
			    "failed: exit status 1; it had met its limit of disk, pids");
	sandbox = (struct sandbox_outcome){.end = SANDBOX_SIGNALED, .code = SIGKILL};
	assert_string_equal(
		outcome_format_message(OUTCOME_KILLED_LOG, &sandbox, text, sizeof(text)),
		"was killed: too much log output");
	assert_string_equal(outcome_format_message(OUTCOME_KILLED_LOG, &sandbox, text, 8),
			    "was kil");
	assert_string_equal(outcome_format_hits(0, hits), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_ending),
		cmocka_unit_test(test_every_row_has_words),
		cmocka_unit_test(test_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
