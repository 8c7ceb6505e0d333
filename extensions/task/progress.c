/* SPDX-License-Identifier: Apache-2.0 */
/* Progress at most ten times a second: the newest request waits until it may be sent. */
#include "extensions/task/progress.h"

#include <stddef.h>

#include "base/cleanup.h"

void sdk_progress_offer(struct sdk_progress *progress, json_t *request)
{
	json_decref(progress->pending);
	progress->pending = request;
}

json_t *sdk_progress_take_due(struct sdk_progress *progress, uint64_t now_ns)
{
	if (progress->sent_ns != 0 && now_ns - progress->sent_ns < SDK_PROGRESS_INTERVAL_NS)
		return NULL;
	return sdk_progress_take(progress, now_ns);
}

json_t *sdk_progress_take(struct sdk_progress *progress, uint64_t now_ns)
{
	if (progress->pending)
		progress->sent_ns = now_ns;
	return steal_ptr(&progress->pending);
}

void sdk_progress_finish(struct sdk_progress *progress)
{
	json_decref(progress->pending);
	progress->pending = NULL;
}
