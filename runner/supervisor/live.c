/* SPDX-License-Identifier: Apache-2.0 */
/* The table of living attempts, and how one comes into it: launched or adopted. */
#include "runner/supervisor/live.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "runner/crash/crash_point.h"
#include "runner/supervisor/live_state.h"
#include "runner/supervisor/live_waits.h"

#define SPACE_RETRY_NS CLOCK_NS_PER_S

struct live_table {
	const struct live_services *services;
	struct number_index index;
};

struct launcher_run live_name(const struct live *live)
{
	return (struct launcher_run){live->run_id, live->token};
}

int live_table_create(const struct live_services *services, struct live_table **ret_table,
		      struct berth_error *err)
{
	struct live_table *table = calloc(1, sizeof(*table));

	if (!table)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "table of living runs");
	table->services = services;
	*ret_table = table;
	return 0;
}

static struct live *live_of(struct number_link *link)
{
	return link ? (struct live *)((char *)link - offsetof(struct live, link)) : NULL;
}

/* All of them, beginning with NULL's. */
static struct live *next_of(const struct live_table *table, const struct live *live)
{
	return live_of(number_index_walk(&table->index, live ? &live->link : NULL));
}

struct live *live_find(struct live_table *table, int64_t run_id, const char *token)
{
	struct number_link *link = number_index_find(&table->index, run_id);

	while (link && token && strcmp(live_of(link)->token, token) != 0)
		link = number_link_next(link);
	return live_of(link);
}

size_t live_count(const struct live_table *table)
{
	return table->index.count;
}

size_t live_busy_count(const struct live_table *table)
{
	size_t count = 0;

	for (const struct live *live = NULL; (live = next_of(table, live));)
		count += live->waits == 0;
	return count;
}

static int create(struct live_table *table, int64_t run_id, const char *token,
		  struct live **ret_live, struct berth_error *err)
{
	struct live *live = calloc(1, sizeof(*live));

	if (!live)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "attempt");
	live->services = table->services;
	live->table = table;
	live->run_id = run_id;
	identifier_format_number("run", run_id, live->id);
	(void)snprintf(live->token, sizeof(live->token), "%s", token);
	live->channel_listener = -1;
	for (int i = 0; i < LIVE_STREAMS; i++)
		live->streams[i] = (struct live_stream){.live = live, .fd = -1};
	number_index_add(&table->index, &live->link, run_id);
	*ret_live = live;
	return 0;
}

static void destroy(struct live *live)
{
	number_index_remove(&live->table->index, &live->link);
	task_channel_destroy(live->channel);
	live_close_streams(live);
	close_fd(&live->channel_listener);
	while (live->adopted) {
		struct live_connection *connection = live->adopted;

		live->adopted = connection->next;
		close_fd(&connection->fd);
		free(connection);
	}
	loop_source_destroy(live->deadline);
	loop_source_destroy(live->grace);
	loop_source_destroy(live->freeze);
	loop_source_destroy(live->space);
	live_waits_finish(live);
	log_writer_destroy(live->log);
	template_release(live->template);
	string_list_finish_owned(&live->inputs);
	engine_launch_finish(&live->launch);
	free(live);
}

void live_go_on(struct live *live)
{
	struct berth_error err = {0};

	if (live->is_released) {
		const struct live_services *services = live->services;

		if (live->jobs > 0)
			return;
		destroy(live);
		services->on_gone(services->owner);
		return;
	}
	if (live->has_ended && live_report_end(live, &err) < 0)
		live_say(live, PROTOCOL_ERROR, "the end cannot be reported: %s", err.message);
}

void live_table_destroy(struct live_table *table)
{
	struct live *live;

	if (!table)
		return;
	while ((live = next_of(table, NULL)))
		destroy(live);
	free(table);
}

static void add_volume(struct launch_spec *spec, enum launch_volume_kind kind, unsigned flags,
		       const char *target, const struct resource_limits *limits)
{
	bool is_memory = kind == LAUNCH_VOLUME_MEMORY;

	spec->volumes[spec->volume_count++] = (struct launch_volume){
		.kind = kind,
		.flags = flags,
		.target = target,
		.bytes = is_memory ? limits->tmpfs_bytes : limits->disk_bytes,
		.inodes = is_memory ? limits->tmpfs_inodes : limits->disk_inodes,
	};
}

