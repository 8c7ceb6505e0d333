/* SPDX-License-Identifier: Apache-2.0 */
/* Scope-bound cleanup: closes, frees, hands over and keeps errno. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

static int open_null(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void closes_at_the_end_of_the_scope(void **state)
{
	int number;

	(void)state;
	{
		AUTO_CLOSE int fd = open_null();

		number = fd;
	}
	assert_int_equal(fcntl(number, F_GETFD), -1);
	assert_int_equal(errno, EBADF);
}

static void stolen_descriptors_stay_open(void **state)
{
	int kept;

	(void)state;
	{
		AUTO_CLOSE int fd = open_null();

		kept = steal_fd(&fd);
		assert_int_equal(fd, -1);
	}
	assert_true(fcntl(kept, F_GETFD) >= 0);
	close_fd(&kept);
	assert_int_equal(kept, -1);
	close_fd(&kept); /* once more does nothing */
}

static void stolen_memory_stays(void **state)
{
	char *kept;

	(void)state;
	{
		AUTO_FREE char *text = strdup("kept");

		kept = steal_ptr(&text);
		assert_null(text);
	}
	assert_string_equal(kept, "kept");
	free(kept);
}

static void keeps_errno(void **state)
{
	int bad = 1 << 20; /* above every limit: close(2) says EBADF */

	(void)state;
	errno = ENOTTY;
	cleanup_close(&bad);
	assert_int_equal(errno, ENOTTY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(closes_at_the_end_of_the_scope),
		cmocka_unit_test(stolen_descriptors_stay_open),
		cmocka_unit_test(stolen_memory_stays),
		cmocka_unit_test(keeps_errno),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
