/* SPDX-License-Identifier: Apache-2.0 */
/* Bounds of what callers name things by: idempotency keys, how long they hold, tags. */
#include "runner/engine/key_check.h"

#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "runner/engine/engine_runs.h"

#define TAGS_BYTES_MAX (RUN_TAGS_MAX * (RUN_TAG_MAX * 12 + 4) + 64) /* all of it as escapes */

int key_check(const char *key, uint64_t ttl_ms, struct berth_error *err)
{
	size_t length = key ? strnlen(key, RUN_KEY_MAX + 1) : 0;

	if (!key)
		return 0;
	if (length == 0 || length > RUN_KEY_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "an idempotency key has 1 to %d bytes",
				  RUN_KEY_MAX);
	if (!text_is_utf8(key, length))
		return berth_fail(err, BERTH_INVALID, 0, "an idempotency key is not UTF-8");
	if (ttl_ms > KEY_TTL_MAX_MS)
		return berth_fail(err, BERTH_LIMIT, 0, "an idempotency key holds 10 years at most");
	return 0;
}

/* Characters of UTF-8. */
static size_t count_characters(const char *text)
{
	size_t count = 0;

	for (; *text; text++)
		count += ((unsigned char)*text & 0xc0) != 0x80;
	return count;
}

int key_check_tags(const char *tags, struct berth_error *err)
{
	AUTO_JSON json_t *list = NULL;
	json_t *tag;
	size_t index, length = tags ? strnlen(tags, TAGS_BYTES_MAX + 1) : 0;

	if (!tags)
		return 0;
	if (length > TAGS_BYTES_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "tags: at most %d of %d characters",
				  RUN_TAGS_MAX, RUN_TAG_MAX);
	if (json_parse(tags, length, &list, err) < 0)
		return berth_fail_context(err, "tags");
	if (!json_is_array(list))
		return berth_fail(err, BERTH_INVALID, 0, "tags: not an array");
	if (json_array_size(list) > RUN_TAGS_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "tags: more than %d", RUN_TAGS_MAX);
	json_array_foreach (list, index, tag) {
		const char *text = json_string_value(tag);
		size_t count = text ? count_characters(text) : 0;

		if (count < 1 || count > RUN_TAG_MAX)
			return berth_fail(err, BERTH_INVALID, 0,
					  "tags: each is a text of 1 to %d characters",
					  RUN_TAG_MAX);
	}
	return 0;
}
