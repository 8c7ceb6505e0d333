/* SPDX-License-Identifier: Apache-2.0 */
/* The supervisor's end of the launcher's socket. */
#include "runner/launcher/launcher_client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/descriptor.h"
#include "runner/launcher/launcher_client_queue.h"

#define READ_AT_ONCE   64
#define DESCRIPTOR_MAX 1048576
#define SEALS          (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)

struct launcher_client {
	struct loop_source *source;
	int fd;
	const struct launcher_handlers *handlers;
	void *owner;
	struct launcher_client_queue queue;
	bool is_greeted;
	_Alignas(16) char packet[sizeof(struct launcher_table_run)];
	_Alignas(16) char request[sizeof(struct launcher_launch) + LAUNCHER_SPEC_INLINE_MAX];
};

int launcher_client_find_descriptor(int *ret_fd, struct berth_error *err)
{
	const char *text = getenv(LAUNCHER_DESCRIPTOR_VARIABLE);
	char *end = NULL;
	long fd = text ? strtol(text, &end, 10) : -1;

	if (!text || end == text || *end || fd < 0 || fd > DESCRIPTOR_MAX ||
	    fcntl((int)fd, F_SETFD, FD_CLOEXEC) < 0)
		return berth_fail(
			err, BERTH_INVALID, 0,
			LAUNCHER_DESCRIPTOR_VARIABLE
			" names no descriptor: this program is started by berth-launcher");
	(void)unsetenv(LAUNCHER_DESCRIPTOR_VARIABLE);
	*ret_fd = (int)fd;
	return 0;
}

/* One row an event: which handler takes it. */
#define TAKE(name, type, member)                                                                   \
	static int name(struct launcher_client *client, const void *packet,                        \
			struct launcher_descriptors *fds, struct berth_error *err)                 \
	{                                                                                          \
		(void)fds;                                                                         \
		if (!client->handlers->member)                                                     \
			return 0;                                                                  \
		return client->handlers->member(client->owner, (const struct type *)packet, err);  \
	}
#define TAKE_FDS(name, type, member)                                                               \
	static int name(struct launcher_client *client, const void *packet,                        \
			struct launcher_descriptors *fds, struct berth_error *err)                 \
	{                                                                                          \
		if (!client->handlers->member)                                                     \
			return 0;                                                                  \
		return client->handlers->member(client->owner, (const struct type *)packet, fds,   \
						err);                                              \
	}
#define TAKE_BARE(name, member)                                                                    \
	static int name(struct launcher_client *client, const void *packet,                        \
			struct launcher_descriptors *fds, struct berth_error *err)                 \
	{                                                                                          \
		(void)packet;                                                                      \
		(void)fds;                                                                         \
		return client->handlers->member ? client->handlers->member(client->owner, err)     \
						: 0;                                               \
	}

TAKE(take_hello, launcher_hello, on_hello)
TAKE_FDS(take_table_run, launcher_table_run, on_table_run)
TAKE_FDS(take_table_hold, launcher_hold, on_table_hold)
TAKE(take_table_end, launcher_table_end, on_table_end)
TAKE_FDS(take_started, launcher_started, on_started)
TAKE(take_ended, launcher_ended, on_ended)
TAKE(take_refused, launcher_refused, on_refused)
TAKE(take_paced, launcher_plain, on_paced)
TAKE(take_reclaimed, launcher_reclaimed, on_reclaimed)
TAKE(take_used, launcher_used, on_used)
TAKE_BARE(take_reloading, on_reloading)
TAKE_BARE(take_shutdown, on_shutdown)

static int send_request(struct launcher_client *client, const void *packet, size_t length,
			const int *fds, size_t count, struct berth_error *err)
{
	int sent = client->queue.first
			   ? 1
			   : launcher_client_send(client->fd, packet, length, fds, count, err);

	if (sent <= 0)
		return sent;
	if (launcher_client_queue_add(&client->queue, LAUNCHER_CLIENT_QUEUE_MAX, packet, length,
				      fds, count, err) < 0)
		return -1;
	return client->source ? loop_modify_descriptor(client->source, EPOLLIN | EPOLLOUT, err) : 0;
}

static int send_plain(struct launcher_client *client, enum launcher_kind kind, int64_t number,
		      const char *token, struct berth_error *err)
{
	const struct launcher_plain packet = {
		launcher_header_make((uint16_t)kind, sizeof(packet), number, token)};

	return send_request(client, &packet, sizeof(packet), NULL, 0, err);
}

static int take_ping(struct launcher_client *client, const void *packet,
		     struct launcher_descriptors *fds, struct berth_error *err)
{
	(void)packet;
	(void)fds;
	return send_plain(client, LAUNCHER_PONG, 0, NULL, err);
}