static void add_volumes(struct launch_spec *spec, const struct live *live)
{
	const struct run_plan *plan = live->template->plan;

	if (plan->work != RUN_VOLUME_NONE)
		add_volume(spec,
			   plan->work == RUN_VOLUME_DISK ? LAUNCH_VOLUME_DISK
							 : LAUNCH_VOLUME_MEMORY,
			   0, RUN_WORK_PATH, &plan->limits);
	if (plan->output != RUN_VOLUME_NONE && !live->launch.output_directory)
		add_volume(spec,
			   plan->output == RUN_VOLUME_DISK ? LAUNCH_VOLUME_DISK
							   : LAUNCH_VOLUME_MEMORY,
			   0, RUN_OUTPUT_PATH, &plan->limits);
	if (plan->checkpoint != RUN_VOLUME_NONE)
		add_volume(spec, LAUNCH_VOLUME_CHECKPOINT, 0, RUN_CHECKPOINT_PATH, &plan->limits);
}

/* The template's environment with what is this attempt's own. */
static int make_environment(const struct live *live, struct string_list *list,
			    struct berth_error *err)
{
	const struct string_list *base = &live->template->plan->environment;

	for (size_t i = 0; i < base->count; i++) {
		if (strncmp(base->items[i], "BERTH_RUN_ID=", 13) == 0)
			continue;
		if (!string_list_add_format(list, err, "%s", base->items[i]))
			return -1;
	}
	if (!string_list_add_format(list, err, "BERTH_RUN_ID=%s", live->id) ||
	    !string_list_add_format(list, err, "BERTH_ATTEMPT=%lld",
				    (long long)live->launch.attempt))
		return -1;
	return 0;
}

static int send_launch(struct live *live, const struct launcher_descriptors *fds,
		       struct berth_error *err)
{
	const struct run_plan *plan = live->template->plan;
	struct string_list environment = {0};
	struct live_mounts mounts;
	struct launch_spec spec = {
		.sandbox = {.name = live->id,
			    .arguments = (const char *const *)plan->arguments.items,
			    .working_directory = plan->options->cwd ?: RUN_WORK_PATH,
			    .mounts = mounts.mounts,
			    .limits = plan->limits,
			    .network = (enum sandbox_network)plan->options->network,
			    .channel = true},
	};
	int result = make_environment(live, &environment, err);

	add_volumes(&spec, live);
	if (result == 0)
		result = live_mounts_init(live, &mounts, err);
	if (result == 0) {
		spec.sandbox.mount_count = mounts.count;
		spec.sandbox.environment = (const char *const *)environment.items;
		crash_point(CRASH_LAUNCH_BEFORE_SEND);
		result = launcher_client_launch(live->services->launcher, live_name(live), &spec,
						fds, err);
		crash_point(CRASH_LAUNCH_AFTER_SEND);
	}
	string_list_finish_owned(&environment);
	return result;
}

static int start(struct live *live, struct berth_error *err)
{
	struct launcher_descriptors fds;
	int result;

	if (template_get(live->services->templates, &live->launch, &live->template, err) < 0 ||
	    live_name_inputs(live, err) < 0 || live_open_log(live, err) < 0 ||
	    live_make_pipes(live, &fds, err) < 0)
		return -1;
	result = send_launch(live, &fds, err);
	/* the launcher has its own copies of all of them */
	close_fd(&fds.fds[LAUNCHER_FD_STDOUT_TASK]);
	close_fd(&fds.fds[LAUNCHER_FD_STDERR_TASK]);
	return result;
}

int live_launch(struct live_table *table, struct engine_launch *launch, struct berth_error *err)
{
	struct berth_error why = {0};
	struct live *live = NULL;

	if (create(table, launch->run_id, launch->token, &live, err) < 0)
		return -1;
	live->launch = *launch;
	live->is_settled = true;
	*launch = (struct engine_launch){0};
	if (start(live, &why) < 0)
		return live_report_failure(live, &why, err);
	return 0;
}

