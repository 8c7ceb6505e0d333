/* SPDX-License-Identifier: Apache-2.0 */
/* Things found by a number, several perhaps under one. They are linked where they are: adding needs
 * no memory. Numbers need not be spread evenly. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define NUMBER_INDEX_BUCKETS 1024

/* In the thing. All zero: it is in no index. */
struct number_link {
	struct number_link *next, **previous; /* in its bucket */
	int64_t number;
};

/* All zero: empty. */
struct number_index {
	struct number_link *buckets[NUMBER_INDEX_BUCKETS];
	size_t count;
};

void number_index_add(struct number_index *index, struct number_link *link, int64_t number);
/* Nothing happens to one that is in no index. */
void number_index_remove(struct number_index *index, struct number_link *link);

/* The first under a number, and those behind it; NULL: there is no other. */
struct number_link *number_index_find(const struct number_index *index, int64_t number);
struct number_link *number_link_next(const struct number_link *link);

/* All, one behind the other, beginning with NULL's; NULL behind the last. */
struct number_link *number_index_walk(const struct number_index *index,
				      const struct number_link *link);
