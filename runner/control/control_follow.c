/* SPDX-License-Identifier: Apache-2.0 */
/* Telling a client what happens to a run until it has ended. The daemon only says that there is
 * something new; reading it is the reader's thread's, one part at a time, once for all who are at
 * the same place and no more than the client takes, so that a follower slows nobody down. */
#include <errno.h>
#include <stdlib.h>

#include "base/json.h"
#include "runner/control/control_feed.h"
#include "runner/control/control_job.h"
#include "runner/control/control_operations.h"
#include "runner/engine/engine_reads.h"

struct follow {
	struct control_follower follower;
	struct control_call *call;
	bool is_following;
	bool is_reading;                /* the state or the log */
	bool has_state;                 /* it changed since it was read */
	bool has_log;                   /* there is more since it was read */
	bool has_ended;                 /* nothing more will happen */
	bool is_full;                   /* the client is behind */
	bool is_gone;                   /* nobody listens */
	json_t *progress;               /* the newest, not yet told; NULL: none */
	json_t *run;                    /* as read last */
	bool has_run;                   /* it was not told yet */
	int64_t attempt, attempt_count; /* whose log is read; how many there are */
	struct control_feed *feed;      /* of that attempt; NULL: not opened, or over */
	struct control_feed_wait wait;
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
	control_feed_release(follow->feed);
	json_decref(follow->progress);
	json_decref(follow->run);
	free(follow);
}

static void tell(struct follow *follow, json_t *event)
{
	int status = control_call_event(follow->call, event);

	follow->is_full |= status == CONTROL_CALL_FULL;
	follow->is_gone |= status == CONTROL_CALL_GONE;
}

static void tell_run(struct follow *follow)
{
	if (follow->has_run)
		tell(follow, json_pack("{s:O}", "run", follow->run));
	follow->has_run = false;
}

static void advance(struct follow *follow);

/* On the reader's thread. */
static int read_state(struct store *store, struct control_call *call, struct berth_error *err)
{
	struct follow *follow = call->state;

	return read_run(store, follow->follower.run_id, true, &follow->run, err);
}

static void on_state(struct control_call *call)
{
	struct follow *follow = call->state;

	follow->is_reading = false;
	follow->has_run = true;
	follow->has_log = true;
	follow->attempt_count = json_integer_value(json_object_get(follow->run, "attemptCount"));
	advance(follow);
}

static void start_state(struct follow *follow)
{
	follow->is_reading = true;
	follow->has_state = false;
	json_decref(follow->run);
	follow->run = NULL;
	control_job_read(follow->call, read_state, on_state);
}

/* A log that is over, or one without an end whose successor has begun, gives way to the next. */
static void take_part(struct follow *follow, const struct control_feed_part *part)
{
	int status = control_call_events(follow->call, part->lines);
	bool is_over =
		part->outcome == CONTROL_FEED_OVER ||
		(part->outcome == CONTROL_FEED_DRY && follow->attempt < follow->attempt_count);

	follow->is_full |= status == CONTROL_CALL_FULL;
	follow->is_gone |= status == CONTROL_CALL_GONE;
	follow->wait.position = part->end;
	follow->has_log |= is_over || part->outcome == CONTROL_FEED_MORE;
	if (is_over) {
		control_feed_release(follow->feed);
		follow->feed = NULL;
	}
	/* behind the log, when nothing more comes after it */
	if (!follow->has_ended)
		tell_run(follow);
}

static void on_part(struct control_feed_wait *wait, const struct control_feed_part *part,
		    const struct berth_error *err)
{
	struct follow *follow = (struct follow *)((char *)wait - offsetof(struct follow, wait));

	follow->is_reading = false;
	if (!part) {
		control_call_fail(follow->call, err);
		return;
	}
	take_part(follow, part);
	advance(follow);
}

/* Opens the next attempt's log: 0, or 1 when there is none yet. */
static int open_attempt(struct follow *follow, struct berth_error *err)
{
	const struct control_run_follow *record = &follow->call->record.run_follow;
	bool is_first = follow->attempt == 0;
	int64_t next = is_first && record->attempt ? record->attempt : follow->attempt + 1;

	if (follow->feed)
		return 0;
	if (follow->attempt_count < next)
		return 1;
	if (control_feed_get(follow->call->backend, follow->follower.run_id, next, &follow->feed,
			     err) < 0)
		return -1;
	follow->attempt = next;
	follow->wait.position = is_first ? (uint64_t)record->position : 0;
	return 0;
}

/* True when the answer comes later. */
static bool start_log(struct follow *follow)
{
	struct berth_error err;
	int opened = open_attempt(follow, &err);

	follow->has_log = false;
	if (opened < 0) {
		control_call_fail(follow->call, &err);
		return true;
	}
	if (opened > 0)
		return false;
	follow->is_reading = true;
	control_feed_ask(follow->feed, &follow->wait);
	return true;
}

static bool wants_log(const struct follow *follow)
{
	return follow->has_log && !follow->call->record.run_follow.quiet &&
	       follow->call->backend->logs_directory >= 0;
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
	if (follow->has_state) {
		start_state(follow);
		return;
	}
	if (wants_log(follow) && start_log(follow))
		return;
	tell_run(follow);
	if (follow->has_ended)
		control_call_answer(follow->call, json_incref(follow->run));
}

static void on_tell(struct control_follower *follower, enum control_follow_event event,
		    const json_t *progress)
{
	struct follow *follow = follow_of(follower);

	if (follow->has_ended) /* told anew whenever somebody begins to follow */
		return;
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
	follow->wait.take = on_part;
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
