/* SPDX-License-Identifier: Apache-2.0 */
/* image.variants on hostile input: always an error or a picture, never a crash, a hang or a rest.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/descriptor.h"
#include "tests/media/image_picture.h"
#include "tests/media/image_program.h"

#define PERMANENT  65
#define RETRYABLE  75
#define BYTES_MAX  (4 << 20)
#define FLIPS      24 /* damaged files of each kind */
#define SMALL_PLAN "\"variants\":[{\"name\":\"v\",\"width\":40,\"format\":\"png\"}]"

struct file {
	uint8_t *bytes;
	size_t length;
};

static struct file file_read(const char *name)
{
	char *bytes = NULL;
	struct file file = {0};

	assert_int_equal(descriptor_read_file(AT_FDCWD, image_path(name), BYTES_MAX, &bytes,
					      &file.length, NULL),
			 0);
	file.bytes = (uint8_t *)bytes;
	return file;
}

static void file_write(const char *name, const void *bytes, size_t length)
{
	AUTO_FILE FILE *stream = fopen(image_path(name), "we");

	assert_non_null(stream);
	assert_int_equal(fwrite(bytes, 1, length, stream), length);
}

/* A permanent error, in words that contain said, and no file. */
static void assert_refused(const char *name, const char *payload, const char *said)
{
	struct image_run run = {.payload = payload};

	image_run(&run, image_path(name));
	if (run.exit_status != PERMANENT || !strstr(run.message, said))
		fail_msg("%s: exit status %d, \"%s\", expected \"%s\"", name, run.exit_status,
			 run.message, said);
	assert_memory_equal(run.failure, "permanent:", 10);
	assert_int_equal(image_output_count(), 0);
	assert_null(run.output);
	image_run_finish(&run);
}

/* One small file of each format. */
static const char *const samples[] = {"s.jpg",   "progressive.jpg", "s.png", "interlaced.png",
				      "s.webp",  "lossless.webp",   "s.gif", "s.tif",
				      "zip.tif", "s.avif",          "s.heic"};

static void samples_make(void)
{
	static const char *const options[] = {"",
					      "[interlace]",
					      "",
					      "[interlace]",
					      "",
					      "[lossless]",
					      "",
					      "",
					      "[compression=deflate]",
					      "",
					      ""};
	VipsImage *image = picture_noise(96, 64);

	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++)
		picture_save(image, samples[i], options[i]);
	g_object_unref(image);
}

static void test_truncated_files_are_refused(void **state)
{
	(void)state;
	samples_make();
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		struct file file = file_read(samples[i]);
		const size_t lengths[] = {0, 1, 12, 40, file.length / 3, file.length * 2 / 3};

		for (size_t k = 0; k < sizeof(lengths) / sizeof(lengths[0]); k++) {
			file_write("cut", file.bytes, lengths[k]);
			assert_refused("cut", "{" SMALL_PLAN "}", "");
		}
		free(file.bytes);
	}
}

static void test_truncation_can_be_accepted(void **state)
{
	struct image_run run = {.payload = "{\"fail_on\":\"none\"," SMALL_PLAN "}"};
	VipsImage *image = picture_noise(200, 200);
	struct file file;

	(void)state;
	picture_save(image, "whole.jpg", "");
	g_object_unref(image);
	file = file_read("whole.jpg");
	file_write("half.jpg", file.bytes, file.length / 2);
	free(file.bytes);
	assert_refused("half.jpg", "{" SMALL_PLAN "}", "Premature end");
	image_run(&run, image_path("half.jpg"));
	assert_int_equal(run.exit_status, 0);
	assert_int_equal(image_output_count(), 1);
	assert_true(run.warnings > 0);
	image_run_finish(&run);
}

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

/* Any end but a signal or a hang will do: a flipped bit may not matter to the picture. */
static void test_flipped_bits_never_crash(void **state)
{
	uint32_t seed = 20260101;

	(void)state;
	samples_make();
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		for (int round = 0; round < FLIPS; round++) {
			struct file file = file_read(samples[i]);
			struct image_run run = {.payload =
							"{\"decode_limit\":\"5s\"," SMALL_PLAN "}",
						.memory_bytes = UINT64_C(1) << 30};

			for (int flip = 0; flip <= round % 6; flip++)
				file.bytes[next_random(&seed) % file.length] ^=
					(uint8_t)(1U << next_random(&seed) % 8);
			if (round % 2) /* headers are where it hurts */
				file.bytes[next_random(&seed) % 64] ^=
					(uint8_t)(1U << next_random(&seed) % 8);
			file_write("flipped", file.bytes, file.length);
			free(file.bytes);
			image_run(&run, image_path("flipped"));
			if (run.exit_status != 0 && run.exit_status != PERMANENT)
				fail_msg("%s, round %d: exit status %d %s", samples[i], round,
					 run.exit_status, run.message);
			assert_int_equal(image_output_count(), run.exit_status == 0 ? 1 : 0);
			image_run_finish(&run);
		}
	}
}

