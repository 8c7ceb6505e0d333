/* SPDX-License-Identifier: Apache-2.0 */
/* Writing the table down, executing the program on disk, and reading it there. */
#include "runner/launcher/reload.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/descriptor.h"
#include "runner/crash/crash_point.h"
#include "runner/launcher/launcher.h"
#include "sandbox/handover.h"

#define RELOAD_VERSION 1
#define CHECK_MS       10000
#define VERSION_SIZE   48
#define SEALS          (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)
#define RESUME_OPTION  "--resume"
#define ARGUMENTS_MAX  256

struct reload_header {
	uint32_t version, run_count, group_sequence, generation;
	int32_t checkpoints_fd;
	uint32_t deaths;
};

/* Followed by a sandbox's record when it lives, by its protections when not, by its volumes'
 * records and its connections. */
struct reload_run {
	int64_t number;
	char token[LAUNCHER_TOKEN_SIZE];
	uint8_t is_live, started, frozen, kill_asked, pace;
	uint16_t hold_count, volume_count;
	int32_t stdout_fd, stderr_fd, channel_fd;
	uint64_t launched_ns;
	struct sandbox_outcome outcome;
};

struct reload_volume {
	int32_t view_fd;
	uint32_t viewed;
	struct sandbox_volume_record record;
};

struct reload_hold {
	uint64_t connection;
	int32_t fd;
	uint32_t reserved;
};

static void format_version(char text[VERSION_SIZE])
{
	(void)snprintf(text, VERSION_SIZE, "%d.%d.%d.%zu", RELOAD_VERSION, SANDBOX_RECORD_VERSION,
		       LAUNCHER_PROTOCOL_VERSION,
		       sizeof(struct reload_run) + sizeof(struct reload_volume) +
			       sizeof(struct sandbox_record));
}

int reload_is_version(const char *version)
{
	char ours[VERSION_SIZE];

	format_version(ours);
	return strcmp(version, ours) == 0;
}

static int await_check(pid_t child, struct berth_error *err)
{
	AUTO_CLOSE int pidfd = (int)syscall(SYS_pidfd_open, child, 0);
	struct pollfd watched = {.fd = pidfd, .events = POLLIN};
	int status = 0;

	if (pidfd < 0 || poll(&watched, 1, CHECK_MS) != 1)
		(void)kill(child, SIGKILL);
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return berth_fail(err, BERTH_SYSTEM, errno, "wait for the new program");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return berth_fail(err, BERTH_DENIED, 0,
				  "the program on disk does not take over from this one: restart "
				  "the service");
	return 0;
}

int reload_check(const struct launcher *launcher, struct berth_error *err)
{
	const char *program = launcher->options.program;
	char version[VERSION_SIZE];
	char *const arguments[] = {(char *)(uintptr_t)program, (char[]){"--check"}, version, NULL};
	char *const environment[] = {NULL};
	pid_t child;
	int failed;

	format_version(version);
	failed = posix_spawn(&child, program, NULL, NULL, arguments, environment);
	if (failed)
		return berth_fail(err, BERTH_SYSTEM, failed, "execute %.200s", program);
	return await_check(child, err);
}

/* Calls keep for every descriptor that is not of a sandbox or a volume. */
static int keep_plain(const struct launcher *launcher, const struct run *run, bool keep,
		      struct berth_error *err)
{
	const int own[] = {run->stdout_fd, run->stderr_fd, run->channel_fd};
	const struct hold *hold;

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (own[i] >= 0 && fcntl(own[i], F_SETFD, keep ? 0 : FD_CLOEXEC) < 0)
			return berth_fail(err, BERTH_SYSTEM, errno, "keep descriptor %d", own[i]);
	for (size_t i = 0; (hold = run_table_hold_at(launcher->table, run, i)); i++)
		if (fcntl(hold->fd, F_SETFD, keep ? 0 : FD_CLOEXEC) < 0)
			return berth_fail(err, BERTH_SYSTEM, errno, "keep descriptor %d", hold->fd);
	for (size_t i = 0; i < run->volume_count; i++)
		if (run->volumes[i].view_fd >= 0 &&
		    fcntl(run->volumes[i].view_fd, F_SETFD, keep ? 0 : FD_CLOEXEC) < 0)
			return berth_fail(err, BERTH_SYSTEM, errno, "keep a view");
	return 0;
}

