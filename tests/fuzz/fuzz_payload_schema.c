/* SPDX-License-Identifier: Apache-2.0 */
/* A schema and a payload of any JSON: the first line and the rest. A refusal says why, and where in
 * something that is safe to print. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "runner/engine/payload_schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *newline = size > 0 ? memchr(data, '\n', size) : NULL;
	size_t length = newline ? (size_t)(newline - data) : size;
	AUTO_JSON json_t *schema = NULL;
	AUTO_JSON json_t *payload = NULL;
	struct berth_error err = {0};

	if (!newline || json_parse((const char *)data, length, &schema, NULL) < 0 ||
	    json_parse((const char *)newline + 1, size - length - 1, &payload, NULL) < 0)
		return 0;
	if (payload_schema_check(schema, &err) < 0 && !err.message[0])
		abort();
	/* also with one that was not checked */
	if (payload_schema_validate(schema, payload, &err) < 0 &&
	    (strncmp(err.message, "payload", strlen("payload")) != 0 ||
	     !text_is_utf8(err.message, strlen(err.message))))
		abort();
	return 0;
}
