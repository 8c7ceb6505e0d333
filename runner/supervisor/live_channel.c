/* SPDX-License-Identifier: Apache-2.0 */
/* What the messages of a task channel do: to the log, to those who watch, to the engine. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/text.h"
#include "runner/crash/crash_point.h"
#include "runner/engine/engine_runs.h"
#include "runner/supervisor/followers.h"
#include "runner/supervisor/live_ask.h"
#include "runner/supervisor/live_subtasks.h"
#include "runner/supervisor/live_waits.h"

#define LEDGER_NUMBER 0 /* among the connections that the launcher holds: those count from 1 */

_Static_assert(LAUNCHER_RUN_HOLDS_MAX > PROTOCOL_CONNECTIONS_MAX,
	       "the launcher holds every connection of a run, and the ledger");

static int on_log(void *owner, const struct task_request *request, const struct protocol_log *log,
		  struct berth_error *err)
{
	struct live *live = owner;
	const struct log_message message = {
		.level = (enum protocol_level)log->level,
		.text = log->message,
		.length = strlen(log->message),
		.fields = log->fields,
		.connection = request->connection,
		.sequence = request->sequence,
	};
	int outcome = live->log ? log_writer_message(live->log, &message, err) : 0;

	/* what goes beyond the volume is dropped, with a mark: no fault of this message */
	if (outcome == LOG_WRITER_NO_SPACE)
		return -1;
	return outcome < 0 ? -1 : 0;
}

static void set_known(json_t *object, const char *name, double value)
{
	if (value >= 0)
		(void)json_object_set_new(object, name, json_real(value));
}

static void set_text(json_t *object, const char *name, const char *text)
{
	if (text && *text)
		(void)json_object_set_new(object, name, json_string(text));
}

static int on_progress(void *owner, const struct task_request *request,
		       const struct protocol_progress *progress, struct berth_error *err)
{
	struct live *live = owner;
	AUTO_JSON json_t *told = json_object();

	(void)request;
	if (!told)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "progress");
	set_known(told, "percent", progress->percent);
	set_known(told, "eta_s", progress->eta_s);
	set_known(told, "rate", progress->rate);
	set_text(told, "rate_unit", progress->rate_unit);
	set_text(told, "message", progress->message);
	followers_tell(live->services->followers, live->run_id, CONTROL_FOLLOW_PROGRESS, told);
	return 0;
}

struct text_ask {
	struct live_ask ask;
	char *name, *text;
	json_t *value;
};

static void finish_text(struct live_ask *ask)
{
	struct text_ask *text = (struct text_ask *)ask;

	free(text->name);
	free(text->text);
	json_decref(text->value);
}

static struct text_ask *text_ask_create(struct live *live, const struct task_request *request,
					const char *name, const char *text, struct berth_error *err)
{
	struct text_ask *ask = live_ask_create(live, request, sizeof(*ask), err);

	if (!ask)
		return NULL;
	ask->ask.finish = finish_text;
	ask->name = name ? strdup(name) : NULL;
	ask->text = text ? strdup(text) : NULL;
	if ((name && !ask->name) || (text && !ask->text)) {
		live_ask_destroy(&ask->ask);
		(void)berth_fail(err, BERTH_MEMORY, ENOMEM, "request");
		return NULL;
	}
	live_waits_note_line(live, request->connection);
	return ask;
}

static int work_metadata(struct engine *engine, struct live_ask *ask, struct berth_error *err)
{
	return engine_set_metadata(engine, ask->live->run_id, ask->live->token,
				   ((struct text_ask *)ask)->value, err);
}

static int on_metadata(void *owner, const struct task_request *request, const json_t *set,
		       struct berth_error *err)
{
	struct text_ask *ask = text_ask_create(owner, request, NULL, NULL, err);

	if (!ask)
		return -1;
	ask->ask.work = work_metadata;
	/* the channel's own value goes on living in the loop's thread */
	ask->value = json_deep_copy(set);
	if (!ask->value) {
		live_ask_destroy(&ask->ask);
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "metadata");
	}
	return live_ask_submit(&ask->ask);
}

