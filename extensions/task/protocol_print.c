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

static const char waits[] =
	"\n## Waits\n\n"
	"`wait`, `trigger_and_wait` and `batch_and_wait` are answered with `results`, an array: the date first, then the\n"
	"tokens, runs and batch in the order given. A result is\n"
	"`{\"kind\":\"date\"|\"token\"|\"run\"|\"batch\",\"id\":…,\"state\":\"COMPLETED\"|\"TIMED_OUT\",\"ok\":true|false}` with `output`\n"
	"when there is one, and with `error` when it is not ok: a run that did not complete, a token that was not completed in\n"
	"time. The state of a run is its status. A date has no `id`. The request itself is answered `\"ok\":true` all the same.\n"
	"\n"
	"A wait for a time of at most %d ms is kept in memory: when berth is replaced meanwhile it begins again. Under\n"
	"`berth run` a wait for a time is all there is; whatever needs a queue is refused with `not_found`.\n"
	"\n"
	"```\n"
	"→ {\"op\":\"trigger_and_wait\",\"id\":3,\"wait\":\"thumbnail\",\"task\":\"video.thumbnail\",\"payload\":{\"at\":4}}\n"
	"→ {\"op\":\"wait\",\"id\":4,\"wait\":\"approval\",\"token\":\"token_01jd…\"}\n"
	"← {\"id\":4,\"ok\":true,\"results\":[{\"kind\":\"token\",\"id\":\"token_01jd…\",\"state\":\"COMPLETED\",\"ok\":true,\"output\":\"yes\"}]}\n"
	"← {\"id\":3,\"ok\":true,\"results\":[{\"kind\":\"run\",\"id\":\"run_01jd…\",\"state\":\"COMPLETED\",\"ok\":true,\"output\":{}}]}\n"
	"```\n";

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
	"  Without an id nothing is answered.\n"
	"* Replies come in the order of the requests, but for `wait`, `trigger_and_wait` and `batch_and_wait`: these\n"
	"  are answered when they are over, whatever was asked later goes on meanwhile, and the id tells. %d of them may\n"
	"  wait at once in a run.\n"
	"* When berth is replaced under a running task, connections stay open, and what was not yet answered is handled\n"
	"  again: a reply may come **twice**. Ignore one with an id that nobody waits for. A connection that could not be\n"
	"  kept is closed without a word: connect again, say `hello`, and repeat what has no reply, with the same `wait` or\n"
	"  `once`. A repeated request without such a name is done again.\n"
	"* Lines are taken in order. A line longer than what the socket holds, and more small ones than it holds, go\n"
	"  on only when those before them are done: give a wait a connection of its own.\n"
	"* A field that is not in the tables below is refused. Replies and events may get new members within one\n"
	"  protocol version: ignore what you do not know.\n"
	"* A **broken line** (not JSON, not an object, no `op`, a bad `id`, too long) is answered with\n"
	"  `{\"id\":null,\"ok\":false,…}`, and the connection is closed. So is a first request that is not `hello`.\n"
	"* An **event** comes from above at any time between replies. It has `\"event\"` and no id.\n"
	"* `hello` is the first request on every connection; others may follow it without waiting. A run may have\n"
	"  %d connections at once, all equal; one more is told so and closed. Version %d of this protocol adds to version %d\n"
	"  and takes nothing away: both are spoken, whichever `hello` names.\n"
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
	printf(frame, PROTOCOL_VERSION, PROTOCOL_LINE_MAX, PROTOCOL_WAITS_MAX,
	       PROTOCOL_CONNECTIONS_MAX, PROTOCOL_VERSION, PROTOCOL_VERSION_MIN);
	printf("\n## Errors\n\n| code | meaning |\n|---|---|\n");
	for (size_t i = 0; protocol_errors[i].code; i++)
		printf("| `%s` | %s |\n", protocol_errors[i].code, protocol_errors[i].help);
	printf(waits, PROTOCOL_HELD_MS);
	print_messages("Requests", PROTOCOL_FROM_TASK);
	print_messages("Events", PROTOCOL_TO_TASK);
	return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
