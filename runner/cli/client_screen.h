/* SPDX-License-Identifier: Apache-2.0 */
/* A terminal that is drawn anew again and again, and left as it was. */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <termios.h>

#include "base/error.h"

struct client_screen {
	int signals; /* signalfd(2): what ends programs ends the screen first */
	bool has_keys;
	struct termios saved;
	sigset_t saved_mask;
};

/* stdout is a terminal. */
int client_screen_begin(struct client_screen *screen, struct berth_error *err);
void client_screen_end(struct client_screen *screen);

/* An empty screen; what follows is printed to stdout. */
void client_screen_clear(void);

/* Waits; true when the user wants to leave: q, Control-C, a signal. */
bool client_screen_wait(struct client_screen *screen, uint64_t timeout_ms);

/* Lines; 24 when unknown. */
size_t client_screen_height(void);
