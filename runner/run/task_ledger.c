/* SPDX-License-Identifier: Apache-2.0 */
/* How far each connection of a durable channel is, in memory that outlives the supervisor: what has
 * left the socket, and requests that wait although their line has left it. */
#include "runner/run/task_ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define LEDGER_MAGIC UINT64_C(0x6265727468310001) /* "berth1" and the layout's version */
#define HEAD_BYTES   ((off_t)16384)
#define SPILL_BYTES  ((off_t)PROTOCOL_LINE_MAX)
#define COPY_BYTES   65536
#define SPILL_OFFSET(i)                                                                            \
	(HEAD_BYTES + (off_t)(i)*SPILL_BYTES) /* sparse: only what is used exists                  \
					       */

struct task_ledger_head {
	uint64_t magic;
	uint64_t next_connection;
	struct task_ledger_slot slots[PROTOCOL_CONNECTIONS_MAX];
	struct task_ledger_wait waits[PROTOCOL_WAITS_MAX];
};

_Static_assert(sizeof(struct task_ledger_head) <= (size_t)HEAD_BYTES, "the head fits its place");

static int head_map(struct task_ledger *ledger, struct berth_error *err)
{
	void *head =
		mmap(NULL, (size_t)HEAD_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, ledger->fd, 0);

	if (head == MAP_FAILED)
		return berth_fail(err, BERTH_SYSTEM, errno, "map the task channel's ledger");
	ledger->head = head;
	return 0;
}

int task_ledger_create(struct task_ledger *ledger, struct berth_error *err)
{
	*ledger = (struct task_ledger){.fd = memfd_create("berth-task-ledger", MFD_CLOEXEC)};
	if (ledger->fd < 0 || ftruncate(ledger->fd, HEAD_BYTES) < 0) {
		(void)berth_fail(err, BERTH_SYSTEM, errno, "make the task channel's ledger");
		close_fd(&ledger->fd);
		return -1;
	}
	if (head_map(ledger, err) < 0) {
		close_fd(&ledger->fd);
		return -1;
	}
	ledger->head->next_connection = 1;
	ledger->head->magic = LEDGER_MAGIC;
	return 0;
}

int task_ledger_open(struct task_ledger *ledger, int fd, struct berth_error *err)
{
	struct stat status;

	*ledger = (struct task_ledger){.fd = fd};
	if (fstat(fd, &status) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "the task channel's ledger");
	if (status.st_size < HEAD_BYTES)
		return berth_fail(err, BERTH_INVALID, 0, "no ledger of a task channel");
	if (head_map(ledger, err) < 0)
		return -1;
	if (ledger->head->magic == LEDGER_MAGIC)
		return 0;
	(void)munmap(ledger->head, (size_t)HEAD_BYTES);
	ledger->head = NULL;
	return berth_fail(err, BERTH_INVALID, 0, "a ledger of another version of berth");
}

void task_ledger_finish(struct task_ledger *ledger)
{
	if (ledger->head)
		(void)munmap(ledger->head, (size_t)HEAD_BYTES);
	ledger->head = NULL;
	close_fd(&ledger->fd);
}

uint64_t task_ledger_next(struct task_ledger *ledger)
{
	return ledger->head->next_connection++;
}

void task_ledger_start_at(struct task_ledger *ledger, uint64_t number)
{
	if (ledger->head->next_connection < number)
		ledger->head->next_connection = number;
}

struct task_ledger_slot *task_ledger_slot(struct task_ledger *ledger, uint64_t connection)
{
	struct task_ledger_slot *found = NULL, *slot;

	for (size_t i = 0; i < PROTOCOL_CONNECTIONS_MAX; i++) {
		slot = &ledger->head->slots[i];
		if (slot->connection == connection)
			return slot;
		if (!found && slot->connection == 0)
			found = slot;
	}
	if (found)
		*found = (struct task_ledger_slot){.connection = connection};
	return found;
}

