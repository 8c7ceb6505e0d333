/* SPDX-License-Identifier: Apache-2.0 */
/* What systemd hears, and the command line. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "runner/launcher/launcher_options.h"
#include "runner/launcher/notify.h"

static void expect_heard(int fd, const char *words)
{
	char text[512] = "";
	ssize_t length = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);

	assert_true(length > 0);
	if (!strstr(text, words))
		fail_msg("\"%s\" does not say \"%s\"", text, words);
}

static void test_telling(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct notify notify;
	char name[64];
	int length;

	(void)state;
	length = snprintf(name, sizeof(name), "@berth-test-notify-%d", getpid());
	memcpy(address.sun_path, name, (size_t)length);
	address.sun_path[0] = '\0';
	assert_int_equal(bind(fd, (const struct sockaddr *)&address,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)length)),
			 0);
	assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
	assert_int_equal(setenv("WATCHDOG_USEC", "3000000", 1), 0);
	assert_int_equal(notify_open(&notify, NULL), 0);
	assert_int_equal(notify.watchdog_ns, 3000000000);
	notify_ready(&notify, "serving");
	expect_heard(fd, "READY=1\nMAINPID=");
	notify_reloading(&notify);
	expect_heard(fd, "RELOADING=1\nMONOTONIC_USEC=");
	notify_alive(&notify);
	expect_heard(fd, "WATCHDOG=1");
	notify_stopping(&notify);
	expect_heard(fd, "STOPPING=1");
	notify_close(&notify);
	/* another process's watchdog is not ours */
	assert_int_equal(setenv("WATCHDOG_PID", "1", 1), 0);
	assert_int_equal(notify_open(&notify, NULL), 0);
	assert_int_equal(notify.watchdog_ns, 0);
	notify_close(&notify);
	assert_int_equal(setenv("NOTIFY_SOCKET", "relative", 1), 0);
	assert_int_equal(notify_open(&notify, NULL), -1);
	assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
	assert_int_equal(notify_open(&notify, NULL), 0);
	notify_ready(&notify, "nobody hears it");
}

static void test_sockets(void **state)
{
	struct notify notify;
	char pid[16];
	int fd;

	(void)state;
	assert_int_equal(setenv("LISTEN_FDS", "1", 1), 0);
	assert_int_equal(setenv("LISTEN_FDNAMES", "control", 1), 0);
	assert_int_equal(setenv("LISTEN_PID", "1", 1), 0);
	assert_int_equal(notify_open(&notify, NULL), 0);
	assert_int_equal(notify.listen_count, 0);
	(void)snprintf(pid, sizeof(pid), "%d", getpid());
	assert_int_equal(setenv("LISTEN_PID", pid, 1), 0);
	fd = open("/dev/null", O_RDONLY);
	if (fd != NOTIFY_LISTEN_FIRST)
		assert_int_equal(dup2(fd, NOTIFY_LISTEN_FIRST), NOTIFY_LISTEN_FIRST);
	assert_int_equal(notify_open(&notify, NULL), 0);
	assert_int_equal(notify.listen_count, 1);
	assert_string_equal(notify.listen_names, "control");
	assert_int_equal(fcntl(NOTIFY_LISTEN_FIRST, F_GETFD), FD_CLOEXEC);
	assert_int_equal(notify_keep(&notify, true, NULL), 0);
	assert_int_equal(fcntl(NOTIFY_LISTEN_FIRST, F_GETFD), 0);
	assert_int_equal(setenv("LISTEN_FDS", "99", 1), 0);
	assert_int_equal(notify_open(&notify, NULL), -1);
	assert_int_equal(unsetenv("LISTEN_FDS"), 0);
}

static int parse(struct launcher_options *options, char *const *words, struct berth_error *err)
{
	int count = 0;

	while (words[count])
		count++;
	return launcher_options_parse(count, words, options, err);
}

static void test_options(void **state)
{
	static char *const right[] = {"launcher", "--pool=3",   "--state", "/srv", "--resume=7",
				      "--",       "supervisor", "--pool",  NULL};
	static char *const none[] = {"launcher", NULL};
	static const struct {
		char *const words[4];
		const char *says;
	} wrong[] = {
		{{"launcher", "pool", NULL},          "not an option"          },
		{{"launcher", "--swim", NULL},        "--swim is not an option"},
		{{"launcher", "--pool", NULL},        "--pool needs a COUNT"   },
		{{"launcher", "--pool", "65", NULL},  "from 0 to 64"           },
		{{"launcher", "--pool=", NULL},       "needs a COUNT"          },
		{{"launcher", "--help=1", NULL},      "takes no value"         },
		{{"launcher", "--drain", "1h", NULL}, "not a number"           },
	};
	struct launcher_options options;

	(void)state;
	assert_int_equal(parse(&options, right, NULL), 0);
	assert_int_equal(options.pool, 3);
	assert_int_equal(options.resume_fd, 7);
	assert_string_equal(options.state, "/srv");
	assert_string_equal(options.arguments[0], "supervisor");
	assert_string_equal(options.arguments[1], "--pool");
	assert_int_equal(parse(&options, none, NULL), 0);
	assert_int_equal(options.resume_fd, -1);
	assert_null(options.arguments[0]);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct berth_error err = {0};

		assert_int_equal(parse(&options, wrong[i].words, &err), -1);
		if (!strstr(err.message, wrong[i].says))
			fail_msg("\"%s\" does not say \"%s\"", err.message, wrong[i].says);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_telling),
		cmocka_unit_test(test_sockets),
		cmocka_unit_test(test_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
