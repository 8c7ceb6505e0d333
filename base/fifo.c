/* SPDX-License-Identifier: Apache-2.0 */
/* A list with a pointer to its end. */
#include "base/fifo.h"

void fifo_init(struct fifo *fifo)
{
	fifo->first = NULL;
	fifo->end = &fifo->first;
}

void fifo_add(struct fifo *fifo, struct fifo_link *link)
{
	link->next = NULL;
	*fifo->end = link;
	fifo->end = &link->next;
}

struct fifo_link *fifo_take(struct fifo *fifo)
{
	struct fifo_link *link = fifo->first;

	if (!link)
		return NULL;
	fifo->first = link->next;
	if (!fifo->first)
		fifo->end = &fifo->first;
	return link;
}

void fifo_move(struct fifo *from, struct fifo *to, size_t most)
{
	struct fifo_link *link;

	for (size_t count = 0; count < most && (link = fifo_take(from)); count++)
		fifo_add(to, link);
}
