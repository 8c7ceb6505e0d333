/* SPDX-License-Identifier: Apache-2.0 */
/* Packet files: what was written is read back; a file cut or damaged anywhere is continued from its
 * last whole frame or refused, never misread. */
#include <fcntl.h>
#include <limits.h>
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

#include "base/cleanup.h"
#include "base/descriptor.h"
#include "extensions/ffmpeg/packet_file.h"

#define NAME    "000000.video"
#define PACKETS 9
#define LARGE   (300 * 1024) /* larger than the reader's buffer */

/* Decode order of two groups with B-frames: display indices. */
static const int64_t order[PACKETS] = {0, 3, 1, 2, 6, 4, 5, 7, 8};

struct fixture {
	char path[64];
	int directory;
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	(void)snprintf(fixture->path, sizeof(fixture->path), "packet-file-XXXXXX");
	if (!mkdtemp(fixture->path))
		return -1;
	fixture->directory = open(fixture->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = fixture;
	return fixture->directory < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	(void)unlinkat(fixture->directory, NAME, 0);
	(void)close(fixture->directory);
	(void)rmdir(fixture->path);
	free(fixture);
	return 0;
}

static size_t packet_size(int number)
{
	return number == 4 ? LARGE : (size_t)(100 + number);
}

static void append(struct packet_file_writer *writer, int number)
{
	AVPacket *packet = av_packet_alloc();

	assert_non_null(packet);
	assert_int_equal(av_new_packet(packet, (int)packet_size(number)), 0);
	memset(packet->data, 'a' + number, packet_size(number));
	packet->pts = 1000 + 10 * order[number];
	packet->duration = 10;
	packet->flags = number == 0 ? AV_PKT_FLAG_KEY : 0;
	assert_int_equal(packet_file_append(writer, packet, order[number], NULL), 0);
	av_packet_free(&packet);
}

static void write_packets(const struct fixture *fixture, int count, bool complete)
{
	struct packet_file_format format = {
		.time_base_num = 1, .time_base_den = 90000, .delay = 2, .extradata_size = 3};
	struct packet_file_writer writer;

	memcpy(format.extradata, "sps", 3);
	assert_int_equal(packet_file_create(fixture->directory, NAME, &format, &writer, NULL), 0);
	for (int i = 0; i < count; i++)
		append(&writer, i);
	if (complete)
		assert_int_equal(packet_file_complete(&writer, NULL), 0);
	packet_file_close(&writer);
}

static void check_all(const struct fixture *fixture)
{
	struct packet_file_reader reader;
	AVPacket *packet = av_packet_alloc();

	assert_int_equal(packet_file_open(fixture->directory, NAME, &reader, NULL), 0);
	assert_int_equal(reader.format.delay, 2);
	assert_int_equal(reader.format.extradata_size, 3);
	for (int i = 0; i < PACKETS; i++) {
		assert_int_equal(packet_file_next(&reader, packet, NULL), 0);
		assert_int_equal(packet->pts, 1000 + 10 * order[i]);
		assert_int_equal(packet->duration, 10);
		assert_int_equal(packet->size, packet_size(i));
		assert_int_equal(packet->data[packet->size - 1], 'a' + i);
		assert_int_equal(packet->flags & AV_PKT_FLAG_KEY, i == 0 ? AV_PKT_FLAG_KEY : 0);
		av_packet_unref(packet);
	}
	assert_int_equal(packet_file_next(&reader, packet, NULL), 1);
	assert_int_equal(packet_file_next(&reader, packet, NULL), 1);
	packet_file_reader_finish(&reader);
	av_packet_free(&packet);
}

static void reads_back_what_was_written(void **state)
{
	struct packet_file_state found;

	write_packets(*state, PACKETS, true);
	check_all(*state);
	assert_int_equal(
		packet_file_inspect(((struct fixture *)*state)->directory, NAME, &found, NULL), 0);
	assert_true(found.complete);
	assert_int_equal(found.count, PACKETS);
	assert_int_equal(found.lost, 0);
	assert_int_equal(found.last_pts, 1080);
}

static void missing_file_is_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct packet_file_state found;
	struct packet_file_reader reader;
	struct berth_error err = {0};

	assert_int_equal(packet_file_inspect(fixture->directory, NAME, &found, NULL), 1);
	assert_int_equal(packet_file_open(fixture->directory, NAME, &reader, &err), -1);
	assert_int_equal(err.code, BERTH_PROTOCOL);
}