static int keep_run(const struct launcher *launcher, const struct run *run, bool keep,
		    struct berth_error *err)
{
	if (run->sandbox && sandbox_keep(run->sandbox, keep, err) < 0)
		return -1;
	for (size_t i = 0; i < run->volume_count; i++)
		if (sandbox_volume_keep(run->volumes[i].volume, keep, err) < 0)
			return -1;
	return keep_plain(launcher, run, keep, err);
}

static int keep_all(const struct launcher *launcher, bool keep, struct berth_error *err)
{
	for (struct run *run = run_table_next(launcher->table, 0); run;
	     run = run_table_next(launcher->table, run_table_index(launcher->table, run) + 1))
		if (keep_run(launcher, run, keep, err) < 0)
			return -1;
	if (launcher->checkpoints_fd >= 0 &&
	    fcntl(launcher->checkpoints_fd, F_SETFD, keep ? 0 : FD_CLOEXEC) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "keep descriptor %d",
				  launcher->checkpoints_fd);
	return notify_keep(&launcher->notify, keep, err);
}

static int write_state(int fd, const struct launcher *launcher, const struct run *run,
		       struct berth_error *err)
{
	struct sandbox_record record;

	if (!run->sandbox)
		return descriptor_write_all(fd, run->protections->states,
					    sizeof(run->protections->states), err);
	(void)launcher;
	sandbox_export(run->sandbox, &record);
	return descriptor_write_all(fd, &record, sizeof(record), err);
}

static int write_run(int fd, const struct launcher *launcher, const struct run *run,
		     struct berth_error *err)
{
	struct reload_run record = {
		.number = run->number,
		.is_live = run->sandbox != NULL,
		.started = run->started,
		.frozen = run->frozen,
		.kill_asked = run->kill_asked,
		.pace = run->pace,
		.hold_count = run->hold_count,
		.volume_count = run->volume_count,
		.stdout_fd = run->stdout_fd,
		.stderr_fd = run->stderr_fd,
		.channel_fd = run->channel_fd,
		.launched_ns = run->launched_ns,
		.outcome = run->outcome,
	};
	const struct hold *hold;

	memcpy(record.token, run->token, sizeof(record.token));
	if (descriptor_write_all(fd, &record, sizeof(record), err) < 0 ||
	    write_state(fd, launcher, run, err) < 0)
		return -1;
	for (size_t i = 0; i < run->volume_count; i++) {
		struct reload_volume volume = {
			.view_fd = run->volumes[i].view_fd,
			.viewed = run->volumes[i].viewed,
		};

		sandbox_volume_export(run->volumes[i].volume, &volume.record);
		if (descriptor_write_all(fd, &volume, sizeof(volume), err) < 0)
			return -1;
	}
	for (size_t i = 0; (hold = run_table_hold_at(launcher->table, run, i)); i++) {
		const struct reload_hold row = {.connection = hold->connection, .fd = hold->fd};

		if (descriptor_write_all(fd, &row, sizeof(row), err) < 0)
			return -1;
	}
	return 0;
}

static int write_table(const struct launcher *launcher, int *ret_fd, struct berth_error *err)
{
	const struct reload_header header = {
		.version = RELOAD_VERSION,
		.run_count = (uint32_t)launcher->table->count,
		.group_sequence = sandbox_host_group_sequence(launcher->host),
		.generation = launcher->generation,
		.checkpoints_fd = launcher->checkpoints_fd,
		.deaths = launcher->supervisor.deaths,
	};
	AUTO_CLOSE int fd = memfd_create("berth-launcher", MFD_ALLOW_SEALING | MFD_CLOEXEC);

	if (fd < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "memfd_create");
	if (descriptor_write_all(fd, &header, sizeof(header), err) < 0)
		return -1;
	for (struct run *run = run_table_next(launcher->table, 0); run;
	     run = run_table_next(launcher->table, run_table_index(launcher->table, run) + 1))
		if (write_run(fd, launcher, run, err) < 0)
			return -1;
	if (lseek(fd, 0, SEEK_SET) < 0 || fcntl(fd, F_ADD_SEALS, SEALS) < 0 ||
	    fcntl(fd, F_SETFD, 0) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "seal the table");
	*ret_fd = steal_fd(&fd);
	return 0;
}

