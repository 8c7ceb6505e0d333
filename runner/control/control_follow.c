/* SPDX-License-Identifier: Apache-2.0 */
/* Telling a client what happens to a run until it has ended. The daemon only says that there is
 * something new; reading it is the reader's thread's, one part at a time and no more than the
 * client takes, so that a follower slows nobody down. */
#include <errno.h>
#include <stdlib.h>

#include "base/json.h"
#include "runner/control/control_job.h"
#include "runner/control/control_logs.h"
#include "runner/control/control_operations.h"
#include "runner/engine/engine_reads.h"

#define RECORDS_AT_ONCE 200

struct follow {
	struct control_follower follower;
	struct control_call *call;
	bool is_following;
	bool is_reading;  /* on the reader's thread: it owns what is below that line */
	bool has_state;   /* state changed since it was read */
	bool has_log;     /* there is more since it was read */
	bool has_ended;   /* nothing more will happen */
	bool is_full;     /* the client is behind */
	bool is_gone;     /* nobody listens */
	json_t *progress; /* the newest, not yet told; NULL: none */
	/* the reading */
	bool reads_state, reads_log;
	struct log_reader *reader;
	int64_t attempt, attempt_count; /* whose log is read; how many there are */
	json_t *run, *records;
	bool log_is_dry, log_is_over;
};

static struct follow *follow_of(struct control_follower *follower)
{
	return (struct follow *)((char *)follower - offsetof(struct follow, follower));
}

static void follow_destroy(void *state)
{
	struct follow *follow = state;

	if (follow->is_following)
		follow->call->backend->unfollow(follow->call->backend->owner, &follow->follower);
	log_reader_destroy(follow->reader);
	json_decref(follow->progress);
	json_decref(follow->run);
	json_decref(follow->records);
	free(follow);
}

static int read_state(struct store *store, struct follow *follow, struct berth_error *err)
{
	if (read_run(store, follow->follower.run_id, true, &follow->run, err) < 0)
		return -1;
	follow->attempt_count = json_integer_value(json_object_get(follow->run, "attemptCount"));
	return 0;
}

/* Opens the next attempt's log; false: there is none yet. */
static int open_attempt(struct follow *follow, struct berth_error *err)
{
	const struct control_run_follow *record = &follow->call->record.run_follow;
	bool is_first = follow->attempt == 0;

	if (follow->reader)
		return 0;
	follow->log_is_dry = true;
	if (follow->attempt_count <
	    (is_first && record->attempt ? record->attempt : follow->attempt + 1))
		return 0;
	follow->attempt = is_first && record->attempt ? record->attempt : follow->attempt + 1;
	if (log_reader_create(follow->call->backend->logs_directory, follow->follower.run_id,
			      follow->attempt, &follow->reader, err) < 0)
		return -1;
	if (is_first)
		log_reader_seek(follow->reader, (uint64_t)record->position);
	follow->log_is_dry = false;
	return 0;
}

/* A log that is over, or one without an end whose successor has begun. */
static int read_log(struct follow *follow, struct berth_error *err)
{
	int status;

	if (open_attempt(follow, err) < 0)
		return -1;
	if (!follow->reader)
		return 0;
	status = control_logs_read(follow->reader, RECORDS_AT_ONCE, follow->records, err);
	if (status < 0)
		return -1;
	follow->log_is_dry = status == CONTROL_LOG_WAIT;
	follow->log_is_over =
		status == CONTROL_LOG_END ||
		(status == CONTROL_LOG_WAIT && follow->attempt < follow->attempt_count);
	return 0;
}

static int follow_read(struct store *store, struct control_call *call, struct berth_error *err)
{
	struct follow *follow = call->state;

	follow->records = json_array();
	if (!follow->records)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "follow a run");
	if (follow->reads_state && read_state(store, follow, err) < 0)
		return -1;
	return follow->reads_log ? read_log(follow, err) : 0;
}