static void put_be32(uint8_t *target, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		target[i] = (uint8_t)(value >> (24 - 8 * i));
}

static size_t put_chunk(uint8_t *target, const char *type, const void *data, size_t length)
{
	put_be32(target, (uint32_t)length);
	memcpy(target + 4, type, 4);
	memcpy(target + 8, data, length);
	put_be32(target + 8 + length, (uint32_t)crc32(0, target + 4, (unsigned)length + 4));
	return length + 12;
}

/* A PNG of one grey value; lines are as many as there are, 0 for a header alone. */
static void png_write(const char *name, uint32_t width, uint32_t height, uint8_t depth,
		      uint32_t lines)
{
	uint8_t *target = calloc(1, BYTES_MAX);
	uint8_t *packed = calloc(1, BYTES_MAX / 2);
	size_t line_bytes = 1 + ((size_t)width * depth + 7) / 8;
	uint8_t *line = calloc(1, lines > 0 ? line_bytes : 1);
	uint8_t header[13] = {[8] = depth};
	size_t used = 8;
	z_stream stream = {.next_out = packed, .avail_out = BYTES_MAX / 2};

	assert_true(target && packed && line);
	put_be32(header, width);
	put_be32(header + 4, height);
	assert_int_equal(deflateInit(&stream, 9), Z_OK);
	for (uint32_t i = 0; i < lines; i++) {
		stream.next_in = line;
		stream.avail_in = (unsigned)line_bytes;
		assert_int_equal(deflate(&stream, Z_NO_FLUSH), Z_OK);
	}
	assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
	memcpy(target, "\x89PNG\r\n\x1a\n", 8);
	used += put_chunk(target + used, "IHDR", header, sizeof(header));
	used += put_chunk(target + used, "IDAT", packed, stream.total_out);
	used += put_chunk(target + used, "IEND", "", 0);
	(void)deflateEnd(&stream);
	file_write(name, target, used);
	free(target);
	free(packed);
	free(line);
}

/* Finds bytes in a sample and writes others at an offset from there. */
static void patch(const char *source, const char *target, const char *find, size_t find_length,
		  int offset, const char *bytes, size_t length)
{
	struct file file = file_read(source);
	uint8_t *found = memmem(file.bytes, file.length, find, find_length);

	assert_non_null(found);
	memcpy(found + offset, bytes, length);
	file_write(target, file.bytes, file.length);
	free(file.bytes);
}

static void test_huge_headers_are_refused_undecoded(void **state)
{
	(void)state;
	samples_make();
	png_write("wide.png", 40000, 25000, 8, 0); /* 1e9 pixels */
	assert_refused("wide.png", NULL, "1000000000 pixels, and max_pixels is 268402689");
	png_write("beyond.png", 0x7fffffff, 0x7fffffff, 8, 0);
	assert_refused("beyond.png", NULL, "damaged");
	png_write("bomb.png", 30000, 30000, 1, 30000);
	assert_refused("bomb.png", NULL, "900000000 pixels");
	/* SOF0: length, precision, height, width */
	patch("s.jpg", "wide.jpg", "\xff\xc0\0\x11\x08", 5, 5, "\xff\xdc\xff\xdc", 4);
	assert_refused("wide.jpg", NULL, "4290250000 pixels");
	patch("s.tif", "wide.tif", "\x01\x04\x00\x01\x00\x00\x00", 7, 7, "\0\xe1\xf5\x05", 4);
	assert_refused("wide.tif", NULL, "");
	/* the lossless header: 14 bits of width, 14 of height, less one */
	patch("lossless.webp", "wide.webp", "VP8L", 4, 9, "\xff\xff\xff\x0f", 4);
	assert_refused("wide.webp", NULL, "");
	/* the ispe box of HEIF */
	patch("s.avif", "wide.avif", "ispe", 4, 8, "\0\0\x80\0\0\0\x80\0", 8);
	assert_refused("wide.avif", NULL, "");
}

static void test_own_pixel_limit(void **state)
{
	(void)state;
	samples_make();
	assert_refused("s.png", "{\"max_pixels\":6143," SMALL_PLAN "}",
		       "96 x 64 are 6144 pixels, and max_pixels is 6143");
}

/* 256 megapixels in a file of some kilobytes: streamed, so it only takes time. */
static void test_decoding_ends_at_its_limit(void **state)
{
	struct image_run run = {.payload = "{\"decode_limit\":0.1," SMALL_PLAN "}"};

	(void)state;
	png_write("slow.png", 16000, 16000, 8, 16000);
	image_run(&run, image_path("slow.png"));
	assert_int_equal(run.exit_status, PERMANENT);
	assert_string_equal(run.failure, "permanent:LimitExceeded");
	assert_string_equal(run.message, "decoding takes longer than decode_limit, 0.1 s");
	assert_true(run.wall_ms < 5000);
	assert_int_equal(image_output_count(), 0);
	image_run_finish(&run);
}

