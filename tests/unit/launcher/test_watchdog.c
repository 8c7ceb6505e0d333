/* SPDX-License-Identifier: Apache-2.0 */
/* When systemd is answered, when the supervisor is asked, and when it is killed: from tick to tick.
 * That a killed one is replaced while its runs go on is tried by serve_systemd. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "runner/launcher/launcher.h"

struct row {
	const char *what;
	enum launcher_phase phase;
	bool is_ready, pong_missing, is_condemned;             /* before the tick */
	bool hears, is_asked, pong_missing_after, kills_after; /* what it does */
};

/* clang-format off */
static const struct row rows[] = {
	{"it has not begun to listen",   LAUNCHER_SERVING,         false, false, false, true,  false, false, false},
	{"it listens",                   LAUNCHER_SERVING,         true,  false, false, true,  true,  true,  false},
	{"it owes an answer",            LAUNCHER_SERVING,         true,  true,  false, true,  false, false, true },
	{"it was killed and is there",   LAUNCHER_SERVING,         true,  false, true,  false, false, false, true },
	{"a reload has its own bound",   LAUNCHER_RELOADING_PHASE, true,  true,  false, true,  false, true,  false},
	{"so has the end",               LAUNCHER_DRAINING,        true,  false, false, true,  false, false, false},
};
/* clang-format on */

static int nothing(void *owner, struct berth_error *err)
{
	(void)owner;
	(void)err;
	return 0;
}

static bool hears_alive(int fd)
{
	char text[64] = "";

	return recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT) > 0 && strstr(text, "WATCHDOG=1");
}

static void try_row(struct launcher *launcher, int fd, const struct row *row)
{
	launcher->phase = row->phase;
	launcher->is_ready = row->is_ready;
	launcher->pong_missing = row->pong_missing;
	launcher->is_condemned = row->is_condemned;
	launcher->outbox.notices = 0;
	assert_int_equal(watchdog_tick(launcher, NULL), 0);
	if (hears_alive(fd) != row->hears ||
	    ((launcher->outbox.notices & NOTICE_PING) != 0) != row->is_asked ||
	    launcher->pong_missing != row->pong_missing_after ||
	    launcher->is_condemned != row->kills_after)
		fail_msg("%s: notices %u, pong missing %d, condemned %d", row->what,
			 launcher->outbox.notices, launcher->pong_missing, launcher->is_condemned);
}

static void test_ticks(void **state)
{
	struct launcher *launcher = calloc(1, sizeof(*launcher));
	int pair[2];

	(void)state;
	assert_non_null(launcher);
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair), 0);
	launcher->notify = (struct notify){.fd = pair[0], .watchdog_ns = 60 * CLOCK_NS_PER_S};
	launcher->supervisor.pidfd = -1; /* nobody is there to be killed */
	launcher->outbox.fd = pair[1];   /* nothing is sent without a source */
	assert_int_equal(loop_create(&launcher->loop, NULL), 0);
	assert_int_equal(
		loop_add_timer(launcher->loop, nothing, NULL, &launcher->watchdog_timer, NULL), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		try_row(launcher, pair[1], &rows[i]);
	loop_destroy(launcher->loop);
	free(launcher);
	(void)close(pair[0]);
	(void)close(pair[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ticks),
	};

	return cmocka_run_group_tests_name("launcher_watchdog", tests, NULL, NULL);
}
