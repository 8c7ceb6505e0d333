/* SPDX-License-Identifier: Apache-2.0 */
/* Failures of libav*: which are for good, which are worth another attempt, and their names. */
#include <errno.h>
#include <libavutil/error.h>
#include <libavutil/log.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "extensions/ffmpeg/media_error.h"

struct failure_row {
	int averror;
	bool permanent;
	const char *name;
};

static const struct failure_row rows[] = {
	{AVERROR_INVALIDDATA,       true,  "InvalidInput" },
	{AVERROR_EOF,               true,  "InvalidInput" },
	{AVERROR(EINVAL),           true,  "InvalidInput" },
	{AVERROR(ENOMEM),           true,  "LimitExceeded"},
	{AVERROR_DECODER_NOT_FOUND, true,  "Unsupported"  },
	{AVERROR_PATCHWELCOME,      true,  "Unsupported"  },
	{AVERROR(EIO),              false, "System"       },
	{AVERROR(ENOSPC),           false, "System"       },
	{AVERROR(EACCES),           false, "System"       },
	{AVERROR_EXIT,              false, "Cancelled"    },
};

static void kinds_and_names(void **state)
{
	struct berth_error err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memset(&err, 0, sizeof(err));
		assert_int_equal(media_fail(&err, rows[i].averror, "read %s", "x.mp4"), -1);
		assert_int_equal(media_error_is_permanent(&err), rows[i].permanent);
		assert_string_equal(media_error_name(&err), rows[i].name);
		assert_true(strstr(err.message, "read x.mp4") == err.message);
	}
}

static void cancellation_is_known(void **state)
{
	struct berth_error err = {0};

	(void)state;
	assert_int_equal(media_fail_cancelled(&err), -1);
	assert_true(media_error_is_cancelled(&err));
	assert_false(media_error_is_permanent(&err));
}

static void the_last_complaint_is_quoted_cleanly(void **state)
{
	struct berth_error err = {0};

	(void)state;
	media_error_capture();
	av_log(NULL, AV_LOG_ERROR, "moov atom \x1b[31mnot found\n");
	(void)media_fail(&err, AVERROR_INVALIDDATA, "read");
	assert_non_null(strstr(err.message, "moov atom"));
	assert_null(strchr(err.message, '\x1b'));
	/* said once */
	(void)media_fail(&err, AVERROR_INVALIDDATA, "read");
	assert_null(strstr(err.message, "moov atom"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds_and_names),
		cmocka_unit_test(cancellation_is_known),
		cmocka_unit_test(the_last_complaint_is_quoted_cleanly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
