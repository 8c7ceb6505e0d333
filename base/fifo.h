/* SPDX-License-Identifier: Apache-2.0 */
/* A list of things in the order in which they came, linked where they are. */
#pragma once

#include <stddef.h>

struct fifo_link {
	struct fifo_link *next;
};

struct fifo {
	struct fifo_link *first, **end;
};

void fifo_init(struct fifo *fifo);
void fifo_add(struct fifo *fifo, struct fifo_link *link);
/* The first; NULL: it is empty. */
struct fifo_link *fifo_take(struct fifo *fifo);
/* Moves the first ones to the end of another, at most so many. */
void fifo_move(struct fifo *from, struct fifo *to, size_t most);
