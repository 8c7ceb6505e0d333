/* SPDX-License-Identifier: Apache-2.0 */
/* When the next attempt of a run is due. */
#include "runner/engine/retry_policy.h"

#include <math.h>

uint64_t retry_policy_delay_ms(const struct retry_policy *policy, int64_t number, double random)
{
	double spread = policy->is_random ? 1.0 + random : 1.0;
	double delay = spread * (double)policy->min_ms * pow(policy->factor, (double)(number - 1));

	/* the comparison is false for infinities and NaN (0 * inf) */
	if (!(delay < (double)policy->max_ms))
		delay = (double)policy->max_ms;
	return (uint64_t)round(delay);
}
