/* SPDX-License-Identifier: Apache-2.0 */
/* From errors to what is on the wire, and back. */
#include "runner/control/control_error_table.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"

/* The first row that fits counts: those with an errno stand before those without. */
/* clang-format off */
const struct control_error_row control_errors[] = {
	{"storage_full", 507, BERTH_LIMIT, ENOSPC, "the disk is full: nothing was stored"},
	{"storage_full", 507, BERTH_LIMIT, EDQUOT, "the quota is used up: nothing was stored"},
	{"too_large", 413, BERTH_LIMIT, EMSGSIZE, "larger than allowed"},
	{"limit", 422, BERTH_LIMIT, 0, "a named limit was exceeded"},
	{"draining", 503, BERTH_DENIED, ESHUTDOWN, "the daemon takes no new work any more"},
	{"denied", 403, BERTH_DENIED, 0, "your role does not allow it"},
	{"conflict", 409, BERTH_INVALID, EBUSY, "not in the state it is in"},
	{"invalid", 400, BERTH_INVALID, 0, "a field is unknown, missing, of the wrong type or out of bounds"},
	{"not_found", 404, BERTH_NOT_FOUND, 0, "the named thing, or the operation, does not exist"},
	{"unsupported", 501, BERTH_UNSUPPORTED, 0, "this daemon or host cannot do it"},
	{"protocol", 400, BERTH_PROTOCOL, 0, "the line is not what this page describes; the connection is closed"},
	{"memory", 503, BERTH_MEMORY, 0, "out of memory; trying again may help"},
	{"system", 500, BERTH_SYSTEM, 0, "berth could not do it; trying again may help"},
	{NULL, 0, BERTH_NONE, 0, NULL},
};
/* clang-format on */

const struct control_error_row *control_error_find(const struct berth_error *err)
{
	const struct control_error_row *row = control_errors;

	while (row[1].code &&
	       (row->berth_code != err->code || (row->errnum != 0 && row->errnum != err->errnum)))
		row++;
	return row;
}

json_t *control_error_format(const struct berth_error *err)
{
	const struct control_error_row *row = control_error_find(err);
	char message[4 * sizeof(err->message)];

	(void)text_sanitize(err->message, strlen(err->message), message, sizeof(message));
	return json_pack("{s:s, s:s, s:i}", "code", row->code, "message", message, "status",
			 row->status);
}

int control_error_parse(const json_t *object, int *ret_status, struct berth_error *err)
{
	const char *code = json_string_value(json_object_get(object, "code"));
	const char *message = json_string_value(json_object_get(object, "message"));
	const struct control_error_row *row = control_errors;

	while (row[1].code && (!code || strcmp(row->code, code) != 0))
		row++;
	if (ret_status)
		*ret_status = (int)json_integer_value(json_object_get(object, "status"));
	(void)berth_fail(err, row->berth_code, 0, "%s", message ? message : "no reason was given");
	if (err)
		err->errnum = row->errnum;
	return -1;
}
