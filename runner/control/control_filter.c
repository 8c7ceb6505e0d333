/* SPDX-License-Identifier: Apache-2.0 */
/* From a request's filter to the reader's. */
#include "runner/control/control_filter.h"

#include "base/clock.h"
#include "runner/control/control_call.h"

int control_filter_read(const struct control_run_filter *filter, struct read_run_filter *ret_filter,
			struct berth_error *err)
{
	uint64_t now_ns = clock_realtime_ns();
	uint64_t period_ns = filter->period_ms * CLOCK_NS_PER_MS;

	*ret_filter = (struct read_run_filter){
		.status = filter->status,
		.task = filter->task,
		.queue = filter->queue,
		.version = filter->version,
		.tag = filter->tag,
		.machine = filter->machine,
		.from_ns = filter->from_ms * CLOCK_NS_PER_MS,
		.to_ns = filter->to_ms * CLOCK_NS_PER_MS,
		.only_test = filter->only_test,
	};
	if (period_ns && period_ns < now_ns && now_ns - period_ns > ret_filter->from_ns)
		ret_filter->from_ns = now_ns - period_ns;
	if (control_parse_id("batch", filter->batch, &ret_filter->batch_id, err) < 0)
		return berth_fail_context(err, "batch");
	if (control_parse_id("run", filter->parent, &ret_filter->parent_id, err) < 0)
		return berth_fail_context(err, "parent");
	return 0;
}

bool control_filter_is_empty(const struct control_run_filter *filter)
{
	return !filter->status && !filter->task && !filter->queue && !filter->version &&
	       !filter->tag && !filter->machine && !filter->batch && !filter->parent &&
	       !filter->period_ms && !filter->from_ms && !filter->to_ms && !filter->only_test;
}
