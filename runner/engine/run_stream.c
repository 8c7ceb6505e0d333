/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers from several ranges of one index, merged into one order, read a few at a time. */
#include "runner/engine/run_stream.h"

static int refill(struct run_stream *stream, struct store *store, struct berth_error *err)
{
	size_t count;

	if (stream->count > 0 && stream->range.oldest_first)
		stream->range.above_id = stream->buffer[stream->count - 1];
	else if (stream->count > 0)
		stream->range.below_id = stream->buffer[stream->count - 1];
	if (store_list_ids(store, &stream->range, stream->buffer, STREAM_BUFFER, &count, err) < 0)
		return -1;
	stream->is_last = count < STREAM_BUFFER;
	stream->count = count;
	stream->next = 0;
	return 0;
}

/* The number the stream stands at, 0 at its end. */
static int peek(struct run_stream *stream, struct store *store, int64_t *ret_id,
		struct berth_error *err)
{
	if (stream->next == stream->count && !stream->is_last && refill(stream, store, err) < 0)
		return -1;
	*ret_id = stream->next < stream->count ? stream->buffer[stream->next] : 0;
	return 0;
}

/* Steps over what came last, in every stream. */
static int step_over(struct run_merge *merge, struct store *store, struct berth_error *err)
{
	for (size_t i = 0; merge->last_id != 0 && i < merge->count; i++) {
		int64_t id;

		if (peek(&merge->streams[i], store, &id, err) < 0)
			return -1;
		if (id == merge->last_id)
			merge->streams[i].next++;
	}
	return 0;
}

int run_merge_next(struct run_merge *merge, struct store *store, int64_t *ret_id,
		   struct berth_error *err)
{
	int64_t best = 0;

	if (step_over(merge, store, err) < 0)
		return -1;
	for (size_t i = 0; i < merge->count; i++) {
		int64_t id;

		if (peek(&merge->streams[i], store, &id, err) < 0)
			return -1;
		if (id != 0 && (best == 0 || (id < best) == merge->oldest_first))
			best = id;
	}
	merge->last_id = best;
	*ret_id = best;
	return 0;
}