/* Our own arguments, with another --resume, which is one word and comes first. */
static int make_arguments(const struct launcher *launcher, char *resume, char **ret_list,
			  struct berth_error *err)
{
	char *const *all = launcher->options.all;
	size_t count = 0;

	ret_list[count++] = all[0];
	ret_list[count++] = resume;
	for (size_t i = launcher->options.resume_fd >= 0 ? 2 : 1; all[i]; i++) {
		if (count >= ARGUMENTS_MAX)
			return berth_fail(err, BERTH_LIMIT, 0, "more than %d arguments",
					  ARGUMENTS_MAX);
		ret_list[count++] = all[i];
	}
	ret_list[count] = NULL;
	return 0;
}

static int execute(struct launcher *launcher, struct berth_error *err)
{
	char *arguments[ARGUMENTS_MAX + 1], resume[32];
	AUTO_CLOSE int fd = -1;

	/* pooled things are not handed over, and their names must not be those of anything */
	sandbox_host_drain(launcher->host);
	if (write_table(launcher, &fd, err) < 0 || keep_all(launcher, true, err) < 0)
		return -1;
	(void)snprintf(resume, sizeof(resume), RESUME_OPTION "=%d", fd);
	if (make_arguments(launcher, resume, arguments, err) < 0)
		return -1;
	crash_point(CRASH_LAUNCHER_BEFORE_RELOAD);
	(void)execv(launcher->options.program, arguments);
	return berth_fail(err, BERTH_SYSTEM, errno, "execute %.200s", launcher->options.program);
}

void reload_execute(struct launcher *launcher, struct berth_error *err)
{
	(void)execute(launcher, err);
	/* as it was; a descriptor whose flag cannot be set again is only one too many in a child */
	(void)keep_all(launcher, false, NULL);
}

static int read_exactly(int fd, void *target, size_t length, struct berth_error *err)
{
	size_t done = 0;

	while (done < length) {
		ssize_t got = read(fd, (char *)target + done, length - done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return berth_fail(err, BERTH_SYSTEM, errno, "read the table");
		if (got == 0)
			return berth_fail(err, BERTH_PROTOCOL, 0, "the table ends too early");
		done += (size_t)got;
	}
	return 0;
}

int reload_read_host(struct launcher *launcher, unsigned *ret_group_sequence,
		     struct berth_error *err)
{
	const int fd = (int)launcher->options.resume_fd;
	const int seals = fcntl(fd, F_GET_SEALS);
	struct reload_header header;

	if (seals < 0 || (seals & SEALS) != SEALS)
		return berth_fail(err, BERTH_PROTOCOL, 0, "%s: it is not a sealed memfd",
				  RESUME_OPTION);
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, RESUME_OPTION);
	if (read_exactly(fd, &header, sizeof(header), err) < 0)
		return -1;
	if (header.version != RELOAD_VERSION || header.run_count > LAUNCHER_RUNS_MAX)
		return berth_fail(err, BERTH_PROTOCOL, 0, "table version %u instead of %d",
				  header.version, RELOAD_VERSION);
	launcher->generation = header.generation;
	launcher->supervisor.deaths = header.deaths;
	launcher->checkpoints_fd = header.checkpoints_fd;
	if (header.checkpoints_fd >= 0 && fcntl(header.checkpoints_fd, F_SETFD, FD_CLOEXEC) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "keep the checkpoints");
	launcher->resume_count = header.run_count;
	*ret_group_sequence = header.group_sequence;
	return 0;
}

