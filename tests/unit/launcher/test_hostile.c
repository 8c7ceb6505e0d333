/* SPDX-License-Identifier: Apache-2.0 */
/* A supervisor that somebody took over: whatever it sends, the launcher refuses in words, stays
 * small and goes on. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/descriptor.h"
#include "tests/unit/launcher/fixture.h"

#define FLOOD       10000
#define FLOOD_RUNS  8
#define RSS_MAX_KIB 8192
#define GARBAGE     500
#define MEBIBYTE    (UINT64_C(1) << 20)
#define BIG_PACKET  (sizeof(struct launcher_launch) + LAUNCHER_SPEC_INLINE_MAX)

static struct fixture fixture;

/* Waits for the answer to what was just sent, which must be this refusal. */
static void expect_refusal(enum berth_code code, const char *words)
{
	fixture_wait(&fixture, fixture_has_refusals, fixture.wanted_count, words);
	if (fixture.last_refusal.code != code || !strstr(fixture.last_refusal.message, words))
		fail_msg("\"%s\" (%s) does not say \"%s\"", fixture.last_refusal.message,
			 berth_code_name(fixture.last_refusal.code), words);
}

static void send_raw(const void *packet, size_t length, const int *fds, size_t count)
{
	fixture.wanted_count = fixture.refusals + 1;
	assert_int_equal(descriptor_send(fixture.packet_fd, packet, length, fds, count, NULL), 0);
}

static void expect_raw(const void *packet, size_t length, const int *fds, size_t count,
		       const char *words)
{
	send_raw(packet, length, fds, count);
	expect_refusal(BERTH_PROTOCOL, words);
}

static struct launcher_plain make_plain(uint16_t kind)
{
	const struct launcher_run run = fixture_name(1);

	return (struct launcher_plain){
		launcher_header_make(kind, sizeof(struct launcher_plain), run.number, run.token)};
}

static void test_packets(void **state)
{
	static char big[BIG_PACKET];
	struct launcher_plain plain;
	int fds[12];

	(void)state;
	fixture_start(&fixture, "");
	expect_raw("x", 1, NULL, 0, "no header");
	plain = make_plain(LAUNCHER_KILL);
	plain.header.version++;
	expect_raw(&plain, sizeof(plain), NULL, 0, "version");
	plain = make_plain(9999);
	expect_raw(&plain, sizeof(plain), NULL, 0, "does not exist");
	plain = make_plain(LAUNCHER_ENDED);
	expect_raw(&plain, sizeof(plain), NULL, 0, "does not exist");
	plain = make_plain(LAUNCHER_KILL);
	plain.header.bytes = 9;
	expect_raw(&plain, sizeof(plain), NULL, 0, "bytes");
	plain = make_plain(LAUNCHER_KILL);
	plain.header.reserved[3] = 1;
	expect_raw(&plain, sizeof(plain), NULL, 0, "reserved");
	plain = make_plain(LAUNCHER_KILL);
	plain.header.token[31] = 'x';
	expect_raw(&plain, sizeof(plain), NULL, 0, "token");
	plain = make_plain(LAUNCHER_KILL);
	memset(plain.header.token, 'a', sizeof(plain.header.token));
	expect_raw(&plain, sizeof(plain), NULL, 0, "token");
	plain = make_plain(LAUNCHER_KILL);
	plain.header.run = -1;
	expect_raw(&plain, sizeof(plain), NULL, 0, "names");
	plain = make_plain(LAUNCHER_DRAINED);
	expect_raw(&plain, sizeof(plain), NULL, 0, "names a run");
	plain = make_plain(LAUNCHER_HOLD);
	expect_raw(&plain, sizeof(plain), NULL, 0, "bytes");
	/* descriptors where none belong, and far too many */
	for (size_t i = 0; i < 12; i++)
		fds[i] = STDIN_FILENO;
	plain = make_plain(LAUNCHER_KILL);
	expect_raw(&plain, sizeof(plain), fds, 1, "descriptors");
	expect_raw(&plain, sizeof(plain), fds, 12, "more fds");
	memset(big, 0xa5, sizeof(big));
	expect_raw(big, sizeof(big), NULL, 0, "version");
	fixture_stop(&fixture);
}