int live_adopt(struct live_table *table, const struct launcher_table_run *run,
	       struct launcher_descriptors *fds, struct berth_error *err)
{
	static const int places[LIVE_STREAMS] = {LAUNCHER_FD_STDOUT, LAUNCHER_FD_STDERR};
	struct live *live = NULL;

	if (create(table, run->header.run, run->header.token, &live, err) < 0)
		return -1;
	live->is_adopted = true;
	live->is_started = run->state != LAUNCHER_RUN_STARTING;
	live->is_frozen = run->state == LAUNCHER_RUN_FROZEN;
	live->has_ended = run->state == LAUNCHER_RUN_ENDED;
	live->outcome = run->outcome;
	memcpy(live->protections, run->protections, sizeof(live->protections));
	live->channel_listener = steal_fd(&fds->fds[LAUNCHER_FD_CHANNEL]);
	/* not watched before its log is open */
	for (int i = 0; i < LIVE_STREAMS; i++)
		live->streams[i].fd = steal_fd(&fds->fds[places[i]]);
	return 0;
}

int live_adopt_connection(struct live_table *table, const struct launcher_hold *hold,
			  struct launcher_descriptors *fds, struct berth_error *err)
{
	struct live *live = live_find(table, hold->header.run, hold->header.token);
	struct live_connection *connection, **end;

	if (!live)
		return 0;
	connection = calloc(1, sizeof(*connection));
	if (!connection)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "connection");
	connection->number = hold->connection;
	connection->fd = steal_fd(&fds->fds[LAUNCHER_FD_CONNECTION]);
	for (end = &live->adopted; *end; end = &(*end)->next)
		continue;
	*end = connection;
	return 0;
}

int live_list(const struct live_table *table, struct engine_live **ret_list, size_t *ret_count,
	      struct berth_error *err)
{
	struct engine_live *list = calloc(table->index.count + 1, sizeof(*list));
	size_t count = 0;

	if (!list)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "list of living runs");
	for (const struct live *live = NULL; (live = next_of(table, live));) {
		list[count].run_id = live->run_id;
		memcpy(list[count++].token, live->token, sizeof(live->token));
	}
	*ret_list = list;
	*ret_count = count;
	return 0;
}

struct adopt_job {
	struct engine_job job;
	struct live *live;
	struct engine_launch launch;
};

static int read_adopted(struct engine *engine, void *argument, struct berth_error *err)
{
	struct adopt_job *adopt = argument;

	return engine_read_launch(engine, adopt->live->run_id, adopt->live->token, &adopt->launch,
				  err);
}

struct start_job {
	struct engine_job job;
	struct live *live;
};

static int note_start(struct engine *engine, void *argument, struct berth_error *err)
{
	const struct live *live = ((struct start_job *)argument)->live;

	return engine_attempt_started(engine, live->run_id, live->token, err);
}

static void on_start_noted(struct engine_job *job, int result, const struct berth_error *why)
{
	struct live *live = ((struct start_job *)job)->live;

	crash_point(CRASH_START_AFTER_RECORD);
	(void)result; /* stale: ENGINE_KILL comes, or came */
	(void)why;
	free(job);
	live->jobs--;
	live_go_on(live);
}

/* Told again it changes nothing: an adopted run's supervisor may have died before. */
static int report_start(struct live *live, struct berth_error *err)
{
	struct start_job *job = calloc(1, sizeof(*job));

	if (!job)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "start of a run");
	crash_point(CRASH_START_BEFORE_RECORD);
	job->job.work = note_start;
	job->job.done = on_start_noted;
	job->live = live;
	live->jobs++;
	engine_thread_submit(live->services->engine, &job->job, true);
	return 0;
}

static int open_adopted(struct live *live, struct berth_error *err)
{
	int opened;

	if (!live->template &&
	    template_get(live->services->templates, &live->launch, &live->template, err) < 0)
		return -1;
	if (live_name_inputs(live, err) < 0)
		return -1;
	opened = live_open_log(live, err);
	if (opened == LOG_WRITER_NO_SPACE)
		return live_wait_for_space(live, err);
	if (opened < 0)
		return -1;
	live->is_settled = true;
	/* before anything that the task says: it may not wait before it executes */
	if (live->is_started && report_start(live, err) < 0)
		return -1;
	for (int i = 0; i < LIVE_STREAMS; i++)
		if (live_watch_stream(live, i, err) < 0)
			return -1;
	if (live->channel_listener >= 0 &&
	    live_open_channel(live, &live->channel_listener, err) < 0)
		return -1;
	if (live->has_ended)
		return live_report_end(live, err);
	return live_start_clock(live, live->launch.max_duration_ms, err);
}

