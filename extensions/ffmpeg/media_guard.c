/* SPDX-License-Identifier: Apache-2.0 */
/* The leash on a library call that reads somebody's file: it ends on cancellation or when nothing
 * came of it for too long. */
#include "extensions/ffmpeg/media_guard.h"

#include <stddef.h>

#include "base/clock.h"

void media_guard_renew(struct media_guard *guard)
{
	guard->deadline_ns = clock_boottime_ns() + guard->patience_ns;
}

bool media_guard_cancelled(const struct media_guard *guard)
{
	return guard->is_cancelled && guard->is_cancelled(guard->owner);
}

bool media_guard_expired(const struct media_guard *guard)
{
	return clock_boottime_ns() > guard->deadline_ns;
}

static int must_stop(void *owner)
{
	const struct media_guard *guard = owner;

	return media_guard_cancelled(guard) || media_guard_expired(guard);
}

AVIOInterruptCB media_guard_callback(struct media_guard *guard)
{
	return (AVIOInterruptCB){.callback = must_stop, .opaque = guard};
}
