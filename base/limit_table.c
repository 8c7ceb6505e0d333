/* SPDX-License-Identifier: Apache-2.0 */
/* The limits of a run: one row each, with bounds, unit and help. */
#include <stddef.h>

#include "base/limits.h"

#define KIB        1024.0
#define MIB        (1024 * KIB)
#define GIB        (1024 * MIB)
#define TIB        (1024 * GIB)
#define CPUS       1000.0 /* in millis */
#define AT(member) offsetof(struct resource_limits, member)

/* Below its minimum a limit lets nothing start. As measured (Linux 6.18, cgroup v1, ten runs each):
 * a static no-op needs 320 KiB of memory, /bin/true 384 KiB, a shell with a pipe 1 MiB; two pids
 * are process 1 and the task. The kernel gives no less than a hundredth of a CPU. Its pid_max ends
 * at 4194304, its nr_open at 1048576 by default; tmpfs(5) takes size=0 as unlimited. */
/* clang-format off */
const struct field_row resource_limit_rows[] = {
	{.name = "cpu", .type = FIELD_CPU_MILLIS, .offset = AT(cpu_millis), .min = 0.01 * CPUS, .zero_lifts = true, .max = 4096 * CPUS, .default_text = "0.5", .unit = "CPUs", .help = "share of CPU time, enforced as a quota"},
	{.name = "memory", .type = FIELD_BYTES, .offset = AT(memory_bytes), .min = MIB, .zero_lifts = true, .max = 64 * TIB, .default_text = "512M", .unit = "bytes", .help = "memory and private tmpfs together, without swap"},
	{.name = "pids", .type = FIELD_INTEGER, .offset = AT(pids), .min = 2, .zero_lifts = true, .max = 4194304, .default_text = "512", .unit = "", .help = "processes and threads at once, the sandbox's process 1 among them"},
	{.name = "tmpfs", .type = FIELD_BYTES, .offset = AT(tmpfs_bytes), .min = 64 * KIB, .max = 64 * TIB, .default_text = "64M", .unit = "bytes", .help = "size of /tmp and of /dev/shm each, counted as memory"},
	{.name = "tmpfs_inodes", .type = FIELD_INTEGER, .offset = AT(tmpfs_inodes), .min = 16, .max = 1e9, .default_text = "16384", .unit = "", .help = "files in /tmp and in /dev/shm each"},
	{.name = "disk", .type = FIELD_BYTES, .offset = AT(disk_bytes), .min = 4 * MIB, .max = 1024 * TIB, .default_text = "10G", .unit = "bytes", .help = "size of each disk volume"},
	{.name = "disk_inodes", .type = FIELD_INTEGER, .offset = AT(disk_inodes), .min = 16, .max = 4e9, .default_text = "262144", .unit = "", .help = "files in each disk volume"},
	{.name = "io_weight", .type = FIELD_INTEGER, .offset = AT(io_weight), .min = 0, .max = 1000, .default_text = "100", .unit = "", .help = "share of disk bandwidth against other runs, 0 for the host's default"},
	{.name = "open_files", .type = FIELD_INTEGER, .offset = AT(open_files), .min = 16, .max = 1048576, .default_text = "65536", .unit = "", .help = "open descriptors of one process"},
	{.name = "log", .type = FIELD_BYTES, .offset = AT(log_bytes), .min = 4 * KIB, .max = TIB, .default_text = "64M", .unit = "bytes", .help = "structured logs of one attempt, and stderr unless it is one with stdout"},
};
/* clang-format on */

const size_t resource_limit_row_count =
	sizeof(resource_limit_rows) / sizeof(resource_limit_rows[0]);