void task_ledger_release(struct task_ledger *ledger, struct task_ledger_slot *slot)
{
	struct task_ledger_wait *wait;

	for (size_t i = 0; i < PROTOCOL_WAITS_MAX; i++) {
		wait = &ledger->head->waits[i];
		if (wait->is_set && wait->request.connection == slot->connection)
			wait->is_set = 0;
	}
	if (slot->spilled > 0)
		task_ledger_forget_spill(ledger, slot);
	*slot = (struct task_ledger_slot){0};
}

void task_ledger_keep(struct task_ledger *ledger, const struct task_channel_connection *connections,
		      size_t count)
{
	for (size_t i = 0; i < PROTOCOL_CONNECTIONS_MAX; i++) {
		struct task_ledger_slot *slot = &ledger->head->slots[i];
		bool is_kept = slot->connection == 0;

		for (size_t j = 0; j < count; j++)
			is_kept |= connections[j].number == slot->connection;
		if (!is_kept)
			task_ledger_release(ledger, slot);
	}
}

static off_t spill_offset(const struct task_ledger *ledger, const struct task_ledger_slot *slot)
{
	return SPILL_OFFSET(slot - ledger->head->slots);
}

int task_ledger_spill(struct task_ledger *ledger, const struct task_ledger_slot *slot,
		      const char *data, size_t length, struct berth_error *err)
{
	off_t offset = spill_offset(ledger, slot) + slot->spilled;
	ssize_t written;

	while (length > 0) {
		written = pwrite(ledger->fd, data, length, offset);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return berth_fail(err, BERTH_SYSTEM, written < 0 ? errno : ENOSPC,
					  "keep a part of a line");
		data += written;
		length -= (size_t)written;
		offset += written;
	}
	return 0;
}

int task_ledger_unspill(struct task_ledger *ledger, const struct task_ledger_slot *slot,
			struct text *line, struct berth_error *err)
{
	char buffer[COPY_BYTES];
	off_t offset = spill_offset(ledger, slot);
	size_t rest = slot->spilled;
	ssize_t got;

	while (rest > 0) {
		got = pread(ledger->fd, buffer, rest < sizeof(buffer) ? rest : sizeof(buffer),
			    offset);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return berth_fail(err, BERTH_SYSTEM, got < 0 ? errno : EIO,
					  "read a kept part of a line");
		if (text_append(line, buffer, (size_t)got, err) < 0)
			return -1;
		rest -= (size_t)got;
		offset += got;
	}
	return 0;
}

void task_ledger_forget_spill(struct task_ledger *ledger, const struct task_ledger_slot *slot)
{
	/* what stays behind is written over by the next */
	(void)fallocate(ledger->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			spill_offset(ledger, slot), SPILL_BYTES);
}

bool task_ledger_add_wait(struct task_ledger *ledger, const struct task_request *request)
{
	struct task_ledger_wait *wait;

	for (size_t i = 0; i < PROTOCOL_WAITS_MAX; i++) {
		wait = &ledger->head->waits[i];
		if (wait->is_set)
			continue;
		wait->request = *request;
		__atomic_store_n(&wait->is_set, 1, __ATOMIC_RELEASE);
		return true;
	}
	return false;
}

void task_ledger_drop_wait(struct task_ledger *ledger, const struct task_request *request)
{
	struct task_ledger_wait *wait;

	for (size_t i = 0; i < PROTOCOL_WAITS_MAX; i++) {
		wait = &ledger->head->waits[i];
		if (wait->is_set && wait->request.connection == request->connection &&
		    wait->request.sequence == request->sequence)
			wait->is_set = 0;
	}
}

const struct task_request *task_ledger_wait(const struct task_ledger *ledger, size_t i)
{
	const struct task_ledger_wait *wait = &ledger->head->waits[i];

	return wait->is_set ? &wait->request : NULL;
}
