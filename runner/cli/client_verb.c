/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs that ask one thing and show the answer. */
#include "runner/cli/client_verb.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "runner/cli/command_table.h"
#include "runner/cli/complaint.h"
#include "runner/cli/listing.h"

#define SUBJECT_SIZE 512

static int show_table(const struct client_verb *verb, const json_t *array, struct berth_error *err)
{
	if (json_array_size(array) > 0)
		return columns_print_table(verb->columns, array, err);
	(void)fprintf(stderr, "no %s\n", verb->said);
	return 0;
}

static int show_page(const struct client_verb *verb, const json_t *page, struct berth_error *err)
{
	const char *next = client_text(page, "next");
	char safe[SUBJECT_SIZE];

	if (show_table(verb, json_object_get(page, "data"), err) < 0)
		return -1;
	(void)text_sanitize(next, strlen(next), safe, sizeof(safe));
	if (*safe)
		(void)fprintf(stderr, "there are more: --after %s\n", safe);
	return 0;
}

static void say(const struct client_verb *verb, const json_t *result)
{
	const char *subject = verb->subject ? client_text(result, verb->subject) : "";
	char safe[SUBJECT_SIZE];

	(void)text_sanitize(subject, strlen(subject), safe, sizeof(safe));
	(void)printf("%s%s%s\n", verb->said, *safe ? " " : "", safe);
}

static void print_id(const struct client_verb *verb, const json_t *result)
{
	const char *id = client_text(result, verb->subject);
	char safe[SUBJECT_SIZE];

	(void)text_sanitize(id, strlen(id), safe, sizeof(safe));
	(void)puts(safe);
	if (json_is_true(json_object_get(result, "isCached")))
		(void)fprintf(stderr, "%s was there already, its key found it\n", safe);
}

static int show(const struct client_verb *verb, const json_t *result, struct berth_error *err)
{
	switch (verb->shape) {
	case CLIENT_LIST:
		return show_table(verb, result, err);
	case CLIENT_PAGE:
		return show_page(verb, result, err);
	case CLIENT_CARD:
		return columns_print_card(verb->columns, result, err);
	case CLIENT_ID:
		print_id(verb, result);
		break;
	case CLIENT_SAID:
		say(verb, result);
		break;
	}
	return 0;
}

int client_verb_show(const struct client_verb *verb, bool as_json, json_t *result)
{
	AUTO_JSON json_t *owned = result;
	struct berth_error err;

	if (as_json)
		return listing_print_json(json_incref(owned));
	if (show(verb, owned, &err) == 0)
		return EXIT_DONE;
	complaint_print(&err, NULL);
	return EXIT_BERTH;
}

int client_verb_ask(const struct client_verb *verb, const struct client_options *options,
		    const json_t *fields)
{
	json_t *result;
	int status = client_ask(options, verb->op, fields, &result);

	return status == EXIT_DONE ? client_verb_show(verb, options->json, result) : status;
}

int client_verb_run(const struct client_verb *verb, void *record,
		    const struct option_arguments *arguments)
{
	AUTO_JSON json_t *fields = NULL;
	struct berth_error err;

	if (client_take_words(verb->options, arguments, record, &err) < 0)
		return client_complain_usage(&err, NULL);
	fields = client_fields(verb->options, record);
	return client_verb_ask(verb, record, fields);
}
