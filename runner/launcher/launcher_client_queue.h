/* SPDX-License-Identifier: Apache-2.0 */
/* Packets that the socket did not take yet, with copies of their descriptors, in order. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "runner/launcher/launcher_protocol.h"

struct launcher_client_queue {
	struct launcher_client_packet *first, *last;
	size_t count;
};

/* Copies the packet and duplicates its descriptors; BERTH_LIMIT beyond max. */
int launcher_client_queue_add(struct launcher_client_queue *queue, size_t max, const void *packet,
			      size_t length, const int *fds, size_t count, struct berth_error *err);

/* Sends until the socket is full. 0: all is gone; positive: some is left. A socket without a peer
 * takes everything. */
int launcher_client_queue_flush(struct launcher_client_queue *queue, int socket_fd,
				struct berth_error *err);

void launcher_client_queue_finish(struct launcher_client_queue *queue);

/* One packet, at once: positive when the socket is full. */
int launcher_client_send(int socket_fd, const void *packet, size_t length, const int *fds,
			 size_t count, struct berth_error *err);
