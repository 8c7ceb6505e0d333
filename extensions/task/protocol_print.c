/* SPDX-License-Identifier: Apache-2.0 */
/* Prints docs/protocol.md from the protocol table; a test compares the two. */
#include <stdio.h>
#include <stdlib.h>

#include "base/amount.h"
#include "base/field.h"
#include "extensions/task/protocol_table.h"

static const char *const type_words[] = {
	[FIELD_BOOL] = "boolean",       [FIELD_INTEGER] = "integer",   [FIELD_NUMBER] = "number",
	[FIELD_STRING] = "text",        [FIELD_ENUM] = "one of",       [FIELD_BYTES] = "integer",
	[FIELD_DURATION_MS] = "number", [FIELD_CPU_MILLIS] = "number", [FIELD_JSON] = "JSON",
};

static void print_choices(const struct field_row *row)
{
	for (size_t i = 0; row->choices[i]; i++)
		printf("%s`%s`", i == 0 ? " " : ", ", row->choices[i]);
}

/* Of texts and JSON the size, of numbers the range. */
static void print_bounds(const struct field_row *row)
{
	char most[AMOUNT_TEXT_SIZE];

	if (row->max == 0 || row->type == FIELD_BOOL || row->type == FIELD_ENUM)
		return;
	if (row->type == FIELD_STRING || row->type == FIELD_JSON) {
		printf(", at most %s", amount_format_bytes((uint64_t)row->max, most));
		return;
	}
	if (row->min == row->max)
		printf(", %.15g", row->min);
	else if (row->max < 1e12)
		printf(", %.15g to %.15g", row->min, row->max);
}

static void print_row(const struct field_row *row, bool says_required)
{
	printf("| `%s` | %s", row->name, type_words[row->type]);
	if (row->type == FIELD_ENUM)
		print_choices(row);
	if (row->type == FIELD_CPU_MILLIS)
		printf(", CPUs");
	else
		print_bounds(row);
	printf(" | %s", row->help);
	if (row->unit[0] != '\0' && row->type != FIELD_STRING && row->type != FIELD_JSON &&
	    row->type != FIELD_CPU_MILLIS)
		printf(", in %s", row->unit);
	if (row->default_text)
		printf("; %s when absent", row->default_text);
	else if (says_required && row->required)
		printf("; required");
	printf(" |\n");
}

static void print_rows(const char *title, const struct field_row *rows, size_t count,
		       bool says_required)
{
	printf("\n| %s | type | meaning |\n|---|---|---|\n", title);
	for (size_t i = 0; i < count; i++)
		print_row(&rows[i], says_required);
}

static void print_message(const struct protocol_message *message)
{
	printf("\n### %s\n\n%s\n", message->name, message->help);
	if (message->field_count > 0)
		print_rows("field", message->fields, message->field_count,
			   message->direction == PROTOCOL_FROM_TASK);
	if (message->reply_count > 0)
		print_rows("reply", message->reply, message->reply_count, false);
}

static void print_messages(const char *title, enum protocol_direction direction)
{
	printf("\n## %s\n", title);
	for (enum protocol_op op = PROTOCOL_HELLO; op < PROTOCOL_OP_COUNT; op++)
		if (protocol_messages[op].direction == direction)
			print_message(&protocol_messages[op]);
}

static const char frame[] =
	"<!-- Printed from extensions/task/protocol_table.c by protocol-print: change it there. -->\n"
	"# Task channel protocol %d\n"
	"\n"
	"A task talks to its supervisor over the Unix stream socket `/run/berth/task.sock`. Whose run it is\n"
	"follows from the socket: there is no token. C programs use `berth/task.h`, shell scripts `berth-task`;\n"
	"any language that can open a socket and write JSON can do without both.\n"
	"\n"
	"## Lines\n"
	"\n"
	"* One JSON object a line, ended by a newline, at most %d bytes with it. UTF-8, no duplicate keys, no\n"
	"  `\\u0000`, at most 64 levels deep and 262144 values.\n"
	"* A **request** has `\"op\"` and may have `\"id\"`, an integer from 0 to 2^53. With an id there is exactly\n"
	"  one reply, `{\"id\":N,\"ok\":true,…}` or `{\"id\":N,\"ok\":false,\"error\":{\"code\":…,\"message\":…}}`.\n"
	"  Replies come in the order of the requests. Without an id nothing is answered.\n"
	"* A field that is not in the tables below is refused. Replies and events may get new members within one\n"
	"  protocol version: ignore what you do not know.\n"
	"* A **broken line** (not JSON, not an object, no `op`, a bad `id`, too long) is answered with\n"
	"  `{\"id\":null,\"ok\":false,…}`, and the connection is closed. So is a first request that is not `hello`.\n"
	"* An **event** comes from above at any time between replies. It has `\"event\"` and no id.\n"
	"* `hello` is the first request on every connection; others may follow it without waiting. A run may have\n"
	"  %d connections at once, all equal; one more is told so and closed.\n"
	"* Whoever does not read replies is not read either; whoever floods is slowed down. Lines not yet handled\n"
	"  and replies not yet read share one budget a run; a connection that takes more than its part of a used-up\n"
	"  budget is closed with the code `limit`.\n"
	"\n"
	"```\n"
	"→ {\"op\":\"hello\",\"id\":1,\"protocol\":1,\"sdk\":\"my-script/1\"}\n"
	"← {\"id\":1,\"ok\":true,\"protocol\":1,\"run\":\"run_01jd…\",\"attempt\":1,\"payload\":{\"width\":640},…}\n"
	"→ {\"op\":\"log\",\"level\":\"info\",\"message\":\"frame done\",\"fields\":{\"n\":4}}\n"
	"→ {\"op\":\"checkpoint\",\"id\":2,\"name\":\"state\",\"data\":{\"frame\":4}}\n"
	"← {\"id\":2,\"ok\":true}\n"
	"← {\"event\":\"cancel\",\"reason\":\"timeout\",\"grace_ms\":10000}\n"
	"```\n";

int main(void)
{
	printf(frame, PROTOCOL_VERSION, PROTOCOL_LINE_MAX, PROTOCOL_CONNECTIONS_MAX);
	printf("\n## Errors\n\n| code | meaning |\n|---|---|\n");
	for (size_t i = 0; protocol_errors[i].code; i++)
		printf("| `%s` | %s |\n", protocol_errors[i].code, protocol_errors[i].help);
	print_messages("Requests", PROTOCOL_FROM_TASK);
	print_messages("Events", PROTOCOL_TO_TASK);
	return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
