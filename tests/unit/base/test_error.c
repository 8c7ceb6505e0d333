/* SPDX-License-Identifier: Apache-2.0 */
/* Errors: filled, forwarded with context, cut but never overrun. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"

static void fills_code_and_message(void **state)
{
	struct berth_error err = {0};

	(void)state;
	assert_int_equal(berth_fail(&err, BERTH_INVALID, 0, "%s is %d", "x", 7), -1);
	assert_int_equal(err.code, BERTH_INVALID);
	assert_int_equal(err.errnum, 0);
	assert_string_equal(err.message, "x is 7");
}

static void appends_errno_in_words(void **state)
{
	struct berth_error err = {0};

	(void)state;
	(void)berth_fail(&err, BERTH_SYSTEM, ENOENT, "open %s", "a");
	assert_int_equal(err.errnum, ENOENT);
	assert_string_equal(err.message, "open a: No such file or directory");
	(void)berth_fail(&err, BERTH_SYSTEM, 99999, "odd");
	assert_string_equal(err.message, "odd: unknown error");
}

static void accepts_no_error_object(void **state)
{
	(void)state;
	assert_int_equal(berth_fail(NULL, BERTH_SYSTEM, ENOENT, "x"), -1);
	assert_int_equal(berth_fail_context(NULL, "x"), -1);
}

static void cuts_long_messages(void **state)
{
	struct {
		struct berth_error err;
		char guard[8];
	} guarded = {.guard = "guarded"};
	char long_text[600];

	(void)state;
	memset(long_text, 'a', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	(void)berth_fail(&guarded.err, BERTH_SYSTEM, EIO, "%s", long_text);
	assert_int_equal(strlen(guarded.err.message), sizeof(guarded.err.message) - 1);
	assert_string_equal(guarded.guard, "guarded");
}

static void adds_context_in_front(void **state)
{
	struct berth_error err = {0};

	(void)state;
	(void)berth_fail(&err, BERTH_LIMIT, 0, "too long");
	assert_int_equal(berth_fail_context(&err, "file %s", "f"), -1);
	assert_int_equal(err.code, BERTH_LIMIT);
	assert_string_equal(err.message, "file f: too long");
}

static void survives_many_contexts(void **state)
{
	struct berth_error err = {0};

	(void)state;
	(void)berth_fail(&err, BERTH_LIMIT, 0, "the end");
	for (int i = 0; i < 1000; i++) {
		(void)berth_fail_context(&err, "level %d", i);
		assert_true(strlen(err.message) < sizeof(err.message));
	}
	assert_int_equal(strncmp(err.message, "level 999: level 998: ", 22), 0);
}

static void cuts_long_context(void **state)
{
	struct berth_error err = {0};
	char long_text[600];

	(void)state;
	memset(long_text, 'c', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	(void)berth_fail(&err, BERTH_LIMIT, 0, "m");
	(void)berth_fail_context(&err, "%s", long_text);
	assert_true(strlen(err.message) < sizeof(err.message));
	assert_int_equal(err.message[0], 'c');
}

static void names_every_code(void **state)
{
	(void)state;
	for (int code = BERTH_NONE; code <= BERTH_MEMORY; code++) {
		assert_non_null(berth_code_name((enum berth_code)code));
		assert_string_not_equal(berth_code_name((enum berth_code)code), "unknown");
	}
	assert_string_equal(berth_code_name(BERTH_NOT_FOUND), "not_found");
	assert_string_equal(berth_code_name((enum berth_code)1000), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fills_code_and_message),  cmocka_unit_test(appends_errno_in_words),
		cmocka_unit_test(accepts_no_error_object), cmocka_unit_test(cuts_long_messages),
		cmocka_unit_test(adds_context_in_front),   cmocka_unit_test(survives_many_contexts),
		cmocka_unit_test(cuts_long_context),       cmocka_unit_test(names_every_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
