/* SPDX-License-Identifier: Apache-2.0 */
/* Which disks heed a weight, told from directories that look like the kernel's. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/descriptor.h"
#include "sandbox/io_weight.h"
#include "tests/helpers/scratch.h"

static char directory[SCRATCH_SIZE];

static void put_file(const char *name, const char *text)
{
	char path[SCRATCH_SIZE + 64];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(descriptor_write_all(fd, text, strlen(text), NULL), 0);
	assert_int_equal(close(fd), 0);
}

static void put_disk(const char *name, const char *schedulers)
{
	char path[SCRATCH_SIZE + 64];

	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);
	assert_int_equal(mkdir(path, 0755), 0);
	(void)snprintf(path, sizeof(path), "%s/%s/queue", directory, name);
	assert_int_equal(mkdir(path, 0755), 0);
	(void)snprintf(path, sizeof(path), "%s/queue/scheduler", name);
	put_file(path, schedulers);
}

static void test_bfq(void **state)
{
	char disk[IO_WEIGHT_DISK_SIZE] = "";

	(void)state;
	assert_false(io_weight_find_bfq("/nonexistent", disk));
	assert_false(io_weight_find_bfq(directory, disk));
	put_disk("vda", "none [mq-deadline] kyber bfq\n");
	put_disk("zram0", "none\n");
	assert_false(io_weight_find_bfq(directory, disk));
	put_disk("sda", "none mq-deadline kyber [bfq]\n");
	assert_true(io_weight_find_bfq(directory, disk));
	assert_string_equal(disk, "sda");
}

static void test_cost(void **state)
{
	char disk[IO_WEIGHT_DISK_SIZE] = "";

	(void)state;
	assert_false(io_weight_find_cost("/nonexistent", disk));
	assert_false(io_weight_find_cost(directory, disk));
	put_file("io.cost.qos", "");
	assert_false(io_weight_find_cost(directory, disk));
	put_file("io.cost.qos", "8:0 enable=0 ctrl=auto rpct=0.00\n");
	assert_false(io_weight_find_cost(directory, disk));
	put_file("io.cost.qos", "8:0 enable=0 ctrl=auto\n253:16 enable=1 ctrl=user rpct=95.00\n");
	assert_true(io_weight_find_cost(directory, disk));
	assert_string_equal(disk, "253:16");
}

/* What was found is believed for a while. */
static void test_look(void **state)
{
	struct io_weight_disks disks = {0};

	(void)state;
	assert_string_equal(io_weight_look(&disks, io_weight_find_bfq, directory), "");
	put_disk("sda", "none mq-deadline kyber [bfq]\n");
	assert_string_equal(io_weight_look(&disks, io_weight_find_bfq, directory), "");
	disks.looked_ns -= IO_WEIGHT_LOOK_NS;
	assert_string_equal(io_weight_look(&disks, io_weight_find_bfq, directory), "sda");
	disks.looked_ns -= IO_WEIGHT_LOOK_NS;
	assert_string_equal(io_weight_look(&disks, io_weight_find_bfq, "/nonexistent"), "");
}

static int make_directory(void **state)
{
	(void)state;
	return scratch_make("io-weight", directory);
}

static int remove_directory(void **state)
{
	(void)state;
	return scratch_remove(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_bfq, make_directory, remove_directory),
		cmocka_unit_test_setup_teardown(test_cost, make_directory, remove_directory),
		cmocka_unit_test_setup_teardown(test_look, make_directory, remove_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
