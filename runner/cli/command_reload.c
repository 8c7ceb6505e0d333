/* SPDX-License-Identifier: Apache-2.0 */
/* berth reload: comes back when the next programs serve. */
#include <stddef.h>

#include "base/json.h"
#include "runner/cli/client_commands.h"
#include "runner/cli/client_verb.h"
#include "runner/cli/command_table.h"

#define LOOKS_MAX 50 /* at whom answers; each waits until somebody does */

const struct option_table command_reload_options = CLIENT_TABLE(CONTROL_RELOAD, 0);

static const struct client_verb verb = {
	.op = CONTROL_RELOAD,
	.options = &command_reload_options,
	.shape = CLIENT_SAID,
	.said = "reloaded",
};

static json_int_t generation_of(const json_t *status)
{
	return json_integer_value(json_object_get(status, "generation"));
}

/* Each supervisor has a number higher than the one before. */
static int await_next(const struct client_options *options, json_int_t before)
{
	struct control_client *client = NULL;
	struct berth_error err = {0};
	json_int_t now = before;
	int result = 0;

	for (int i = 0; i < LOOKS_MAX && now == before; i++) {
		AUTO_JSON json_t *status = NULL;

		result = client_open_again(options, &client, &err);
		if (result < 0)
			break;
		result = control_client_call(client, CONTROL_STATUS, NULL, &status, &err);
		now = result < 0 ? before : generation_of(status);
	}
	if (result == 0 && now == before)
		result = berth_fail(&err, BERTH_SYSTEM, 0, "the daemon was not replaced");
	if (result < 0)
		result = client_complain(client, CONTROL_RELOAD, &err);
	control_client_close(client);
	return result;
}

int command_reload(void *record, const struct option_arguments *arguments)
{
	const struct client_options *options = record;
	AUTO_JSON json_t *fields = NULL, *status = NULL, *answer = NULL;
	struct berth_error err;
	int result;

	if (client_take_words(verb.options, arguments, record, &err) < 0)
		return client_complain_usage(&err, NULL);
	fields = client_fields(verb.options, record);
	result = client_ask(options, CONTROL_STATUS, fields, &status);
	if (result == EXIT_DONE)
		result = client_ask(options, CONTROL_RELOAD, fields, &answer);
	if (result == EXIT_DONE)
		result = await_next(options, generation_of(status));
	if (result != EXIT_DONE)
		return result;
	return client_verb_show(&verb, options->json, json_incref(answer));
}
