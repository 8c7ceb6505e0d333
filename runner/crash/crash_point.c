/* SPDX-License-Identifier: Apache-2.0 */
/* Dying where a test says. The cells are memory that the test shares with every process of a
 * daemon, so that a point is armed while they run, and once however many of them follow. */
#include "runner/crash/crash_point.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define CELLS_BYTES (CRASH_POINTS * sizeof(struct crash_point_cell))

static struct crash_point_cell *cells; /* NULL: nobody tests */

void crash_points_attach(const char *state_directory)
{
	AUTO_CLOSE int fd = -1;
	char path[PATH_MAX];
	struct stat facts;
	void *shared;

	if (snprintf(path, sizeof(path), "%s/" CRASH_POINTS_FILE, state_directory) >=
	    (int)sizeof(path))
		return;
	fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &facts) < 0 || facts.st_size < (off_t)CELLS_BYTES)
		return;
	shared = mmap(NULL, CELLS_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (shared != MAP_FAILED)
		cells = shared;
}

void crash_point(enum crash_point point)
{
	struct crash_point_cell *cell = cells ? &cells[point] : NULL;
	unsigned countdown;

	if (!cell)
		return;
	(void)__atomic_add_fetch(&cell->passed, 1, __ATOMIC_RELAXED);
	countdown = __atomic_load_n(&cell->countdown, __ATOMIC_ACQUIRE);
	while (countdown > 0 &&
	       !__atomic_compare_exchange_n(&cell->countdown, &countdown, countdown - 1, false,
					    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		continue;
	if (countdown != 1)
		return;
	__atomic_store_n(&cell->victim, getpid(), __ATOMIC_RELEASE);
	(void)kill(getpid(), SIGKILL);
}
