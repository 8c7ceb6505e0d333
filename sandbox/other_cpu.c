/* SPDX-License-Identifier: Apache-2.0 */
/* Having what was just started begin on another CPU than ours. */
#include "sandbox/other_cpu.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/descriptor.h"

#define LOAD_SIZE 128

bool other_cpu_is_idle(void)
{
	char text[LOAD_SIZE];
	cpu_set_t cpus;
	int running;

	/* proc_loadavg(5): "0.12 0.34 0.56 running/all last"; we are one of the running */
	return sched_getaffinity(0, sizeof(cpus), &cpus) == 0 &&
	       descriptor_read_control(AT_FDCWD, "/proc/loadavg", text, sizeof(text), NULL) == 0 &&
	       sscanf(text, "%*s %*s %*s %d/", &running) == 1 && running <= CPU_COUNT(&cpus);
}

bool other_cpu_list(cpu_set_t *ret_cpus)
{
	cpu_set_t cpus;
	int own = sched_getcpu();

	/* EINVAL: more CPUs than the set holds */
	if (own < 0 || own >= CPU_SETSIZE || sched_getaffinity(0, sizeof(cpus), &cpus) < 0)
		return false;
	CPU_CLR((size_t)own, &cpus);
	if (CPU_COUNT(&cpus) == 0)
		return false;
	*ret_cpus = cpus;
	return true;
}

bool other_cpu_is_free_choice(void)
{
	cpu_set_t cpus;

	return sched_getaffinity(0, sizeof(cpus), &cpus) == 0 &&
	       CPU_COUNT(&cpus) == sysconf(_SC_NPROCESSORS_ONLN);
}

int other_cpu_move(pid_t pid, struct berth_error *err)
{
	cpu_set_t others, all;

	/* a process that waits to begin is moved by the call itself */
	if (!other_cpu_list(&others) || sched_setaffinity(pid, sizeof(others), &others) < 0)
		return 0;
	memset(&all, 0xff, sizeof(all));
	if (sched_setaffinity(pid, sizeof(all), &all) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "give the sandbox all CPUs");
	return 0;
}
