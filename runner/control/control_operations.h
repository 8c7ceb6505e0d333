/* SPDX-License-Identifier: Apache-2.0 */
/* What each control_<what>.c gives to the table of handlers. */
#pragma once

#include "runner/control/control_call.h"

/* control_connections.c: about the connection itself */
int control_hello(struct control_call *call, struct berth_error *err);
int control_ping(struct control_call *call, struct berth_error *err);

/* control_trigger.c */
int control_trigger(struct engine *engine, struct control_call *call, struct berth_error *err);
int control_batch(struct engine *engine, struct control_call *call, struct berth_error *err);
int control_batch_get(struct store *store, struct control_call *call, struct berth_error *err);
int control_key_reset(struct engine *engine, struct control_call *call, struct berth_error *err);
/* What a record cannot say: which fields were there. */
void control_trigger_complete(struct run_trigger *trigger, const json_t *fields);
/* {id, isCached} */
json_t *control_trigger_result(const struct run_accepted *accepted);

/* control_runs.c */
int control_run_get(struct store *store, struct control_call *call, struct berth_error *err);
int control_run_list(struct store *store, struct control_call *call, struct berth_error *err);
int control_run_cancel(struct engine *engine, struct control_call *call, struct berth_error *err);
int control_run_replay(struct engine *engine, struct control_call *call, struct berth_error *err);
int control_run_reschedule(struct engine *engine, struct control_call *call,
			   struct berth_error *err);
int control_run_tags(struct engine *engine, struct control_call *call, struct berth_error *err);
int control_checkpoint_list(struct store *store, struct control_call *call,
			    struct berth_error *err);

/* control_logs.c, control_follow.c, control_bulk.c */
int control_run_logs(struct store *store, struct control_call *call, struct berth_error *err);
int control_run_log_open(struct store *store, struct control_call *call, struct berth_error *err);
int control_run_follow(struct control_call *call, struct berth_error *err);
int control_bulk(struct control_call *call, struct berth_error *err);

/* control_queues.c */
int control_queue_list(struct store *store, struct control_call *call, struct berth_error *err);
int control_queue_get(struct store *store, struct control_call *call, struct berth_error *err);
int control_queue_pause(struct engine *engine, struct control_call *call, struct berth_error *err);
int control_queue_resume(struct engine *engine, struct control_call *call, struct berth_error *err);
int control_queue_override(struct engine *engine, struct control_call *call,
			   struct berth_error *err);
int control_queue_reset(struct engine *engine, struct control_call *call, struct berth_error *err);

/* control_versions.c, control_deploy.c */
int control_task_list(struct store *store, struct control_call *call, struct berth_error *err);
int control_version_list(struct store *store, struct control_call *call, struct berth_error *err);
int control_version_promote(struct engine *engine, struct control_call *call,
			    struct berth_error *err);
int control_version_rollback(struct engine *engine, struct control_call *call,
			     struct berth_error *err);
int control_deploy(struct control_call *call, struct berth_error *err);

/* control_tokens.c */
int control_token_create(struct engine *engine, struct control_call *call, struct berth_error *err);
int control_token_list(struct store *store, struct control_call *call, struct berth_error *err);
int control_token_get(struct store *store, struct control_call *call, struct berth_error *err);
int control_token_complete(struct engine *engine, struct control_call *call,
			   struct berth_error *err);

/* control_status.c */
int control_status(struct control_call *call, struct berth_error *err);

/* control_daemon.c: what the backend does */
int control_backup(struct control_call *call, struct berth_error *err);
int control_prune(struct control_call *call, struct berth_error *err);
int control_reload(struct control_call *call, struct berth_error *err);
int control_drain(struct control_call *call, struct berth_error *err);