static int read_volumes(struct launcher *launcher, struct run *run, size_t count,
			struct berth_error *err)
{
	const int fd = (int)launcher->options.resume_fd;
	struct reload_volume record;

	for (size_t i = 0; i < count; i++) {
		struct run_volume *volume = &run->volumes[i];

		if (read_exactly(fd, &record, sizeof(record), err) < 0 ||
		    sandbox_volume_import(&record.record, &volume->volume, err) < 0)
			return -1;
		run->volume_count++;
		volume->view_fd = record.view_fd;
		volume->viewed = record.viewed;
	}
	return 0;
}

static int read_holds(struct launcher *launcher, struct run *run, size_t count,
		      struct berth_error *err)
{
	struct reload_hold record;

	for (size_t i = 0; i < count; i++)
		if (read_exactly((int)launcher->options.resume_fd, &record, sizeof(record), err) <
			    0 ||
		    run_table_hold(launcher->table, run, record.connection, record.fd, err) < 0)
			return -1;
	return 0;
}

/* Volumes come after the sandbox in the file, and are needed before it. */
static int read_state(struct launcher *launcher, struct run *run, const struct reload_run *record,
		      struct berth_error *err)
{
	const int fd = (int)launcher->options.resume_fd;
	struct sandbox_volume *volumes[SANDBOX_VOLUMES_MAX];
	struct protection_set *recent = NULL;
	struct sandbox_record sandbox;

	if (!record->is_live) {
		int taken;

		if (read_exactly(fd, sandbox.protections, sizeof(sandbox.protections), err) < 0)
			return -1;
		taken = protection_set_take(&recent, sandbox.protections, &run->protections, err);
		protection_set_release(recent);
		return taken < 0 ? -1 : read_volumes(launcher, run, record->volume_count, err);
	}
	if (read_exactly(fd, &sandbox, sizeof(sandbox), err) < 0 ||
	    read_volumes(launcher, run, record->volume_count, err) < 0)
		return -1;
	for (size_t i = 0; i < run->volume_count; i++)
		volumes[i] = run->volumes[i].volume;
	if (sandbox_import(launcher->host, &sandbox, volumes, run->volume_count, &run->sandbox,
			   err) < 0)
		return -1;
	return run_watch(launcher, run, err);
}

static int read_run(struct launcher *launcher, struct berth_error *err)
{
	struct reload_run record;
	struct run *run = NULL;

	if (read_exactly((int)launcher->options.resume_fd, &record, sizeof(record), err) < 0)
		return -1;
	if (record.volume_count > SANDBOX_VOLUMES_MAX || record.hold_count > LAUNCHER_RUN_HOLDS_MAX)
		return berth_fail(err, BERTH_PROTOCOL, 0, "a row of the table makes no sense");
	if (run_table_add(launcher->table, record.number, record.token, LAUNCHER_RUNS_MAX, &run,
			  err) < 0)
		return -1;
	run->started = record.started;
	run->frozen = record.frozen;
	run->kill_asked = record.kill_asked;
	run->stdout_fd = record.stdout_fd;
	run->stderr_fd = record.stderr_fd;
	run->channel_fd = record.channel_fd;
	run->launched_ns = record.launched_ns;
	run->outcome = record.outcome;
	run->launcher = launcher;
	if (read_state(launcher, run, &record, err) < 0 ||
	    read_holds(launcher, run, record.hold_count, err) < 0 ||
	    keep_plain(launcher, run, false, err) < 0)
		return -1;
	return run_pace_resume(launcher, run, record.pace, err);
}

int reload_read_runs(struct launcher *launcher, struct berth_error *err)
{
	for (uint32_t i = 0; i < launcher->resume_count; i++)
		if (read_run(launcher, err) < 0)
			return berth_fail_context(err, "take over run %u of %u", i + 1,
						  launcher->resume_count);
	(void)close((int)launcher->options.resume_fd);
	crash_point(CRASH_LAUNCHER_AFTER_RELOAD);
	return 0;
}