static void test_memory_is_asked_before_it_is_used(void **state)
{
	struct image_run run = {.memory_bytes = 64 << 20};

	(void)state;
	png_write("slow.png", 16000, 16000, 8, 16000);
	image_run(&run, image_path("slow.png"));
	assert_int_equal(run.exit_status, PERMANENT);
	assert_string_equal(run.failure, "permanent:LimitExceeded");
	assert_non_null(strstr(run.message, "choose a larger machine"));
	assert_true(run.wall_ms < 5000);
	image_run_finish(&run);
	run.memory_bytes = UINT64_C(64) << 20;
	run.payload = "{\"variants\":[{\"name\":\"v\",\"width\":16000,\"height\":16000,"
		      "\"format\":\"avif\",\"without_enlargement\":false}]}";
	samples_make();
	image_run(&run, image_path("s.png"));
	assert_int_equal(run.exit_status, PERMANENT);
	assert_non_null(strstr(run.message, "choose a larger machine"));
	image_run_finish(&run);
}

static void test_other_formats_are_not_even_tried(void **state)
{
	static const struct {
		const char *name, *text;
	} files[] = {
		{"a.svg", "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"9\"/>"},
		{"a.jpg", "<?xml version=\"1.0\"?><svg width=\"9\" height=\"9\"/>"              },
		{"a.pdf", "%PDF-1.4\n%%EOF\n"						   },
		{"a.mvg", "push graphic-context\nviewbox 0 0 640 480\nimage over 0,0 0,0 'x'\n" },
		{"a.ppm", "P6\n1 1\n255\nabc"						   },
		{"a.csv", "1,2,3\n4,5,6\n"						      },
		{"a.png", ""								    },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		file_write(files[i].name, files[i].text, strlen(files[i].text));
		assert_refused(files[i].name, NULL, "is not a JPEG, PNG, WebP, GIF, TIFF");
	}
}

static void test_what_is_no_file_is_not_read(void **state)
{
	struct image_run run = {0};

	(void)state;
	assert_int_equal(mkfifo(image_path("endless.jpg"), 0600), 0);
	assert_refused("endless.jpg", NULL, "is not a regular file");
	assert_refused(".", NULL, "is not a regular file");
	assert_refused("missing.jpg", NULL, "No such file");
	image_run(&run, "/dev/zero");
	assert_int_equal(run.exit_status, PERMANENT);
	image_run_finish(&run);
	/* several inputs, none */
	image_run(&run, "/dev/null:/dev/null");
	assert_int_equal(run.exit_status, PERMANENT);
	assert_non_null(strstr(run.message, "exactly one input"));
	image_run_finish(&run);
	image_run(&run, "");
	assert_int_equal(run.exit_status, PERMANENT);
	image_run_finish(&run);
}

static void test_bad_payloads_name_the_field(void **state)
{
	struct image_run run = {.payload = "{\"variants\":[{\"name\":\"a\",\"width\":1},"
					   "{\"name\":\"b\",\"width\":1},"
					   "{\"name\":\"c\",\"width\":99999}]}"};

	(void)state;
	samples_make();
	image_run(&run, image_path("s.png"));
	assert_int_equal(run.exit_status, PERMANENT);
	assert_string_equal(run.failure, "permanent:InvalidPayload");
	assert_memory_equal(run.message, "variants[2].width: ", 19);
	assert_int_equal(image_output_count(), 0);
	image_run_finish(&run);
}

static void test_cancelling_leaves_nothing_half_done(void **state)
{
	struct image_run run = {
		.payload = "{\"variants\":[{\"name\":\"v\",\"width\":3000,\"format\":\"avif\","
			   "\"effort\":9,\"quality\":95,\"without_enlargement\":false}]}",
		.cancel_ms = 1500};

	(void)state;
	samples_make();
	image_run(&run, image_path("s.png"));
	assert_int_equal(run.exit_status, RETRYABLE);
	assert_string_equal(run.failure, "retryable:Cancelled");
	assert_true(run.wall_ms < 10000);
	assert_int_equal(image_output_count(), 0);
	image_run_finish(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_truncated_files_are_refused),
		cmocka_unit_test(test_truncation_can_be_accepted),
		cmocka_unit_test(test_flipped_bits_never_crash),
		cmocka_unit_test(test_huge_headers_are_refused_undecoded),
		cmocka_unit_test(test_own_pixel_limit),
		cmocka_unit_test(test_decoding_ends_at_its_limit),
		cmocka_unit_test(test_memory_is_asked_before_it_is_used),
		cmocka_unit_test(test_other_formats_are_not_even_tried),
		cmocka_unit_test(test_what_is_no_file_is_not_read),
		cmocka_unit_test(test_bad_payloads_name_the_field),
		cmocka_unit_test(test_cancelling_leaves_nothing_half_done),
	};

	return cmocka_run_group_tests(tests, image_group_setup, image_group_teardown);
}