static const struct {
	uint16_t kind;
	int (*take)(struct launcher_client *client, const void *packet,
		    struct launcher_descriptors *fds, struct berth_error *err);
} rows[] = {
	{LAUNCHER_HELLO,      take_hello     },
	{LAUNCHER_TABLE_RUN,  take_table_run },
	{LAUNCHER_TABLE_HOLD, take_table_hold},
	{LAUNCHER_TABLE_END,  take_table_end },
	{LAUNCHER_STARTED,    take_started   },
	{LAUNCHER_ENDED,      take_ended     },
	{LAUNCHER_REFUSED,    take_refused   },
	{LAUNCHER_FROZEN,     take_paced     },
	{LAUNCHER_THAWED,     take_paced     },
	{LAUNCHER_RECLAIMED,  take_reclaimed },
	{LAUNCHER_USED,       take_used      },
	{LAUNCHER_RELOADING,  take_reloading },
	{LAUNCHER_SHUTDOWN,   take_shutdown  },
	{LAUNCHER_PING,       take_ping      },
};

static int dispatch(struct launcher_client *client, uint16_t kind, struct launcher_descriptors *fds,
		    struct berth_error *err)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].kind == kind)
			return rows[i].take(client, client->packet, fds, err);
	return 0;
}

static int take_packet(struct launcher_client *client, size_t length, const int *received,
		       size_t count, struct berth_error *err)
{
	const struct launcher_message_row *row = NULL;
	struct launcher_descriptors fds;
	int result;

	if (launcher_packet_check(client->packet, length, count, LAUNCHER_DOWN, &row, err) < 0) {
		for (size_t i = 0; i < count; i++)
			(void)close(received[i]);
		return berth_fail_context(err, "from the launcher");
	}
	launcher_packet_sort(client->packet, row, received, &fds);
	if (!client->is_greeted && row->kind != LAUNCHER_HELLO) {
		launcher_descriptors_close(&fds);
		return berth_fail(err, BERTH_PROTOCOL, 0, "the launcher said %s before hello",
				  row->name);
	}
	client->is_greeted = true;
	result = dispatch(client, row->kind, &fds, err);
	launcher_descriptors_close(&fds);
	return result;
}

/* Positive: nothing is left to read. */
static int read_packet(struct launcher_client *client, struct berth_error *err)
{
	int fds[LAUNCHER_DESCRIPTORS_MAX];
	struct berth_error failure = {0};
	size_t length = 0, count = 0;

	if (descriptor_receive(client->fd, client->packet, sizeof(client->packet), &length, fds,
			       LAUNCHER_DESCRIPTORS_MAX, &count, &failure) < 0) {
		if (failure.errnum == EAGAIN)
			return 1;
		if (failure.errnum != ECONNRESET) {
			if (err)
				*err = failure;
			return -1;
		}
		length = 0;
	}
	if (length > 0)
		return take_packet(client, length, fds, count, err);
	loop_source_destroy(client->source);
	client->source = NULL;
	if (client->handlers->on_gone && client->handlers->on_gone(client->owner, err) < 0)
		return -1;
	return 1;
}

static int handle_socket(void *owner, uint32_t events, struct berth_error *err)
{
	struct launcher_client *client = owner;
	int left = launcher_client_queue_flush(&client->queue, client->fd, err);

	if (left < 0)
		return -1;
	if (left == 0 && (events & EPOLLOUT) &&
	    loop_modify_descriptor(client->source, EPOLLIN, err) < 0)
		return -1;
	for (int i = 0; i < READ_AT_ONCE; i++) {
		int result = read_packet(client, err);

		if (result != 0)
			return result < 0 ? -1 : 0;
	}
	return 0;
}

int launcher_client_create(struct loop *loop, int fd, const struct launcher_handlers *handlers,
			   void *owner, struct launcher_client **ret_client,
			   struct berth_error *err)
{
	struct launcher_client *client = calloc(1, sizeof(*client));
	int flags = fcntl(fd, F_GETFL);

	if (!client)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "launcher client");
	client->fd = fd;
	client->handlers = handlers;
	client->owner = owner;
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
		(void)berth_fail(err, BERTH_SYSTEM, errno,
				 "make the launcher's socket non-blocking");
		free(client);
		return -1;
	}
	if (loop_add_descriptor(loop, fd, EPOLLIN, handle_socket, client, &client->source, err) <
	    0) {
		free(client);
		return -1;
	}
	*ret_client = client;
	return 0;
}

void launcher_client_destroy(struct launcher_client *client)
{
	if (!client)
		return;
	loop_source_destroy(client->source);
	launcher_client_queue_finish(&client->queue);
	close_fd(&client->fd);
	free(client);
}