static void tell(struct follow *follow, json_t *event)
{
	int status = control_call_event(follow->call, event);

	follow->is_full |= status == CONTROL_CALL_FULL;
	follow->is_gone |= status == CONTROL_CALL_GONE;
}

static void advance(struct follow *follow);

static void on_read(struct control_call *call)
{
	struct follow *follow = call->state;
	json_t *record;
	size_t i;

	follow->is_reading = false;
	json_array_foreach (follow->records, i, record) {
		tell(follow, json_pack("{s:O, s:I}", "log", record, "attempt",
				       (json_int_t)follow->attempt));
	}
	json_decref(follow->records);
	follow->records = NULL;
	if (follow->reads_state)
		tell(follow, json_pack("{s:O}", "run", follow->run));
	if (follow->reads_log && !follow->log_is_dry)
		follow->has_log = true;
	if (follow->log_is_over) {
		log_reader_destroy(follow->reader);
		follow->reader = NULL;
		follow->log_is_over = false;
		follow->has_log = true;
	}
	advance(follow);
}

static void start_reading(struct follow *follow)
{
	follow->is_reading = true;
	follow->reads_state = follow->has_state;
	follow->reads_log = (follow->has_log || follow->has_state) &&
			    !follow->call->record.run_follow.quiet &&
			    follow->call->backend->logs_directory >= 0;
	follow->has_state = false;
	follow->has_log = false;
	if (follow->reads_state) {
		json_decref(follow->run);
		follow->run = NULL;
	}
	control_job_read(follow->call, follow_read, on_read);
}

/* Does the next thing that can be done now. The follow may be gone afterwards. */
static void advance(struct follow *follow)
{
	if (follow->is_reading)
		return;
	if (follow->is_gone) {
		control_call_answer(follow->call, json_null());
		return;
	}
	if (follow->is_full)
		return;
	if (follow->progress) {
		tell(follow, json_pack("{s:o}", "progress", follow->progress));
		follow->progress = NULL;
	}
	if (follow->has_state || follow->has_log)
		start_reading(follow);
	else if (follow->has_ended)
		control_call_answer(follow->call, json_incref(follow->run));
}

static void on_tell(struct control_follower *follower, enum control_follow_event event,
		    const json_t *progress)
{
	struct follow *follow = follow_of(follower);

	switch (event) {
	case CONTROL_FOLLOW_LOG:
		follow->has_log = true;
		break;
	case CONTROL_FOLLOW_STATE:
		follow->has_state = true;
		break;
	case CONTROL_FOLLOW_PROGRESS:
		json_decref(follow->progress);
		follow->progress = json_deep_copy(progress);
		break;
	case CONTROL_FOLLOW_ENDED:
		follow->has_state = true;
		follow->has_log = true;
		follow->has_ended = true;
		break;
	}
	/* who follows while it is being set up is read for at its end */
	if (follow->is_following)
		advance(follow);
}

static void on_gone(struct control_call *call)
{
	struct follow *follow = call->state;

	follow->is_gone = true;
	advance(follow);
}

static void on_room(struct control_call *call)
{
	struct follow *follow = call->state;

	if (!follow->is_full)
		return;
	follow->is_full = false;
	advance(follow);
}

int control_run_follow(struct control_call *call, struct berth_error *err)
{
	struct follow *follow;
	int64_t run_id;

	if (control_parse_id("run", call->record.run_follow.run, &run_id, err) < 0)
		return -1;
	follow = calloc(1, sizeof(*follow));
	if (!follow)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "follow a run");
	follow->follower = (struct control_follower){.run_id = run_id, .tell = on_tell};
	follow->call = call;
	call->state = follow;
	call->finish_state = follow_destroy;
	call->on_gone = on_gone;
	call->on_room = on_room;
	call->backend->follow(call->backend->owner, &follow->follower);
	follow->is_following = true;
	follow->has_state = true;
	advance(follow);
	return 0;
}
