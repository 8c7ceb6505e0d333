/* SPDX-License-Identifier: Apache-2.0 */
/* What the supervisor is to be told. Nothing is queued that could grow: what concerns a run is a
 * bit in its row, what answers a request is in a ring, and while that is full no request is read.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "runner/launcher/launcher_protocol.h"
#include "runner/launcher/run_table.h"

#define OUTBOX_REPLIES 64

/* An answer to one request. */
union outbox_reply {
	struct launcher_header header;
	struct launcher_plain plain;
	struct launcher_refused refused;
	struct launcher_used used;
	struct launcher_reclaimed reclaimed;
};

/* A new supervisor is told all there is before anything that happens. */
enum outbox_stage { OUTBOX_HELLO, OUTBOX_TABLE, OUTBOX_TABLE_END, OUTBOX_EVENTS };

/* Notices that stand by themselves; bits of outbox.notices. */
enum { NOTICE_RELOADING = 1 << 0, NOTICE_SHUTDOWN = 1 << 1, NOTICE_PING = 1 << 2 };

struct outbox {
	struct run_table *table;
	int fd; /* the supervisor's socket; -1: there is none, and nothing is kept for it */
	enum outbox_stage stage;
	size_t table_index; /* row of the table that is told next */
	size_t hold_index;  /* connections of that row that were told; 0: nothing of it */
	bool row_told;
	uint32_t told_count;
	uint16_t first, last; /* rows with something to tell */
	unsigned notices;
	union outbox_reply replies[OUTBOX_REPLIES];
	size_t reply_first, reply_count;
	struct launcher_hello hello;
};

void outbox_init(struct outbox *outbox, struct run_table *table);

/* Begins with a new supervisor on fd, which stays the caller's: hello, and every row of the table.
 */
void outbox_open(struct outbox *outbox, int fd, const struct launcher_hello *hello);
/* It is gone: what it was to be told is forgotten, but for what the next one is told anyway. */
void outbox_close(struct outbox *outbox);

void outbox_tell(struct outbox *outbox, struct run *run, unsigned bits);
/* Forgets what was to be told of a run that is removed. */
void outbox_forget(struct outbox *outbox, struct run *run);
void outbox_notice(struct outbox *outbox, unsigned bits);

/* One request can be answered: outbox_reply() may be called once. */
bool outbox_has_room(const struct outbox *outbox);
void outbox_reply(struct outbox *outbox, const union outbox_reply *reply);
/* With the code and words of error. */
void outbox_refuse(struct outbox *outbox, const struct launcher_header *request, uint64_t tag,
		   const struct berth_error *error);

/* Sends what the socket takes. 0: all is sent; positive: wait until it can be written. */
int outbox_flush(struct outbox *outbox, struct berth_error *err);
bool outbox_is_telling_table(const struct outbox *outbox);
