/* SPDX-License-Identifier: Apache-2.0 */
/* Dates of the daemon as people write and read them. */
#include "runner/cli/client_date.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/amount.h"
#include "base/clock.h"

int client_date_parse(const char *text, uint64_t *ret_ms, struct berth_error *err)
{
	uint64_t now_ms = clock_realtime_ns() / CLOCK_NS_PER_MS, ago_ms, date_ns;

	if (strchr(text, '-')) {
		if (clock_parse_rfc3339(text, &date_ns, err) < 0)
			return -1;
		*ret_ms = date_ns / CLOCK_NS_PER_MS;
		return 0;
	}
	if (amount_parse_duration_ms(text, &ago_ms, err) < 0)
		return -1;
	*ret_ms = ago_ms < now_ms ? now_ms - ago_ms : 0;
	return 0;
}

char *client_date_format(const char *text, char target[CLIENT_DATE_SIZE])
{
	uint64_t date_ns;
	struct tm local;
	time_t seconds;

	(void)snprintf(target, CLIENT_DATE_SIZE, "%s", text);
	if (clock_parse_rfc3339(text, &date_ns, NULL) < 0)
		return target;
	seconds = (time_t)(date_ns / CLOCK_NS_PER_S);
	if (localtime_r(&seconds, &local))
		(void)strftime(target, CLIENT_DATE_SIZE, "%Y-%m-%d %H:%M:%S", &local);
	return target;
}
