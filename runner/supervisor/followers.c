/* SPDX-License-Identifier: Apache-2.0 */
/* Followers by run. Who is told may leave, or have others leave, while it is told. */
#include "runner/supervisor/followers.h"

#include <errno.h>
#include <stdlib.h>

#define BUCKETS 1024

struct followers {
	struct control_follower *buckets[BUCKETS];
	struct control_follower *told_next; /* who is told after the one that is being told */
};

int followers_create(struct followers **ret_followers, struct berth_error *err)
{
	struct followers *followers = calloc(1, sizeof(*followers));

	if (!followers)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "followers");
	*ret_followers = followers;
	return 0;
}

void followers_destroy(struct followers *followers)
{
	free(followers);
}

static struct control_follower **bucket_of(struct followers *followers, int64_t run_id)
{
	uint64_t mixed = (uint64_t)run_id * UINT64_C(0x9e3779b97f4a7c15);

	return &followers->buckets[mixed >> 54];
}

_Static_assert(BUCKETS == 1 << (64 - 54), "bucket_of() gives one of them");

void followers_add(struct followers *followers, struct control_follower *follower)
{
	struct control_follower **first = bucket_of(followers, follower->run_id);

	follower->next = *first;
	follower->previous = first;
	if (*first)
		(*first)->previous = &follower->next;
	*first = follower;
}

void followers_remove(struct followers *followers, struct control_follower *follower)
{
	if (!follower->previous)
		return;
	if (followers->told_next == follower)
		followers->told_next = follower->next;
	*follower->previous = follower->next;
	if (follower->next)
		follower->next->previous = follower->previous;
	follower->next = NULL;
	follower->previous = NULL;
}

void followers_tell(struct followers *followers, int64_t run_id, enum control_follow_event event,
		    const json_t *progress)
{
	struct control_follower *follower = *bucket_of(followers, run_id);

	while (follower) {
		followers->told_next = follower->next;
		if (follower->run_id == run_id)
			follower->tell(follower, event, progress);
		follower = followers->told_next;
	}
	followers->told_next = NULL;
}