/* 0 | 3 1 2 | 6 4 5 | 7 | 8: whole after 1, 4, 7, 8 and 9 packets. */
static void keeps_whole_groups_only(void **state)
{
	static const int kept[] = {0, 1, 1, 1, 4, 4, 4, 7, 8, 9};
	struct fixture *fixture = *state;
	struct packet_file_state found;

	for (int count = 0; count <= PACKETS; count++) {
		write_packets(fixture, count, false);
		assert_int_equal(packet_file_inspect(fixture->directory, NAME, &found, NULL),
				 count == 0);
		if (count == 0)
			continue;
		assert_false(found.complete);
		assert_int_equal(found.count, kept[count]);
		assert_int_equal(found.lost, count - kept[count]);
		assert_int_equal(found.last_pts, 1000 + 10 * (kept[count] - 1));
	}
}

static void continue_to_the_end(const struct fixture *fixture,
				const struct packet_file_state *found)
{
	struct packet_file_writer writer;

	assert_int_equal(packet_file_continue(fixture->directory, NAME, found, &writer, NULL), 0);
	for (int i = (int)found->count; i < PACKETS; i++)
		append(&writer, i);
	assert_int_equal(packet_file_complete(&writer, NULL), 0);
}

static void survives_a_cut_anywhere(void **state)
{
	struct fixture *fixture = *state;
	struct packet_file_state found;
	struct stat whole;
	int result;

	write_packets(fixture, PACKETS, true);
	assert_int_equal(fstatat(fixture->directory, NAME, &whole, 0), 0);
	for (off_t length = 0; length < whole.st_size; length += length < 1000 ? 17 : 39989) {
		AUTO_CLOSE int fd = -1;

		write_packets(fixture, PACKETS, true);
		fd = openat(fixture->directory, NAME, O_WRONLY | O_CLOEXEC);
		assert_int_equal(ftruncate(fd, length), 0);
		result = packet_file_inspect(fixture->directory, NAME, &found, NULL);
		assert_true(result == 0 || result == 1);
		if (result == 1)
			continue;
		assert_false(found.complete);
		continue_to_the_end(fixture, &found);
		check_all(fixture);
	}
}

static void notices_a_flipped_bit(void **state)
{
	struct fixture *fixture = *state;
	AVPacket *packet = av_packet_alloc();
	struct packet_file_reader reader;
	struct packet_file_state found;
	char byte;
	int result;

	for (off_t at = 0; at < 900; at += 3) {
		AUTO_CLOSE int fd = -1;

		write_packets(fixture, 4, true);
		fd = openat(fixture->directory, NAME, O_RDWR | O_CLOEXEC);
		if (pread(fd, &byte, 1, at) != 1)
			break;
		byte ^= 0x10;
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
		result = packet_file_inspect(fixture->directory, NAME, &found, NULL);
		assert_true(result == 1 || (result == 0 && !found.complete));
		result = packet_file_open(fixture->directory, NAME, &reader, NULL);
		while (result == 0) {
			result = packet_file_next(&reader, packet, NULL);
			av_packet_unref(packet);
			if (result != 0)
				packet_file_reader_finish(&reader);
		}
		assert_int_equal(result, -1);
	}
	av_packet_free(&packet);
}

static void refuses_absurd_packets(void **state)
{
	struct packet_file_writer writer = {.fd = -1};
	struct berth_error err = {0};
	AVPacket packet = {.size = 0};

	(void)state;
	assert_int_equal(packet_file_append(&writer, &packet, 0, &err), -1);
	assert_int_equal(err.code, BERTH_LIMIT);
	packet.size = INT_MAX;
	assert_int_equal(packet_file_append(&writer, &packet, 0, &err), -1);
	assert_int_equal(err.code, BERTH_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(reads_back_what_was_written, set_up, tear_down),
		cmocka_unit_test_setup_teardown(missing_file_is_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(keeps_whole_groups_only, set_up, tear_down),
		cmocka_unit_test_setup_teardown(survives_a_cut_anywhere, set_up, tear_down),
		cmocka_unit_test_setup_teardown(notices_a_flipped_bit, set_up, tear_down),
		cmocka_unit_test(refuses_absurd_packets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
