/* SPDX-License-Identifier: Apache-2.0 */
/* Network namespaces: pooled ones are new, have loopback up, are used once and leave nothing. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "sandbox/network.h"
#include "sandbox/network_ahead.h"
#include "tests/unit/sandbox/leaks.h"

#define SKIPPED 77

static ino_t current_namespace(void)
{
	struct stat facts;

	assert_int_equal(stat("/proc/self/ns/net", &facts), 0);
	return facts.st_ino;
}

static bool loopback_answers(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	AUTO_CLOSE int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	AUTO_CLOSE int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return bind(listener, (const struct sockaddr *)&address, length) == 0 &&
	       listen(listener, 1) == 0 &&
	       getsockname(listener, (struct sockaddr *)&address, &length) == 0 &&
	       connect(client, (const struct sockaddr *)&address, length) == 0;
}

static void test_pool(void **state)
{
	struct network_pool pool;
	struct leaks before;
	ino_t own = current_namespace(), first, second;

	(void)state;
	leaks_note(&before);
	assert_int_equal(network_pool_init(&pool, 2, NULL), 0);
	assert_int_equal(network_pool_enter(&pool, NULL), 1); /* nothing is made before a refill */
	network_pool_refill(&pool);
	assert_int_equal(pool.ready, 2);
	assert_int_equal(current_namespace(), own);

	assert_int_equal(network_pool_enter(&pool, NULL), 0);
	first = current_namespace();
	assert_true(loopback_answers());
	assert_int_equal(if_nametoindex("lo"), 1);
	assert_int_equal(network_pool_leave(&pool, NULL), 0);
	assert_int_equal(current_namespace(), own);

	assert_int_equal(network_pool_enter(&pool, NULL), 0);
	second = current_namespace();
	assert_int_equal(network_pool_leave(&pool, NULL), 0);
	assert_true(first != own && second != own && first != second);
	assert_int_equal(network_pool_enter(&pool, NULL), 1);

	network_pool_refill(&pool);
	assert_int_equal(pool.ready, 2);
	network_pool_finish(&pool);
	leaks_expect_none(&before);
}

static void test_no_pool(void **state)
{
	struct berth_error err = {0};
	struct network_pool pool;
	struct leaks before;

	(void)state;
	leaks_note(&before);
	assert_int_equal(network_pool_init(&pool, 0, NULL), 0);
	network_pool_refill(&pool);
	assert_int_equal(network_pool_enter(&pool, NULL), 1);
	network_pool_finish(&pool);
	assert_int_equal(network_pool_init(&pool, NETWORK_POOL_MAX + 1, &err), -1);
	assert_int_equal(err.code, BERTH_LIMIT);
	network_pool_finish(&pool);
	leaks_expect_none(&before);
}

static void test_ahead(void **state)
{
	struct sandbox_ahead *ahead;
	struct network_pool pool;
	struct leaks before;
	ino_t own = current_namespace();

	(void)state;
	leaks_note(&before);
	assert_int_equal(network_pool_init(&pool, 0, NULL), 0);
	ahead = sandbox_ahead_start();
	assert_non_null(ahead);
	network_ahead_fill(ahead, &pool);
	assert_false(network_ahead_is_busy(ahead));
	assert_int_equal(pool.ready, 1);
	assert_int_equal(current_namespace(), own);

	assert_int_equal(network_pool_enter(&pool, NULL), 0);
	assert_true(current_namespace() != own);
	assert_true(loopback_answers());
	assert_int_equal(network_pool_leave(&pool, NULL), 0);
	assert_int_equal(current_namespace(), own);

	network_ahead_fill(ahead, &pool); /* there is only one */
	assert_int_equal(pool.ready, 0);
	network_pool_finish(&pool);
	sandbox_ahead_destroy(ahead);
	leaks_expect_none(&before);
}

static void test_ahead_that_nobody_takes(void **state)
{
	struct leaks before;
	struct sandbox_ahead *ahead;

	(void)state;
	leaks_note(&before);
	sandbox_ahead_destroy(sandbox_ahead_start());
	ahead = sandbox_ahead_start();
	while (network_ahead_is_busy(ahead))
		(void)usleep(100);
	network_ahead_fill(ahead, NULL);
	assert_false(network_ahead_is_busy(NULL));
	sandbox_ahead_destroy(ahead);
	network_ahead_fill(NULL, NULL);
	sandbox_ahead_destroy(NULL);
	leaks_expect_none(&before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pool),
		cmocka_unit_test(test_no_pool),
		cmocka_unit_test(test_ahead),
		cmocka_unit_test(test_ahead_that_nobody_takes),
	};

	if (geteuid() != 0) {
		(void)puts("skipped: making network namespaces needs root");
		return SKIPPED;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
