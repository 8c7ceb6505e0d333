/* SPDX-License-Identifier: Apache-2.0 */
/* What the supervisor asks for: one row a request. Whatever it sends, the launcher goes on. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/descriptor.h"
#include "runner/crash/crash_point.h"
#include "runner/launcher/checkpoint_directory.h"
#include "runner/launcher/launcher.h"
#include "sandbox/pause.h"

#define READ_AT_ONCE 32 /* before the loop looks at runs again */
#define SPEC_SEALS   (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

struct request {
	struct launcher *launcher;
	const struct launcher_header *header;
	const void *packet;
	struct launcher_descriptors *descriptors;
	struct run *run; /* of a request that names one, but LAUNCH and DISCARD */
};

static int handle_ready(struct request *request, struct berth_error *err)
{
	(void)err;
	supervisor_process_settle(&request->launcher->supervisor);
	request->launcher->is_ready = true;
	notify_ready(&request->launcher->notify, "serving");
	return 0;
}

static int decode_spec(struct launcher *launcher, const void *data, size_t length,
		       struct berth_error *err)
{
	return launch_spec_decode(data, length, &launcher->room, &launcher->spec, err);
}

/* Sealed, so that what was checked stays as it was. */
static int map_spec(int fd, size_t length, const void **ret_data, struct berth_error *err)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat facts;
	void *data;

	if (seals < 0 || (seals & SPEC_SEALS) != SPEC_SEALS)
		return berth_fail(err, BERTH_PROTOCOL, 0,
				  "the launch spec is not in a sealed memfd");
	if (fstat(fd, &facts) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "stat the launch spec");
	if (length == 0 || length > LAUNCH_SPEC_BYTES_MAX || (uint64_t)facts.st_size != length)
		return berth_fail(err, BERTH_PROTOCOL, 0,
				  "the launch spec has %jd bytes and says %zu",
				  (intmax_t)facts.st_size, length);
	data = mmap(NULL, length, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED)
		return berth_fail(err, BERTH_SYSTEM, errno, "map the launch spec");
	*ret_data = data;
	return 0;
}

static int start(struct request *request, const void *data, size_t length, struct berth_error *err)
{
	if (decode_spec(request->launcher, data, length, err) < 0)
		return -1;
	return run_start(request->launcher, request->header, request->descriptors, err);
}

static int handle_launch(struct request *request, struct berth_error *err)
{
	const struct launcher_launch *launch = request->packet;
	const size_t follows = launch->header.bytes - sizeof(*launch);
	const void *data = NULL;
	int result;

	if (request->launcher->phase == LAUNCHER_KILLING)
		return berth_fail(err, BERTH_DENIED, 0, "the launcher is shutting down");
	if (!(launch->passed & LAUNCHER_PASS_SPEC)) {
		if (launch->spec_bytes != follows)
			return berth_fail(err, BERTH_PROTOCOL, 0,
					  "launch: %zu bytes follow, said to be %u", follows,
					  launch->spec_bytes);
		return start(request, launch + 1, follows, err);
	}
	if (follows)
		return berth_fail(err, BERTH_PROTOCOL, 0, "launch: a spec in two places");
	if (map_spec(request->descriptors->fds[LAUNCHER_FD_SPEC], launch->spec_bytes, &data, err) <
	    0)
		return -1;
	result = start(request, data, launch->spec_bytes, err);
	(void)munmap((void *)(uintptr_t)data, launch->spec_bytes);
	return result;
}

static int handle_signal(struct request *request, struct berth_error *err)
{
	const struct launcher_signal *signal = request->packet;

	if (!request->run->sandbox)
		return 0; /* it ended meanwhile, which is told */
	return sandbox_signal(request->run->sandbox, signal->signal, err);
}

static int handle_kill(struct request *request, struct berth_error *err)
{
	(void)err;
	run_kill(request->run);
	return 0;
}

static int handle_freeze(struct request *request, struct berth_error *err)
{
	return run_freeze(request->launcher, request->run, err);
}

