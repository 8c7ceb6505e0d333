/* SPDX-License-Identifier: Apache-2.0 */
/* The supervisor as a process: who it is, how it is started, when it is started again. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "runner/launcher/notify.h"

struct supervisor_process {
	uid_t uid;
	gid_t gid;
	bool other_user; /* than ours */
	pid_t pid;       /* 0: there is none */
	int pidfd;
	int socket_fd; /* our end */
	uint64_t started_ns;
	unsigned deaths; /* in quick succession */
};

/* Looks the user up in /etc/passwd (the program is static: no NSS). Without such a user, or when we
 * are not root, it is ourselves; ret_why says so in words, or is empty. */
int supervisor_process_init(struct supervisor_process *process, const char *user, char *ret_why,
			    size_t size, struct berth_error *err);

/* Starts program with arguments as that user: 0, 1, 2, the sockets of systemd and one end of a
 * socket pair are all it has; no capability, no new privileges, an environment of its own. */
int supervisor_process_start(struct supervisor_process *process, const char *program,
			     char *const *arguments, const struct notify *notify,
			     struct berth_error *err);

/* It is up: what it dies of later has nothing to do with how it started. */
void supervisor_process_settle(struct supervisor_process *process);

void supervisor_process_kill(const struct supervisor_process *process, int signal);

/* It has ended: reaps it, and returns how long to wait before the next one: not at all, then 100 ms
 * doubling to 5 s while it dies within ten seconds of its start. */
uint64_t supervisor_process_bury(struct supervisor_process *process, int *ret_status);

/* Kills and reaps it when there is one; closes everything. */
void supervisor_process_finish(struct supervisor_process *process);
