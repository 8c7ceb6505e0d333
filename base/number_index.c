/* SPDX-License-Identifier: Apache-2.0 */
/* A hash table with chains. */
#include "base/number_index.h"

#define SHIFT 54 /* 64 - log2(NUMBER_INDEX_BUCKETS) */

_Static_assert(NUMBER_INDEX_BUCKETS == 1 << (64 - SHIFT), "bucket_of() gives one of them");

/* Numbers are often times and sequences: their lower bits differ, their upper ones do not. */
static size_t bucket_of(int64_t number)
{
	return ((uint64_t)number * UINT64_C(0x9e3779b97f4a7c15)) >> SHIFT;
}

void number_index_add(struct number_index *index, struct number_link *link, int64_t number)
{
	struct number_link **first = &index->buckets[bucket_of(number)];

	*link = (struct number_link){.next = *first, .previous = first, .number = number};
	if (*first)
		(*first)->previous = &link->next;
	*first = link;
	index->count++;
}

void number_index_remove(struct number_index *index, struct number_link *link)
{
	if (!link->previous)
		return;
	*link->previous = link->next;
	if (link->next)
		link->next->previous = link->previous;
	*link = (struct number_link){0};
	index->count--;
}

static struct number_link *first_of(struct number_link *link, int64_t number)
{
	while (link && link->number != number)
		link = link->next;
	return link;
}

struct number_link *number_index_find(const struct number_index *index, int64_t number)
{
	return first_of(index->buckets[bucket_of(number)], number);
}

struct number_link *number_link_next(const struct number_link *link)
{
	return first_of(link->next, link->number);
}

struct number_link *number_index_walk(const struct number_index *index,
				      const struct number_link *link)
{
	size_t bucket = 0;

	if (link && link->next)
		return link->next;
	if (link)
		bucket = bucket_of(link->number) + 1;
	while (bucket < NUMBER_INDEX_BUCKETS && !index->buckets[bucket])
		bucket++;
	return bucket < NUMBER_INDEX_BUCKETS ? index->buckets[bucket] : NULL;
}
