/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens: made, read and completed from outside. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/identifier.h"
#include "base/json.h"
#include "runner/control/control_operations.h"
#include "runner/engine/engine_reads.h"
#include "runner/engine/engine_waits.h"

#define TOKEN_PREFIX   "waitpoint"
#define TOKEN_TAGS_MAX RUN_TAGS_MAX

/* A text or an array of texts, as the text of an array. */
static int format_tags(json_t *tags, char **ret_text, struct berth_error *err)
{
	AUTO_JSON json_t *array = NULL;
	const json_t *tag;
	size_t i;

	if (!tags)
		return 0;
	array = json_is_string(tags) ? json_pack("[O]", tags) : json_incref(tags);
	if (!json_is_array(array) || json_array_size(array) > TOKEN_TAGS_MAX)
		return berth_fail(err, BERTH_INVALID, 0, "tags: not a text or at most %d of them",
				  TOKEN_TAGS_MAX);
	json_array_foreach (array, i, tag) {
		if (!json_is_string(tag) || json_string_length(tag) > 4 * RUN_TAG_MAX)
			return berth_fail(err, BERTH_INVALID, 0,
					  "tags: number %zu is not a text of at most %d characters",
					  i, RUN_TAG_MAX);
	}
	*ret_text = json_format_compact(array);
	return *ret_text ? 0 : berth_fail(err, BERTH_MEMORY, ENOMEM, "tags");
}

int control_token_create(struct engine *engine, struct control_call *call, struct berth_error *err)
{
	const struct control_token_create *create = &call->record.token_create;
	char id[IDENTIFIER_NUMBER_SIZE];
	AUTO_FREE char *tags = NULL;
	int64_t number;
	bool is_cached;

	if (format_tags(create->tags, &tags, err) < 0)
		return -1;
	if (engine_token_create(engine,
				&(struct engine_token_request){
					.timeout_ms = create->timeout_ms,
					.idempotency_key = create->idempotency_key,
					.idempotency_ttl_ms = create->idempotency_ttl_ms,
					.tags = tags,
				},
				&number, &is_cached, err) < 0)
		return -1;
	identifier_format_number(TOKEN_PREFIX, number, id);
	call->result = json_pack("{s:s, s:b}", "id", id, "isCached", (int)is_cached);
	return call->result ? 0 : berth_fail(err, BERTH_MEMORY, ENOMEM, "create a token");
}

int control_token_list(struct store *store, struct control_call *call, struct berth_error *err)
{
	const struct control_token_list *list = &call->record.token_list;
	int64_t after_id;

	if (control_parse_id(TOKEN_PREFIX, list->after, &after_id, err) < 0)
		return berth_fail_context(err, "after");
	return read_tokens(store, 0, list->status, after_id, list->limit, &call->result, err);
}

int control_token_get(struct store *store, struct control_call *call, struct berth_error *err)
{
	int64_t id;

	if (control_parse_id(TOKEN_PREFIX, call->record.token_get.token, &id, err) < 0)
		return -1;
	return read_token(store, id, &call->result, err);
}

int control_token_complete(struct engine *engine, struct control_call *call,
			   struct berth_error *err)
{
	const struct control_token_complete *complete = &call->record.token_complete;
	AUTO_FREE char *output = NULL;
	int64_t id;

	if (control_parse_id(TOKEN_PREFIX, complete->token, &id, err) < 0)
		return -1;
	output = complete->output ? json_format_compact(complete->output) : NULL;
	if (complete->output && !output)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "complete a token");
	if (engine_token_complete(engine, id, output, err) < 0)
		return -1;
	call->result = json_pack("{s:s}", "id", complete->token);
	return call->result ? 0 : berth_fail(err, BERTH_MEMORY, ENOMEM, "complete a token");
}
