/* SPDX-License-Identifier: Apache-2.0 */
/* Exponential backoff with jitter; which outcomes retry is the outcome table's to say. */
#include "runner/run/retry.h"

#define DOUBLINGS_MAX  6
#define JITTER_DIVISOR 4

bool retry_is_due(enum run_outcome outcome, unsigned number, unsigned allowed)
{
	return outcome_rows[outcome].retry && number < allowed;
}

uint64_t retry_delay_ms(unsigned number, uint32_t random)
{
	unsigned doublings = number > DOUBLINGS_MAX ? DOUBLINGS_MAX : number - 1;
	uint64_t delay = RETRY_FIRST_MS << doublings;

	if (delay > RETRY_MAX_MS)
		delay = RETRY_MAX_MS;
	return delay - delay / JITTER_DIVISOR * random / UINT32_MAX;
}
