/* SPDX-License-Identifier: Apache-2.0 */
/* A machine list that was taken is in its bounds; a refusal names the file. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "machines/machine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
	if (!condition)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("presets", MFD_CLOEXEC);
	struct machine_list list = {0};
	struct berth_error err = {0};
	char path[64];

	require(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (machine_list_load(path, "/nonexistent", &list, &err) == 0) {
		require(list.count <= MACHINES_MAX);
		for (size_t i = 0; i < list.count; i++) {
			require(strlen(list.machines[i].name) >= 1);
			require(list.machines[i].limits.tmpfs_bytes > 0);
			require(list.machines[i].limits.cpu_millis <= 4096000);
			require(list.machines[i].limits.open_files >= 16);
		}
		machine_list_finish(&list);
	} else {
		require(strncmp(err.message, path, strlen(path)) == 0);
	}
	(void)close(fd);
	return 0;
}
