/* SPDX-License-Identifier: Apache-2.0 */
/* Reads, bounds and checks a payload before anything is started for it. */
#include "runner/run/payload.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "extensions/task/protocol_table.h"
#include "runner/run/given_text.h"

int payload_read(const char *given, int stdin_fd, char **ret_text, struct berth_error *err)
{
	AUTO_JSON json_t *value = NULL;
	AUTO_FREE char *text = NULL;
	AUTO_FREE char *compact = NULL;
	size_t length;

	if (given_text_read(given, stdin_fd, PROTOCOL_PAYLOAD_MAX, &text, &length, err) < 0 ||
	    json_parse(text, length, &value, err) < 0)
		return berth_fail_context(err, "--payload");
	compact = json_format_compact(value);
	if (!compact)
		return berth_fail(err, BERTH_MEMORY, 0, "out of memory");
	if (strlen(compact) > PROTOCOL_PAYLOAD_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "--payload: more than %d bytes",
				  PROTOCOL_PAYLOAD_MAX);
	*ret_text = steal_ptr(&compact);
	return 0;
}