static void test_garbage(void **state)
{
	const unsigned seed = (unsigned)getpid();
	unsigned before;

	(void)state;
	fixture_start(&fixture, "");
	(void)printf("seed %u\n", seed);
	srandom(seed);
	before = fixture.refusals;
	for (unsigned i = 0; i < GARBAGE; i++) {
		struct launcher_launch packet;
		unsigned char *bytes = (unsigned char *)&packet;
		size_t length = 1 + (size_t)random() % sizeof(packet);

		for (size_t k = 0; k < sizeof(packet); k++)
			bytes[k] = (unsigned char)random();
		if (i % 2)
			packet.header = launcher_header_make((uint16_t)(random() % 100), length,
							     random() % 3, fixture_name(1).token);
		/* these do something */
		if (packet.header.kind == LAUNCHER_RELOAD || packet.header.kind == LAUNCHER_READY ||
		    packet.header.kind == LAUNCHER_PONG)
			packet.header.kind = 0;
		send_raw(&packet, length, NULL, 0);
		fixture_wait(&fixture, fixture_has_refusals, before + i + 1, "a refusal");
	}
	fixture_stop(&fixture);
}

/* LAUNCH with a spec that was tampered with. */
static void send_launch(const void *spec, size_t bytes, uint32_t said, const int *fd,
			uint32_t passed)
{
	static char packet[BIG_PACKET];
	const struct launcher_run run = fixture_name(1);
	const size_t follows = fd ? 0 : bytes;
	struct launcher_launch launch = {
		.header = launcher_header_make(LAUNCHER_LAUNCH, sizeof(launch) + follows,
					       run.number, run.token),
		.passed = passed,
		.spec_bytes = said,
	};

	memcpy(packet, &launch, sizeof(launch));
	memcpy(packet + sizeof(launch), spec, follows);
	send_raw(packet, sizeof(launch) + follows, fd, fd ? 1 : 0);
}

