/* SPDX-License-Identifier: Apache-2.0 */
/* What one attack on a limit is: a name, what it does, and the function that does it. */
#pragma once

#include <stddef.h>

struct attack_row {
	const char *name;
	const char *does;
	int (*run)(long argument); /* the exit status; many never return */
};

extern const struct attack_row attack_rows[];
extern const size_t attack_row_count;

int attack_fork_bomb(long argument);
int attack_thread_bomb(long argument);
int attack_daemon(long argument);
int attack_close_stdio(long argument);
int attack_stop_self(long argument);
int attack_ignore_signals(long argument);
int attack_orphans(long argument);
int attack_cpu(long argument);

int attack_memory(long argument);
int attack_memory_child(long argument);
int attack_memory_memfd(long argument);
int attack_memory_segment(long argument);
int attack_memory_tmpfs(long argument);
int attack_memory_pipes(long argument);

int attack_disk_fill(long argument);
int attack_disk_files(long argument);
int attack_tmpfs_fill(long argument);
int attack_tmpfs_files(long argument);
int attack_sparse(long argument);
int attack_traps(long argument);
int attack_deep(long argument);

int attack_log_flood(long argument);
int attack_log_nul(long argument);
int attack_log_invalid(long argument);
int attack_log_lines(long argument);

int attack_channel_garbage(long argument);
int attack_channel_long_line(long argument);
int attack_channel_flood(long argument);
int attack_channel_many(long argument);
int attack_channel_half_open(long argument);
int attack_channel_silent(long argument);
int attack_channel_rights(long argument);

int attack_descriptors(long argument);
int attack_parking(long argument);
int attack_asynchronous_io(long argument);