bool launcher_client_has_room(const struct launcher_client *client)
{
	struct pollfd socket = {.fd = client->fd, .events = POLLOUT};

	return !client->queue.first && poll(&socket, 1, 0) == 1 && (socket.revents & POLLOUT);
}

int launcher_client_ready(struct launcher_client *client, struct berth_error *err)
{
	return send_plain(client, LAUNCHER_READY, 0, NULL, err);
}

/* The spec in a memfd that nobody can change any more. */
static int write_spec(const struct launch_spec *spec, size_t bytes, int *ret_fd,
		      struct berth_error *err)
{
	AUTO_CLOSE int fd = memfd_create("berth-spec", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	AUTO_FREE void *data = malloc(bytes);

	if (fd < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "memfd_create");
	if (!data)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "launch spec");
	launch_spec_encode(spec, data);
	if (descriptor_write_all(fd, data, bytes, err) < 0)
		return -1;
	if (fcntl(fd, F_ADD_SEALS, SEALS) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "seal the launch spec");
	*ret_fd = steal_fd(&fd);
	return 0;
}

int launcher_client_launch(struct launcher_client *client, struct launcher_run run,
			   const struct launch_spec *spec, const struct launcher_descriptors *fds,
			   struct berth_error *err)
{
	struct launcher_launch *launch = (struct launcher_launch *)client->request;
	struct launcher_descriptors passed = *fds;
	int list[LAUNCHER_PASS_COUNT];
	AUTO_CLOSE int spec_fd = -1;
	size_t bytes = 0, length = sizeof(*launch), count;

	if (launch_spec_measure(spec, &bytes, err) < 0)
		return -1;
	if (bytes <= LAUNCHER_SPEC_INLINE_MAX) {
		launch_spec_encode(spec, launch + 1);
		length += bytes;
	} else if (write_spec(spec, bytes, &spec_fd, err) < 0) {
		return -1;
	}
	passed.fds[LAUNCHER_FD_SPEC] = spec_fd;
	*launch = (struct launcher_launch){
		.header = launcher_header_make(LAUNCHER_LAUNCH, length, run.number, run.token),
		.passed = launcher_descriptors_list(&passed, list, &count),
		.spec_bytes = (uint32_t)bytes,
	};
	return send_request(client, launch, length, list, count, err);
}

int launcher_client_signal(struct launcher_client *client, struct launcher_run run, int signal,
			   struct berth_error *err)
{
	const struct launcher_signal packet = {
		.header = launcher_header_make(LAUNCHER_SIGNAL, sizeof(packet), run.number,
					       run.token),
		.signal = signal,
	};

	return send_request(client, &packet, sizeof(packet), NULL, 0, err);
}

int launcher_client_hold(struct launcher_client *client, struct launcher_run run,
			 uint64_t connection, int fd, struct berth_error *err)
{
	const struct launcher_hold packet = {
		.header =
			launcher_header_make(LAUNCHER_HOLD, sizeof(packet), run.number, run.token),
		.connection = connection,
	};

	return send_request(client, &packet, sizeof(packet), &fd, 1, err);
}

int launcher_client_unhold(struct launcher_client *client, struct launcher_run run,
			   uint64_t connection, struct berth_error *err)
{
	const struct launcher_hold packet = {
		.header = launcher_header_make(LAUNCHER_UNHOLD, sizeof(packet), run.number,
					       run.token),
		.connection = connection,
	};

	return send_request(client, &packet, sizeof(packet), NULL, 0, err);
}

int launcher_client_usage(struct launcher_client *client, struct launcher_run run, uint64_t tag,
			  struct berth_error *err)
{
	const struct launcher_usage packet = {
		.header =
			launcher_header_make(LAUNCHER_USAGE, sizeof(packet), run.number, run.token),
		.tag = tag,
	};

	return send_request(client, &packet, sizeof(packet), NULL, 0, err);
}

int launcher_client_ask(struct launcher_client *client, struct launcher_run run,
			enum launcher_kind kind, struct berth_error *err)
{
	return send_plain(client, kind, run.number, run.token, err);
}

int launcher_client_discard(struct launcher_client *client, int64_t run, struct berth_error *err)
{
	return send_plain(client, LAUNCHER_DISCARD, run, NULL, err);
}

int launcher_client_reload(struct launcher_client *client, struct berth_error *err)
{
	return send_plain(client, LAUNCHER_RELOAD, 0, NULL, err);
}

int launcher_client_drained(struct launcher_client *client, struct berth_error *err)
{
	return send_plain(client, LAUNCHER_DRAINED, 0, NULL, err);
}