static int make_memfd(const void *data, size_t length, int seals)
{
	int fd = memfd_create("test", MFD_ALLOW_SEALING | MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(descriptor_write_all(fd, data, length, NULL), 0);
	if (seals)
		assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static void test_launch_specs(void **state)
{
	const int all = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	AUTO_CLOSE int loose = -1, sealed = -1, file = -1;
	AUTO_FREE char *bytes = NULL;
	struct fixture_spec spec;
	size_t length = 0;

	(void)state;
	fixture_start(&fixture, "");
	fixture_prepare(&fixture, &spec, "true");
	assert_int_equal(launch_spec_measure(&spec.spec, &length, NULL), 0);
	bytes = malloc(length);
	assert_non_null(bytes);
	launch_spec_encode(&spec.spec, bytes);
	send_launch(bytes, length - 1, (uint32_t)length - 1, NULL, 0);
	expect_refusal(BERTH_PROTOCOL, "bytes");
	send_launch(bytes, length, (uint32_t)length + 1, NULL, 0);
	expect_refusal(BERTH_PROTOCOL, "said to be");
	send_launch(bytes, length, (uint32_t)length, NULL, LAUNCHER_PASS_SPEC);
	expect_refusal(BERTH_PROTOCOL, "descriptors");
	send_launch(bytes, length, (uint32_t)length, NULL, LAUNCHER_PASS_CHANNEL);
	expect_refusal(BERTH_PROTOCOL, "may not pass");
	loose = make_memfd(bytes, length, 0);
	send_launch(bytes, length, (uint32_t)length, &loose, LAUNCHER_PASS_SPEC);
	expect_refusal(BERTH_PROTOCOL, "sealed");
	sealed = make_memfd(bytes, length, all);
	send_launch(bytes, length, (uint32_t)length + 4096, &sealed, LAUNCHER_PASS_SPEC);
	expect_refusal(BERTH_PROTOCOL, "bytes");
	send_launch(bytes, length, 0, &sealed, LAUNCHER_PASS_SPEC);
	expect_refusal(BERTH_PROTOCOL, "bytes");
	file = open("/dev/null", O_RDONLY | O_CLOEXEC);
	send_launch(bytes, length, (uint32_t)length, &file, LAUNCHER_PASS_SPEC);
	expect_refusal(BERTH_PROTOCOL, "sealed");
	/* and the right one */
	send_launch(bytes, length, (uint32_t)length, &sealed, LAUNCHER_PASS_SPEC);
	fixture_wait(&fixture, fixture_all_ended, 1, "the end");
	assert_int_equal(fixture_at(&fixture, 1)->outcome.code, 0);
	fixture_stop(&fixture);
}

static void launch_refused(const struct fixture_spec *spec, const char *words)
{
	fixture.wanted_count = fixture.refusals + 1;
	fixture_launch(&fixture, 2, &spec->spec);
	expect_refusal(BERTH_DENIED, words);
	fixture_forget_runs(&fixture);
}

static void refuse_bind(const char *source, unsigned flags, const char *words)
{
	struct fixture_spec spec;

	fixture_prepare(&fixture, &spec, "true");
	spec.spec.sandbox.limits.cpu_millis = 1000;
	spec.mounts[spec.spec.sandbox.mount_count++] = (struct sandbox_mount){
		.kind = SANDBOX_MOUNT_BIND, .flags = flags, .source = source, .target = "/mnt"};
	launch_refused(&spec, words);
}

static void test_policy(void **state)
{
	char link[FIXTURE_PATH + 8], own[FIXTURE_PATH + 8];
	struct fixture_spec spec;

	(void)state;
	fixture_start(&fixture, "max-memory 128M\nmax-cpu 2\nmax-pids 64\nmax-disk 16M\n");
	(void)snprintf(link, sizeof(link), "%s/link", fixture.path);
	(void)snprintf(own, sizeof(own), "%s/own", fixture.path);
	assert_int_equal(symlink("/etc/shadow", link), 0);
	assert_int_equal(mkdir(own, 0700), 0);
	refuse_bind("/etc/shadow", 0, "not allowed");
	refuse_bind("/", 0, "not allowed");
	refuse_bind("/usr/../etc/shadow", 0, "leads out");
	refuse_bind("/usrlocal", 0, "not allowed");
	refuse_bind(link, 0, "leads out");
	refuse_bind(own, SANDBOX_MOUNT_MAPPED, "belongs to root");
	refuse_bind(own, SANDBOX_MOUNT_WRITABLE, "may not be written");
	refuse_bind("/usr", SANDBOX_MOUNT_WRITABLE, "may not be written");
	refuse_bind("/proc/self/fd/0", 0, "not allowed");
	fixture_prepare(&fixture, &spec, "true");
	spec.spec.sandbox.network = SANDBOX_NETWORK_HOST;
	spec.spec.sandbox.limits.cpu_millis = 1000;
	launch_refused(&spec, "network host");
	fixture_prepare(&fixture, &spec, "true");
	spec.spec.sandbox.limits.cpu_millis = 2001;
	launch_refused(&spec, "CPUs");
	spec.spec.sandbox.limits.cpu_millis = 0;
	launch_refused(&spec, "CPUs");
	spec.spec.sandbox.limits.cpu_millis = 2000;
	spec.spec.sandbox.limits.memory_bytes = 129 * MEBIBYTE;
	launch_refused(&spec, "memory");
	spec.spec.sandbox.limits.memory_bytes = 0;
	launch_refused(&spec, "memory");
	spec.spec.sandbox.limits.memory_bytes = 64 * MEBIBYTE;
	spec.spec.sandbox.limits.pids = 65;
	launch_refused(&spec, "processes");
	spec.spec.sandbox.limits.pids = 64;
	spec.spec.volumes[0] = (struct launch_volume){
		.kind = LAUNCH_VOLUME_DISK, .target = "/work", .bytes = 17 * MEBIBYTE, .inodes = 9};
	spec.spec.volume_count = 1;
	launch_refused(&spec, "disk");
	assert_int_equal(unlink(link), 0);
	assert_int_equal(rmdir(own), 0);
	fixture_stop(&fixture);
}

static long read_rss_kib(pid_t pid)
{
	char path[64], text[4096];
	const char *line;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
	assert_int_equal(descriptor_read_control(AT_FDCWD, path, text, sizeof(text), NULL), 0);
	line = strstr(text, "VmRSS:");
	assert_non_null(line);
	return strtol(line + sizeof("VmRSS:") - 1, NULL, 10);
}

/* Launches without end; the launcher takes what it is allowed, and its answers are bounded by what
 * is read of them. */
static void test_flood(void **state)
{
	struct fixture_spec spec;
	unsigned before;
	long rss_kib;

	(void)state;
	fixture_start(&fixture, "max-runs 8\n");
	before = fixture.refusals;
	fixture_prepare(&fixture, &spec, "sleep 60");
	for (int64_t number = 1; number <= FLOOD; number++) {
		struct launcher_descriptors none;

		launcher_descriptors_init(&none);
		assert_int_equal(launcher_client_launch(fixture.client, fixture_name(number),
							&spec.spec, &none, NULL),
				 0);
	}
	fixture_wait(&fixture, fixture_has_refusals, before + FLOOD - FLOOD_RUNS, "all refusals");
	assert_int_equal(fixture.last_refusal.code, BERTH_LIMIT);
	fixture_wait(&fixture, fixture_all_started, FLOOD_RUNS, "the few");
	rss_kib = read_rss_kib(fixture.launcher);
	(void)printf("RSS after the flood: %ld KiB\n", rss_kib);
#ifndef __SANITIZE_ADDRESS__
	assert_true(rss_kib < RSS_MAX_KIB);
#endif
	fixture_stop(&fixture);
}

/* It asks and does not read the answers: requests wait in the socket, runs go on, and the next
 * supervisor is served. */
static void test_deaf(void **state)
{
	const struct launcher_run run = fixture_name(77);
	struct launcher_plain plain = {
		launcher_header_make(LAUNCHER_KILL, sizeof(plain), run.number, run.token)};
	struct fixture_spec spec;
	unsigned sent = 0;

	(void)state;
	fixture_start(&fixture, "");
	fixture_prepare(&fixture, &spec, "sleep 1; echo complete");
	fixture_launch(&fixture, 1, &spec.spec);
	fixture_wait(&fixture, fixture_all_started, 1, "the start");
	while (send(fixture.packet_fd, &plain, sizeof(plain), MSG_DONTWAIT | MSG_NOSIGNAL) > 0 &&
	       sent < 1000000)
		sent++;
	assert_int_equal(errno, EAGAIN);
	(void)usleep(1500000);
	fixture_let_go(&fixture, SIGKILL);
	fixture_forget_runs(&fixture);
	fixture_take_over(&fixture);
	assert_int_equal(fixture_at(&fixture, 1)->table_state, LAUNCHER_RUN_ENDED);
	assert_string_equal(fixture_output(&fixture, 1), "complete\n");
	fixture_stop(&fixture);
}

int main(int count, char **arguments)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_packets),      cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_launch_specs), cmocka_unit_test(test_policy),
		cmocka_unit_test(test_flood),        cmocka_unit_test(test_deaf),
	};
	int failed;

	if (count < 4 || geteuid() != 0) {
		(void)puts("skipped: needs root, and the paths of three programs");
		return FIXTURE_SKIPPED;
	}
	if (count == 5)
		cmocka_set_test_filter(arguments[4]);
	if (fixture_set_up(&fixture, arguments[1], arguments[2], arguments[3]) < 0)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	return fixture_tear_down(&fixture) < 0 ? 1 : failed;
}
