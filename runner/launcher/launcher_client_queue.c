/* SPDX-License-Identifier: Apache-2.0 */
/* Packets that wait for room in the socket. */
#include "runner/launcher/launcher_client_queue.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/descriptor.h"

struct launcher_client_packet {
	struct launcher_client_packet *next;
	size_t length, count;
	int fds[LAUNCHER_DESCRIPTORS_MAX];
	char bytes[];
};

static void destroy_packet(struct launcher_client_packet *packet)
{
	for (size_t i = 0; i < packet->count; i++)
		close_fd(&packet->fds[i]);
	free(packet);
}

int launcher_client_send(int socket_fd, const void *packet, size_t length, const int *fds,
			 size_t count, struct berth_error *err)
{
	struct berth_error failure = {0};

	if (descriptor_send(socket_fd, packet, length, fds, count, &failure) == 0)
		return 0;
	if (failure.errnum == EAGAIN || failure.errnum == ENOBUFS || failure.errnum == ETOOMANYREFS)
		return 1;
	/* the launcher's end is told when it is read */
	if (failure.errnum == EPIPE || failure.errnum == ECONNRESET || failure.errnum == ENOTCONN)
		return 0;
	if (err)
		*err = failure;
	return -1;
}

int launcher_client_queue_add(struct launcher_client_queue *queue, size_t max, const void *packet,
			      size_t length, const int *fds, size_t count, struct berth_error *err)
{
	struct launcher_client_packet *copy;

	if (queue->count >= max)
		return berth_fail(err, BERTH_LIMIT, 0, "more than %zu requests wait", max);
	copy = malloc(sizeof(*copy) + length);
	if (!copy)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "queue a request");
	*copy = (struct launcher_client_packet){.length = length};
	memcpy(copy->bytes, packet, length);
	for (; copy->count < count; copy->count++) {
		copy->fds[copy->count] = fcntl(fds[copy->count], F_DUPFD_CLOEXEC, 0);
		if (copy->fds[copy->count] < 0) {
			(void)berth_fail(err, BERTH_SYSTEM, errno, "queue a descriptor");
			destroy_packet(copy);
			return -1;
		}
	}
	if (queue->last)
		queue->last->next = copy;
	else
		queue->first = copy;
	queue->last = copy;
	queue->count++;
	return 0;
}

static void drop_first(struct launcher_client_queue *queue)
{
	struct launcher_client_packet *packet = queue->first;

	queue->first = packet->next;
	if (!queue->first)
		queue->last = NULL;
	queue->count--;
	destroy_packet(packet);
}

int launcher_client_queue_flush(struct launcher_client_queue *queue, int socket_fd,
				struct berth_error *err)
{
	while (queue->first) {
		const struct launcher_client_packet *packet = queue->first;
		int sent = launcher_client_send(socket_fd, packet->bytes, packet->length,
						packet->fds, packet->count, err);

		if (sent != 0)
			return sent;
		drop_first(queue);
	}
	return 0;
}

void launcher_client_queue_finish(struct launcher_client_queue *queue)
{
	while (queue->first)
		drop_first(queue);
}