static int handle_thaw(struct request *request, struct berth_error *err)
{
	return run_thaw(request->launcher, request->run, err);
}

static int handle_reclaim(struct request *request, struct berth_error *err)
{
	return run_reclaim(request->launcher, request->run, err);
}

static bool has_full_disk(const struct run *run)
{
	for (size_t i = 0; i < run->volume_count; i++)
		if (sandbox_volume_kind(run->volumes[i].volume) != SANDBOX_VOLUME_MEMORY &&
		    sandbox_volume_is_full(run->volumes[i].volume))
			return true;
	return false;
}

static int handle_usage(struct request *request, struct berth_error *err)
{
	const struct launcher_usage *usage = request->packet;
	const struct run *run = request->run;
	union outbox_reply reply = {
		.used =
			{
                               .header = launcher_header_make(LAUNCHER_USED,
                               sizeof(struct launcher_used),
                               run->number, run->token),
                               .tag = usage->tag,
                               .usage = run->outcome.usage,
                               .disk_full = has_full_disk(run),
			       },
	};

	if (run->sandbox) {
		if (sandbox_read_usage(run->sandbox, &reply.used.usage, err) < 0)
			return -1;
		reply.used.processes = sandbox_count_processes(run->sandbox);
	}
	outbox_reply(&request->launcher->outbox, &reply);
	return 0;
}

static int handle_hold(struct request *request, struct berth_error *err)
{
	const struct launcher_hold *hold = request->packet;
	int *fd = &request->descriptors->fds[LAUNCHER_FD_CONNECTION];

	crash_point(CRASH_LAUNCHER_BEFORE_HOLD);
	if (run_table_hold(request->launcher->table, request->run, hold->connection, *fd, err) < 0)
		return -1;
	(void)steal_fd(fd);
	crash_point(CRASH_LAUNCHER_AFTER_HOLD);
	return 0;
}

static int handle_unhold(struct request *request, struct berth_error *err)
{
	const struct launcher_hold *hold = request->packet;

	if (run_table_unhold(request->launcher->table, request->run, hold->connection) > 0)
		return berth_fail(err, BERTH_NOT_FOUND, 0, "connection %ju is not held",
				  (uintmax_t)hold->connection);
	return 0;
}

static int handle_release(struct request *request, struct berth_error *err)
{
	if (request->run->sandbox)
		return berth_fail(err, BERTH_INVALID, 0, "the run has not ended");
	crash_point(CRASH_LAUNCHER_BEFORE_RELEASE);
	outbox_forget(&request->launcher->outbox, request->run);
	run_table_remove(request->launcher->table, request->run);
	crash_point(CRASH_LAUNCHER_AFTER_RELEASE);
	return 0;
}

static int handle_discard(struct request *request, struct berth_error *err)
{
	const int64_t number = request->header->run;

	if (run_table_has_number(request->launcher->table, number))
		return berth_fail(err, BERTH_INVALID, 0, "the run has an attempt");
	return checkpoint_directory_discard(request->launcher->checkpoints_fd, number, err);
}

static int handle_reload(struct request *request, struct berth_error *err)
{
	return phase_reload(request->launcher, err);
}

static int handle_drained(struct request *request, struct berth_error *err)
{
	return phase_drained(request->launcher, err);
}

static int handle_pong(struct request *request, struct berth_error *err)
{
	(void)err;
	request->launcher->pong_missing = false;
	return 0;
}

static const struct {
	uint16_t kind;
	int (*handle)(struct request *request, struct berth_error *err);
	bool finds_run;
} rows[] = {
	{LAUNCHER_READY,   handle_ready,   false},
        {LAUNCHER_LAUNCH,  handle_launch,  false},
	{LAUNCHER_SIGNAL,  handle_signal,  true },
        {LAUNCHER_KILL,    handle_kill,    true },
	{LAUNCHER_FREEZE,  handle_freeze,  true },
        {LAUNCHER_THAW,    handle_thaw,    true },
	{LAUNCHER_RECLAIM, handle_reclaim, true },
        {LAUNCHER_USAGE,   handle_usage,   true },
	{LAUNCHER_HOLD,    handle_hold,    true },
        {LAUNCHER_UNHOLD,  handle_unhold,  true },
	{LAUNCHER_RELEASE, handle_release, true },
        {LAUNCHER_DISCARD, handle_discard, false},
	{LAUNCHER_RELOAD,  handle_reload,  false},
        {LAUNCHER_DRAINED, handle_drained, false},
	{LAUNCHER_PONG,    handle_pong,    false},
};

