/* SPDX-License-Identifier: Apache-2.0 */
/* berth tokens and its sub-verbs. */
#include "base/json.h"
#include "runner/cli/client_commands.h"
#include "runner/cli/client_input.h"
#include "runner/cli/client_verb.h"

struct token_options {
	struct client_options client;
	struct string_list tags; /* of create */
	char *output;            /* of complete */
	struct operation_fields fields;
};

static const struct column_row columns[] = {
	{"TOKEN",     "id",          COLUMN_TEXT},
	{"STATUS",    "status",      COLUMN_TEXT},
	{"CREATED",   "createdAt",   COLUMN_DATE},
	{"TIMEOUT",   "timeoutAt",   COLUMN_DATE},
	{"COMPLETED", "completedAt", COLUMN_DATE},
	{"TAGS",      "tags",        COLUMN_TEXT},
	{NULL,        NULL,          COLUMN_TEXT},
};

static const struct column_row rows[] = {
	{"token",           "id",             COLUMN_TEXT},
	{"status",          "status",         COLUMN_TEXT},
	{"tags",            "tags",           COLUMN_TEXT},
	{"idempotency key", "idempotencyKey", COLUMN_TEXT},
	{"created",         "createdAt",      COLUMN_DATE},
	{"timeout",         "timeoutAt",      COLUMN_DATE},
	{"completed",       "completedAt",    COLUMN_DATE},
	{"output",          "output",         COLUMN_TEXT},
	{NULL,              NULL,             COLUMN_TEXT},
};

/* clang-format off */
static const struct option_row create_rows[] = {
	{.field = {.name = "tag", .type = FIELD_STRING, .offset = offsetof(struct token_options, tags), .help = "a tag, up to 10 times"}, .value = "TEXT", .letter = 't', .repeated = true},
	CLIENT_OPTION_ROWS(token_options, client),
};
static const struct option_row complete_rows[] = {
	{.field = {.name = "output", .type = FIELD_STRING, .offset = offsetof(struct token_options, output), .min = 1, .max = RUN_OUTPUT_MAX, .help = "what those who wait are given; null when absent"}, .value = "JSON|@FILE|-", .letter = 'o'},
	CLIENT_OPTION_ROWS(token_options, client),
};
/* clang-format on */

static const struct option_table list_options = CLIENT_TABLE(CONTROL_TOKEN_LIST, 0);
static const struct option_table show_options = CLIENT_TABLE(CONTROL_TOKEN_GET, 1);
static const struct option_table create_options = {
	.rows = create_rows,
	.count = sizeof(create_rows) / sizeof(create_rows[0]),
	.operation = &control_operations[CONTROL_TOKEN_CREATE],
	.operation_offset = offsetof(struct token_options, fields),
};
static const struct option_table complete_options = {
	.rows = complete_rows,
	.count = sizeof(complete_rows) / sizeof(complete_rows[0]),
	.operation = &control_operations[CONTROL_TOKEN_COMPLETE],
	.words = 1,
	.operation_offset = offsetof(struct token_options, fields),
};

/* clang-format off */
static const struct client_verb list_verb = {.op = CONTROL_TOKEN_LIST, .options = &list_options, .shape = CLIENT_PAGE, .columns = columns, .said = "tokens"};
static const struct client_verb show_verb = {.op = CONTROL_TOKEN_GET, .options = &show_options, .shape = CLIENT_CARD, .columns = rows};
static const struct client_verb create_verb = {.op = CONTROL_TOKEN_CREATE, .shape = CLIENT_ID, .subject = "id"};
static const struct client_verb complete_verb = {.op = CONTROL_TOKEN_COMPLETE, .shape = CLIENT_SAID, .said = "completed", .subject = "id"};
/* clang-format on */

static int run_list(void *record, const struct option_arguments *arguments)
{
	return client_verb_run(&list_verb, record, arguments);
}

static int run_show(void *record, const struct option_arguments *arguments)
{
	return client_verb_run(&show_verb, record, arguments);
}

static int run_create(void *record, const struct option_arguments *arguments)
{
	const struct token_options *options = record;
	AUTO_JSON json_t *fields = client_fields(&create_options, record);
	struct berth_error err;

	(void)arguments;
	if (client_input_add_texts(fields, "tags", &options->tags, &err) < 0)
		return client_complain_usage(&err, NULL);
	return client_verb_ask(&create_verb, &options->client, fields);
}

/* The output stands behind the token, or in --output. */
static int run_complete(void *record, const struct option_arguments *arguments)
{
	const struct token_options *options = record;
	struct option_arguments words = *arguments;
	const char *output = options->output;
	AUTO_JSON json_t *fields = NULL;
	struct berth_error err;

	if (!output && words.words.count == 2)
		output = words.words.items[--words.words.count];
	if (client_take_words(&complete_options, &words, record, &err) < 0)
		return client_complain_usage(&err, "list tokens with: berth tokens list");
	fields = client_fields(&complete_options, record);
	if (client_input_add_json(fields, "output", output, RUN_OUTPUT_MAX, &err) < 0)
		return client_complain_usage(&err, NULL);
	return client_verb_ask(&complete_verb, &options->client, fields);
}

static const char *const list_synopsis[] = {
	"tokens list [--status STATUS[,STATUS]] [--after TOKEN] [--limit N]", NULL};
static const char *const show_synopsis[] = {"tokens show TOKEN [--json]", NULL};
static const char *const create_synopsis[] = {"tokens create [--timeout DURATION] [--tag TEXT]...",
					      NULL};
static const char *const complete_synopsis[] = {"tokens complete TOKEN [JSON|@FILE|-]", NULL};

#define OF(type) .record_size = sizeof(struct type), .usage_status = EXIT_USAGE

/* clang-format off */
const struct command_row tokens_verbs[TOKENS_VERBS] = {
	{.name = "tokens list", .summary = "list tokens, the newest first", .synopsis = list_synopsis, .options = &list_options, OF(client_record), .run = run_list},
	{.name = "tokens show", .summary = "show a token with its output", .synopsis = show_synopsis, .options = &show_options, OF(client_record), .run = run_show, .takes_words = true},
	{.name = "tokens create", .summary = "make a token, for which runs may wait", .synopsis = create_synopsis, .options = &create_options, OF(token_options), .run = run_create},
	{.name = "tokens complete", .summary = "complete a token: who waits for it goes on", .synopsis = complete_synopsis, .options = &complete_options, OF(token_options), .run = run_complete, .takes_words = true},
};
/* clang-format on */
