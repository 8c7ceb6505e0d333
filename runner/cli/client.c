/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs that ask the daemon have in common. */
#include "runner/cli/client.h"

#include <errno.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "runner/cli/client_exit_table.h"
#include "runner/cli/command_table.h"
#include "runner/cli/complaint.h"

#define AGAIN_PAUSE_NS (200 * CLOCK_NS_PER_MS)
#define AGAIN_MAX      50 /* tries: 10 s for a daemon that is reloaded */

const struct option_row client_option_rows[CLIENT_OPTION_COUNT] = {
	CLIENT_OPTION_ROWS(client_record, client),
};

int client_take_words(const struct option_table *table, const struct option_arguments *arguments,
		      void *record, struct berth_error *err)
{
	const struct string_list *words = &arguments->words;

	for (size_t i = 0; i < table->words; i++) {
		const struct field_row *field = control_field(table->operation, i);

		if (i >= words->count && !field->required)
			break;
		if (i >= words->count)
			return berth_fail(err, BERTH_INVALID, 0, "the %s is missing: %s",
					  field->name, field->help);
		if (options_set_word(table, i, words->items[i], record, err) < 0)
			return -1;
	}
	if (words->count > table->words)
		return berth_fail(err, BERTH_INVALID, 0, "unexpected \"%.100s\"",
				  words->items[table->words]);
	return 0;
}

json_t *client_fields(const struct option_table *table, const void *record)
{
	const struct operation_fields *fields =
		(const void *)((const char *)record + table->operation_offset);
	AUTO_JSON json_t *request = json_object();
	const struct field_row *row;

	for (size_t i = 0; (row = control_field(table->operation, i)); i++) {
		AUTO_JSON json_t *member = NULL;

		if (!(fields->given & (UINT64_C(1) << i)))
			continue;
		member = field_format_object(row, 1, &fields->record);
		if (!member || json_object_update(request, member) < 0)
			return NULL;
	}
	return steal_ptr(&request);
}

int client_complain_usage(const struct berth_error *err, const char *hint)
{
	complaint_print(err, hint);
	return EXIT_USAGE;
}

int client_complain_memory(void)
{
	struct berth_error err;

	(void)berth_fail(&err, BERTH_MEMORY, 0, "out of memory");
	complaint_print(&err, NULL);
	return EXIT_BERTH;
}

int client_complain_run(const char *word)
{
	struct berth_error err;

	(void)berth_fail(&err, BERTH_INVALID, 0, "\"%.100s\" is no run's identifier", word);
	return client_complain_usage(&err, "list runs with: berth runs list");
}

int client_complain(const struct control_client *client, enum control_op op,
		    const struct berth_error *err)
{
	int refusal = client ? control_client_status(client) : 0;
	const struct client_refusal_row *row = client_refusal_find(err, refusal, !client);
	const char *hint = row->hint;

	if (refusal != 0 && err->code == BERTH_NOT_FOUND)
		hint = client_hint_of_absent(op);
	complaint_print(err, hint);
	return row->exit_status;
}

static int ask(struct control_client *client, enum control_op op, const json_t *fields,
	       const int *descriptors, size_t count, json_t **ret_result, struct berth_error *err)
{
	int status;

	if (control_client_send(client, op, fields, descriptors, count, err) < 0)
		return -1;
	while ((status = control_client_receive(client, ret_result, err)) == CONTROL_CLIENT_EVENT)
		json_decref(*ret_result);
	return status;
}

int client_ask_with(const struct client_options *options, enum control_op op, const json_t *fields,
		    const int *descriptors, size_t descriptor_count, json_t **ret_result)
{
	struct control_client *client = NULL;
	struct berth_error err = {0};
	int status = EXIT_DONE;

	if (!fields)
		return client_complain_memory();
	if (control_client_open(options->socket, &client, &err) < 0)
		return client_complain(NULL, op, &err);
	if (ask(client, op, fields, descriptors, descriptor_count, ret_result, &err) < 0)
		status = client_complain(client, op, &err);
	control_client_close(client);
	return status;
}

int client_ask(const struct client_options *options, enum control_op op, const json_t *fields,
	       json_t **ret_result)
{
	return client_ask_with(options, op, fields, NULL, 0, ret_result);
}

bool client_is_broken_off(const struct control_client *client, const struct berth_error *err)
{
	return err->code == BERTH_SYSTEM && control_client_status(client) == 0;
}

int client_open_again(const struct client_options *options, struct control_client **client,
		      struct berth_error *err)
{
	const struct timespec pause = {.tv_nsec = AGAIN_PAUSE_NS};

	control_client_close(*client);
	*client = NULL;
	for (int i = 0; i < AGAIN_MAX; i++) {
		(void)nanosleep(&pause, NULL);
		if (control_client_open(options->socket, client, err) == 0)
			return 0;
	}
	return -1;
}

const char *client_text(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name)) ?: "";
}