static int work_checkpoint(struct engine *engine, struct live_ask *ask, struct berth_error *err)
{
	const struct text_ask *text = (struct text_ask *)ask;
	int saved = engine_checkpoint_save(engine, ask->live->run_id, ask->live->token, text->name,
					   text->text, err);

	crash_point(CRASH_CHECKPOINT_SAVED);
	return saved;
}

static int on_checkpoint(void *owner, const struct task_request *request, const char *name,
			 const char *data, struct berth_error *err)
{
	struct text_ask *ask = text_ask_create(owner, request, name, data, err);

	if (!ask)
		return -1;
	ask->ask.work = work_checkpoint;
	crash_point(CRASH_CHECKPOINT_BEFORE_SAVE);
	return live_ask_submit(&ask->ask);
}

static int work_restore(struct engine *engine, struct live_ask *ask, struct berth_error *err)
{
	const struct text_ask *text = (struct text_ask *)ask;
	AUTO_FREE char *data = NULL;
	AUTO_JSON json_t *value = NULL;

	if (engine_checkpoint_load(engine, ask->live->run_id, text->name, &data, err) < 0)
		return -1;
	if (data && json_parse(data, strlen(data), &value, err) < 0)
		return -1;
	ask->reply = json_pack("{s:b, s:O?}", "found", data != NULL, "data", value);
	return ask->reply ? 0 : berth_fail(err, BERTH_MEMORY, ENOMEM, "checkpoint");
}

static int on_restore(void *owner, const struct task_request *request, const char *name,
		      char **ret_data, struct berth_error *err)
{
	struct text_ask *ask = text_ask_create(owner, request, name, NULL, err);

	(void)ret_data;
	if (!ask)
		return -1;
	ask->ask.work = work_restore;
	return live_ask_submit(&ask->ask);
}

static int work_output(struct engine *engine, struct live_ask *ask, struct berth_error *err)
{
	return engine_attempt_output(engine, ask->live->run_id, ask->live->token,
				     ((struct text_ask *)ask)->text, "application/json", err);
}

static int on_output(void *owner, const struct task_request *request, json_t *data,
		     struct berth_error *err)
{
	AUTO_FREE char *text = json_format_compact(data);
	struct text_ask *ask;

	if (!text)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "output");
	ask = text_ask_create(owner, request, NULL, text, err);
	if (!ask)
		return -1;
	ask->ask.work = work_output;
	return live_ask_submit(&ask->ask);
}

static int work_fail(struct engine *engine, struct live_ask *ask, struct berth_error *err)
{
	return engine_attempt_fail(engine, ask->live->run_id, ask->live->token,
				   ((struct text_ask *)ask)->text, err);
}

static int on_fail(void *owner, const struct task_request *request,
		   const struct protocol_fail *fail, uint64_t retry_at_ns, struct berth_error *err)
{
	AUTO_JSON json_t *object = json_pack(
		"{s:b, s:s, s:s, s:I}", "permanent", fail->kind == PROTOCOL_PERMANENT, "name",
		fail->name, "message", fail->message, "retryAtNs", (json_int_t)retry_at_ns);
	AUTO_FREE char *text = object ? json_format_compact(object) : NULL;
	struct live *live = owner;
	struct text_ask *ask;

	if (!text)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "failure");
	ask = text_ask_create(live, request, NULL, text, err);
	if (!ask)
		return -1;
	free(live->launch.fail);
	live->launch.fail = steal_ptr(&text);
	ask->ask.work = work_fail;
	return live_ask_submit(&ask->ask);
}

/* As sampled last: at most a second old. */
static int on_usage(void *owner, const struct task_request *request,
		    struct protocol_usage_reply *ret_usage, struct berth_error *err)
{
	const struct live *live = owner;

	(void)request;
	(void)err;
	*ret_usage = (struct protocol_usage_reply){
		.cpu_ns = (int64_t)sandbox_usage_known(live->usage.cpu_ns),
		.memory_bytes = (int64_t)sandbox_usage_known(live->usage.memory_bytes),
		.memory_peak_bytes = (int64_t)sandbox_usage_known(live->usage.memory_peak_bytes),
		.pids = (int64_t)sandbox_usage_known(live->usage.pids),
	};
	return 0;
}

