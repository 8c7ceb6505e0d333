/* SPDX-License-Identifier: Apache-2.0 */
/* The lines that answer a task's requests. */
#include "runner/run/task_reply.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"

/* Wire codes; the others are the supervisor's own trouble. */
static const char *const wire_codes[] = {
	[BERTH_INVALID] = "invalid",   [BERTH_LIMIT] = "limit", [BERTH_NOT_FOUND] = "not_found",
	[BERTH_DENIED] = "stale", /* of all that a task may ask, only an attempt that is over is */
	[BERTH_PROTOCOL] = "protocol",
};

static const char *wire_code(enum berth_code code)
{
	size_t count = sizeof(wire_codes) / sizeof(wire_codes[0]);

	return (size_t)code < count && wire_codes[code] ? wire_codes[code] : "system";
}

int task_reply_append_error(struct text *reply, int64_t id, const struct berth_error *why,
			    struct berth_error *err)
{
	char reason[TASK_REPLY_REASON_SIZE];
	AUTO_JSON json_t *name = id >= 0 ? json_integer(id) : json_null();
	AUTO_JSON json_t *object = NULL;
	AUTO_FREE char *line = NULL;

	(void)text_sanitize(why->message, strlen(why->message), reason, sizeof(reason));
	object = json_pack("{s:O, s:b, s:{s:s, s:s}}", "id", name, "ok", 0, "error", "code",
			   wire_code(why->code), "message", reason);
	line = object ? json_format_compact(object) : NULL;
	if (!line)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "answer a task");
	if (text_append_string(reply, line, err) < 0)
		return -1;
	return text_append(reply, "\n", 1, err);
}

int task_reply_append_success(struct text *reply, int64_t id, const struct text *members,
			      struct berth_error *err)
{
	if (id < 0)
		return 0;
	if (text_append_format(reply, err, "{\"id\":%" PRId64 ",\"ok\":true", id) < 0 ||
	    text_append(reply, members->data, members->length, err) < 0)
		return -1;
	return text_append_string(reply, "}\n", err);
}

int task_reply_append_members(struct text *members, const json_t *object, struct berth_error *err)
{
	AUTO_FREE char *text = object ? json_format_compact(object) : NULL;
	size_t length;

	if (!text)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "answer a task");
	length = strlen(text);
	if (length <= 2)
		return 0;
	if (text_append_string(members, ",", err) < 0)
		return -1;
	return text_append(members, text + 1, length - 2, err);
}