static int handle(struct request *request, struct berth_error *err)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].kind != request->header->kind)
			continue;
		if (rows[i].finds_run) {
			request->run = run_table_find(request->launcher->table,
						      request->header->run, request->header->token);
			if (!request->run)
				return berth_fail(err, BERTH_NOT_FOUND, 0,
						  "there is no such attempt");
		}
		return rows[i].handle(request, err);
	}
	return berth_fail(err, BERTH_PROTOCOL, 0, "message %u is not handled",
			  request->header->kind);
}

/* What comes back with a refusal, so that the supervisor knows which of several it is. */
static uint64_t tag_of(const struct launcher_header *header, const void *packet)
{
	uint64_t tag = 0;

	if (header->kind == LAUNCHER_USAGE)
		memcpy(&tag, (const char *)packet + offsetof(struct launcher_usage, tag),
		       sizeof(tag));
	else if (header->kind == LAUNCHER_HOLD || header->kind == LAUNCHER_UNHOLD)
		memcpy(&tag, (const char *)packet + offsetof(struct launcher_hold, connection),
		       sizeof(tag));
	return tag;
}

/* A packet that is none is answered without a name, because what it holds means nothing. */
static void take(struct launcher *launcher, const int *fds, size_t count)
{
	static const struct launcher_header nobody = {0};
	struct launcher_packet *packet = &launcher->packet;
	const struct launcher_message_row *row = NULL;
	struct berth_error error = {0};
	struct request request = {
		.launcher = launcher,
		.header = (const struct launcher_header *)packet->bytes,
		.packet = packet->bytes,
		.descriptors = &packet->descriptors,
	};

	if (launcher_packet_check(packet->bytes, packet->length, count, LAUNCHER_UP, &row, &error) <
	    0) {
		for (size_t i = 0; i < count; i++)
			(void)close(fds[i]);
		outbox_refuse(&launcher->outbox, &nobody, 0, &error);
		return;
	}
	launcher_packet_sort(packet->bytes, row, fds, &packet->descriptors);
	if (handle(&request, &error) < 0)
		outbox_refuse(&launcher->outbox, request.header,
			      tag_of(request.header, packet->bytes), &error);
	launcher_descriptors_close(&packet->descriptors);
}

/* 0: one packet was read; positive: there is none now, or never again. */
static int read_one(struct launcher *launcher)
{
	struct launcher_packet *packet = &launcher->packet;
	struct berth_error error = {0};
	int fds[LAUNCHER_DESCRIPTORS_MAX];
	size_t count = 0;

	if (descriptor_receive(launcher->supervisor.socket_fd, packet->bytes, sizeof(packet->bytes),
			       &packet->length, fds, LAUNCHER_DESCRIPTORS_MAX, &count,
			       &error) < 0) {
		static const struct launcher_header nobody = {0};

		if (error.code != BERTH_PROTOCOL)
			return 1; /* EAGAIN, or gone: its pidfd tells */
		outbox_refuse(&launcher->outbox, &nobody, 0, &error);
		return 0;
	}
	if (packet->length == 0 && count == 0)
		return 1;
	take(launcher, fds, count);
	return 0;
}

int requests_read(struct launcher *launcher, struct berth_error *err)
{
	(void)err;
	for (int i = 0; i < READ_AT_ONCE; i++) {
		if (launcher->supervisor.socket_fd < 0 || !outbox_has_room(&launcher->outbox))
			return 0;
		if (read_one(launcher) > 0)
			return 1;
	}
	return 0;
}
