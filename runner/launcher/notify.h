/* SPDX-License-Identifier: Apache-2.0 */
/* Telling systemd where the service stands (sd_notify(3)), and what it handed us at the start
 * (sd_listen_fds(3)); by hand, because linking libsystemd costs more than all the rest. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define NOTIFY_LISTEN_FIRST 3  /* SD_LISTEN_FDS_START */
#define NOTIFY_LISTEN_MAX   16 /* sockets of one unit; more are refused */
#define NOTIFY_NAMES_SIZE   512

struct notify {
	int fd; /* to NOTIFY_SOCKET; -1: systemd does not listen */
	uint64_t watchdog_ns;
	int listen_count; /* sockets from NOTIFY_LISTEN_FIRST on */
	char listen_names[NOTIFY_NAMES_SIZE];
};

/* Reads the environment; BERTH_INVALID when it makes no sense. */
int notify_open(struct notify *notify, struct berth_error *err);
void notify_close(struct notify *notify);

/* Fire and forget: systemd has its own timeouts. */
void notify_ready(const struct notify *notify, const char *status);
void notify_reloading(const struct notify *notify);
void notify_stopping(const struct notify *notify);
void notify_alive(const struct notify *notify);

/* Lets the sockets survive an exec of ourselves, or no longer. */
int notify_keep(const struct notify *notify, bool keep, struct berth_error *err);
