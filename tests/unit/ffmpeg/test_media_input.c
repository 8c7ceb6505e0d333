/* SPDX-License-Identifier: Apache-2.0 */
/* What is no media file is refused at once: other kinds of files, and files that name others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "extensions/ffmpeg/media_error.h"
#include "extensions/ffmpeg/media_formats_table.h"
#include "extensions/ffmpeg/media_input.h"

#define PATH "test_media_input.data"

static int open_path(const char *path, struct berth_error *err)
{
	struct media_guard guard = {.patience_ns = 10 * CLOCK_NS_PER_S};
	struct media_input input = {0};
	int result;

	media_guard_renew(&guard);
	memset(err, 0, sizeof(*err));
	result = media_input_init(&input, path, MEDIA_STREAMS, &guard, err);
	media_input_finish(&input);
	return result;
}

static void other_kinds_of_files(void **state)
{
	struct berth_error err;

	(void)state;
	assert_int_equal(open_path(".", &err), -1);
	assert_true(media_error_is_permanent(&err));
	assert_int_equal(open_path("/dev/zero", &err), -1);
	assert_true(media_error_is_permanent(&err));
	assert_int_equal(open_path("no/such/file", &err), -1);
	assert_int_equal(err.code, BERTH_NOT_FOUND);
	assert_int_equal(mkfifo(PATH, 0600), 0);
	assert_int_equal(open_path(PATH, &err), -1); /* and no wait for a writer */
	assert_int_equal(err.code, BERTH_INVALID);
	assert_int_equal(unlink(PATH), 0);
}

static void texts_that_name_other_files(void **state)
{
	static const char *const texts[] = {
		"",
		"hello",
		"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
		"ffconcat version 1.0\nfile '/etc/passwd'\nduration 10\n",
		"<?xml version=\"1.0\"?><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" type=\"static\">"
		"<Period><AdaptationSet><Representation id=\"1\" mimeType=\"video/mp4\">"
		"<BaseURL>/etc/passwd</BaseURL></Representation></AdaptationSet></Period></MPD>",
		"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
		"[playlist]\nFile1=/etc/passwd\n",
		"WEBVTT\n\n00:00.000 --> 00:10.000\nhello\n",
		"1\n00:00:00,000 --> 00:00:10,000\nhello\n",
	};
	struct berth_error err;
	FILE *file;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		file = fopen(PATH, "w");
		assert_non_null(file);
		assert_true(fputs(texts[i], file) >= 0);
		assert_int_equal(fclose(file), 0);
		assert_int_equal(open_path(PATH, &err), -1);
		assert_true(media_error_is_permanent(&err));
		assert_int_equal(unlink(PATH), 0);
	}
}

static bool is_cancelled(void *owner)
{
	(void)owner;
	return true;
}

static void cancellation_ends_the_reading(void **state)
{
	struct media_guard guard = {.is_cancelled = is_cancelled,
				    .patience_ns = 10 * CLOCK_NS_PER_S};
	struct media_input input = {0};
	struct berth_error err = {0};
	FILE *file = fopen(PATH, "w");

	(void)state;
	assert_non_null(file);
	assert_true(fputs("anything", file) >= 0);
	assert_int_equal(fclose(file), 0);
	media_guard_renew(&guard);
	assert_int_equal(media_input_init(&input, PATH, MEDIA_STREAMS, &guard, &err), -1);
	assert_true(media_error_is_cancelled(&err));
	media_input_finish(&input);
	assert_int_equal(unlink(PATH), 0);
}

static void the_list_of_formats_is_whole(void **state)
{
	char list[MEDIA_FORMAT_LIST_SIZE];

	(void)state;
	media_format_list(list);
	assert_non_null(strstr(list, "mov,"));
	assert_null(strstr(list, "hls"));
	assert_null(strstr(list, "concat"));
	assert_true(media_format_find("mov,mp4,m4a,3gp,3g2,mj2")->exact_seek);
	assert_true(media_format_find("matroska,webm")->exact_seek);
	assert_false(media_format_find("mpegts")->exact_seek);
	assert_null(media_format_find("hls"));
	assert_null(media_format_find("mo"));
	assert_null(media_format_find(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(other_kinds_of_files),
		cmocka_unit_test(texts_that_name_other_files),
		cmocka_unit_test(cancellation_ends_the_reading),
		cmocka_unit_test(the_list_of_formats_is_whole),
	};

	media_error_capture();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