/* What cannot be gone on with is ended: its next attempt has its checkpoints. */
static void resume_adopted(struct live *live)
{
	struct berth_error why = {0};

	crash_point(CRASH_ADOPT_BEFORE);
	if (open_adopted(live, &why) == 0) {
		crash_point(CRASH_ADOPT_AFTER);
		return;
	}
	live->is_settled = true;
	live_say(live, PROTOCOL_ERROR, "a new supervisor cannot go on with it: %s", why.message);
	(void)live_stop_now(live, STOP_CANCEL_KILL, NULL);
	if (live->has_ended)
		(void)live_report_end(live, NULL);
}

static int handle_space(void *owner, struct berth_error *err)
{
	struct live *live = owner;

	if (!live->is_settled) {
		resume_adopted(live);
		return 0;
	}
	if (live_pause_streams(live, false, err) < 0)
		return -1;
	return live->has_ended ? live_report_end(live, err) : 0;
}

int live_wait_for_space(struct live *live, struct berth_error *err)
{
	if (!live->space &&
	    loop_add_timer(live->services->loop, handle_space, live, &live->space, err) < 0)
		return -1;
	if (live_pause_streams(live, true, err) < 0)
		return -1;
	return loop_arm_timer(live->space, clock_boottime_ns() + SPACE_RETRY_NS, err);
}

static void on_adopted(struct engine_job *job, int result, const struct berth_error *why)
{
	struct adopt_job *adopt = (struct adopt_job *)job;
	struct live *live = adopt->live;

	(void)why;
	live->jobs--;
	if (result == 0) {
		live->launch = adopt->launch;
		resume_adopted(live);
	} else {
		/* the engine went on without it: its end is told, and changes nothing */
		live->is_settled = true;
		(void)live_stop_now(live, STOP_CANCEL_KILL, NULL);
	}
	free(adopt);
	live_go_on(live);
}

static int submit_adopt(struct live *live, struct berth_error *err)
{
	struct adopt_job *adopt = calloc(1, sizeof(*adopt));

	if (!adopt)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "adopt a run");
	adopt->job.work = read_adopted;
	adopt->job.done = on_adopted;
	adopt->live = live;
	live->jobs++;
	engine_thread_submit(live->services->engine, &adopt->job, true);
	return 0;
}

int live_adopted_all(struct live_table *table, struct berth_error *err)
{
	for (struct live *live = NULL; (live = next_of(table, live));)
		if (live->is_adopted && !live->launch.run_id && submit_adopt(live, err) < 0)
			return -1;
	return 0;
}

int live_started(struct live *live, const struct launcher_started *started,
		 struct launcher_descriptors *fds, struct berth_error *err)
{
	live->is_started = true;
	memcpy(live->protections, started->protections, sizeof(live->protections));
	if (report_start(live, err) < 0 ||
	    live_start_clock(live, live->launch.max_duration_ms, err) < 0)
		return -1;
	if (!live->is_settled) {
		live->channel_listener = steal_fd(&fds->fds[LAUNCHER_FD_CHANNEL]);
		return 0;
	}
	return live_open_channel(live, &fds->fds[LAUNCHER_FD_CHANNEL], err);
}

int live_sample(struct live_table *table, struct berth_error *err)
{
	int result = LIVE_NOTHING;

	for (const struct live *live = NULL; (live = next_of(table, live));) {
		if (!live->is_started || live->has_ended || live->is_frozen)
			continue;
		if (launcher_client_usage(table->services->launcher, live_name(live), 0, err) < 0)
			return -1;
		result = 0;
	}
	return result;
}

void live_usage(const struct live *live, struct sandbox_usage *ret_usage, uint64_t *ret_sampled_ns)
{
	*ret_usage = live->usage;
	*ret_sampled_ns = live->sampled_ns;
}
