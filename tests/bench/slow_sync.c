/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded, makes every flush of a file take a millisecond longer, as on a disk that keeps its
 * word. */
#include <dlfcn.h>
#include <string.h>
#include <time.h>

int fsync(int fd);
int fdatasync(int fd);

static int flush(const char *name, int fd)
{
	static const struct timespec delay = {.tv_nsec = 1000000};
	void *symbol = dlsym(RTLD_NEXT, name);
	int (*next)(int);

	(void)nanosleep(&delay, NULL);
	memcpy(&next, &symbol, sizeof(next));
	return next(fd);
}

int fsync(int fd)
{
	return flush("fsync", fd);
}

int fdatasync(int fd)
{
	return flush("fdatasync", fd);
}
