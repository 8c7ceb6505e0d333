/* SPDX-License-Identifier: Apache-2.0 */
/* Followers by run. Who is told may leave, or have others leave, while it is told. */
#include "runner/supervisor/followers.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/number_index.h"

struct followers {
	struct number_index index;
	struct number_link *told_next; /* who is told after the one that is being told */
};

static struct control_follower *follower_of(struct number_link *link)
{
	return (struct control_follower *)((char *)link - offsetof(struct control_follower, link));
}

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

void followers_add(struct followers *followers, struct control_follower *follower)
{
	number_index_add(&followers->index, &follower->link, follower->run_id);
}

void followers_remove(struct followers *followers, struct control_follower *follower)
{
	if (followers->told_next == &follower->link)
		followers->told_next = number_link_next(&follower->link);
	number_index_remove(&followers->index, &follower->link);
}

void followers_tell(struct followers *followers, int64_t run_id, enum control_follow_event event,
		    const json_t *progress)
{
	struct number_link *link = number_index_find(&followers->index, run_id);

	for (; link; link = followers->told_next) {
		struct control_follower *follower = follower_of(link);

		followers->told_next = number_link_next(link);
		follower->tell(follower, event, progress);
	}
}