static void on_problem(void *owner, const char *message)
{
	live_say(owner, PROTOCOL_WARN, "task channel: %s", message);
}

/* A connection that waits in a queue of ours would be closed with it, and what the task had written
 * to it would be lost. */
static bool may_accept(void *owner)
{
	const struct live *live = owner;

	return launcher_client_has_room(live->services->launcher);
}

static int on_accepted(void *owner, uint64_t connection, int fd, struct berth_error *err)
{
	struct live *live = owner;
	int held;

	crash_point(CRASH_CONNECTION_BEFORE_HOLD);
	held = launcher_client_hold(live->services->launcher, live_name(live), connection, fd, err);
	crash_point(CRASH_CONNECTION_AFTER_HOLD);
	return held;
}

static void on_closed(void *owner, uint64_t connection)
{
	struct live *live = owner;

	/* one too many held is given back at the end of the run */
	(void)launcher_client_unhold(live->services->launcher, live_name(live), connection, NULL);
}

static void on_waiting(void *owner, const struct task_request *request)
{
	struct live *live = owner;

	if (live_waits_resume(live, request, NULL) < 0)
		live_say(live, PROTOCOL_ERROR, "a wait was lost: out of memory");
}

static const struct task_channel_handlers handlers = {
	.log = on_log,
	.progress = on_progress,
	.metadata = on_metadata,
	.checkpoint = on_checkpoint,
	.restore = on_restore,
	.output = on_output,
	.fail = on_fail,
	.usage = on_usage,
	.wait = live_on_wait,
	.trigger = live_on_trigger,
	.batch = live_on_batch,
	.token_create = live_on_token_create,
	.token_complete = live_on_token_complete,
	.run_get = live_on_run_get,
	.problem = on_problem,
	.may_accept = may_accept,
	.accepted = on_accepted,
	.closed = on_closed,
	.waiting = on_waiting,
};

/* Takes the descriptors out of what was adopted. */
static int gather(struct live *live, struct task_channel_adoption *adoption,
		  struct task_channel_connection *connections, struct berth_error *err)
{
	struct live_connection *next;
	size_t count = 0;

	adoption->ledger_fd = -1;
	adoption->connections = connections;
	for (struct live_connection *held = live->adopted; held; held = next) {
		next = held->next;
		if (held->number == LEDGER_NUMBER)
			adoption->ledger_fd = held->fd;
		else if (count < PROTOCOL_CONNECTIONS_MAX)
			connections[count++] =
				(struct task_channel_connection){held->number, held->fd};
		else
			return berth_fail(err, BERTH_LIMIT, 0,
					  "more connections than there can be");
	}
	adoption->connection_count = count;
	return 0;
}

static void forget_adopted(struct live *live)
{
	while (live->adopted) {
		struct live_connection *held = live->adopted;

		live->adopted = held->next;
		free(held);
	}
}

int live_open_channel(struct live *live, int *listener, struct berth_error *err)
{
	struct task_channel_connection connections[PROTOCOL_CONNECTIONS_MAX];
	struct task_channel_adoption adoption = {0};
	struct live_info names;
	const struct task_channel_setup setup = {
		.loop = live->services->loop,
		.listen_fd = *listener,
		.info = &names.info,
		.handlers = &handlers,
		.owner = live,
		.is_durable = true,
		.adoption = live->is_adopted ? &adoption : NULL,
	};

	live_info_init(live, &names);
	if (gather(live, &adoption, connections, err) < 0 ||
	    task_channel_create(&setup, &live->channel, err) < 0)
		return berth_fail_context(err, "task channel");
	(void)steal_fd(listener);
	forget_adopted(live);
	free(steal_ptr(&live->launch.payload)); /* the channel has its own */
	if (live->is_adopted && adoption.ledger_fd >= 0)
		return 0;
	return launcher_client_hold(live->services->launcher, live_name(live), LEDGER_NUMBER,
				    task_channel_ledger(live->channel), err);
}
