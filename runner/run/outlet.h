/* SPDX-License-Identifier: Apache-2.0 */
/* Writing to an inherited descriptor (stdout, stderr) without ever blocking the loop and without
 * touching the flags of the file description, which other processes share. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct loop;
struct outlet;

enum outlet_kind {
	OUTLET_FILE,     /* always ready: a regular file, /dev/null */
	OUTLET_PIPE,     /* splice(2) takes a non-blocking flag of its own */
	OUTLET_SOCKET,   /* send(2) likewise */
	OUTLET_TERMINAL, /* opened a second time, non-blocking */
};

/* Called when buffered bytes were written, or the reader went away. */
typedef int (*outlet_handler)(void *owner, struct berth_error *err);

/* fd stays the caller's. */
int outlet_create(struct loop *loop, int fd, outlet_handler on_room, void *owner,
		  struct outlet **ret_outlet, struct berth_error *err);
/* Drops what is still buffered; accepts NULL. */
void outlet_destroy(struct outlet *outlet);

enum { OUTLET_CLOSED = 1 };
/* Takes all of data: writes what the reader has room for and buffers the rest. OUTLET_CLOSED when
 * the reader is gone. */
int outlet_write(struct outlet *outlet, const void *data, size_t length, struct berth_error *err);

enum { OUTLET_MOVED = 0, OUTLET_DRY = 2, OUTLET_FULL = 3, OUTLET_END = 4 };
/* Moves bytes from a non-blocking pipe without copying where the kernel can. OUTLET_DRY: the pipe
 * is empty; OUTLET_FULL: on_room will be called; OUTLET_END: the pipe's writers are gone. */
int outlet_move(struct outlet *outlet, int pipe, struct berth_error *err);

/* Bytes buffered. */
size_t outlet_pending(const struct outlet *outlet);
bool outlet_is_closed(const struct outlet *outlet);
/* The errno that lost bytes (ENOSPC, EIO …); 0 when there was none, or when the reader simply went
 * away. */
int outlet_failure(const struct outlet *outlet);
enum outlet_kind outlet_kind(const struct outlet *outlet);
