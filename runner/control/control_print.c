/* SPDX-License-Identifier: Apache-2.0 */
/* Prints docs/control.md from the table of operations; a test compares the two. */
#include <stdio.h>
#include <stdlib.h>

#include "base/amount.h"
#include "runner/control/control_error_table.h"
#include "runner/control/control_table.h"

static const char *const type_words[] = {
	[FIELD_BOOL] = "boolean",
	[FIELD_INTEGER] = "integer",
	[FIELD_NUMBER] = "number",
	[FIELD_STRING] = "text",
	[FIELD_ENUM] = "one of",
	[FIELD_BYTES] = "integer",
	[FIELD_DURATION_MS] = "seconds, or text as `1h30m`",
	[FIELD_CPU_MILLIS] = "number",
	[FIELD_JSON] = "JSON",
};

static void print_field(const struct field_row *row)
{
	char most[AMOUNT_TEXT_SIZE];

	printf("| `%s` | %s", row->name, type_words[row->type]);
	for (size_t i = 0; row->choices && row->choices[i]; i++)
		printf("%s`%s`", i == 0 ? " " : ", ", row->choices[i]);
	if (row->type == FIELD_STRING)
		printf(", at most %s", amount_format_bytes((uint64_t)row->max, most));
	else if (row->type == FIELD_INTEGER && row->max < 1e12)
		printf(", %.15g to %.15g", row->min, row->max);
	printf(" | %s", row->help);
	if (row->unit && row->unit[0] && row->type == FIELD_INTEGER)
		printf(", in %s", row->unit);
	if (row->default_text && row->type != FIELD_BOOL)
		printf("; %s when absent", row->default_text);
	if (row->required)
		printf("; required");
	printf(" |\n");
}

static void print_operation(const struct control_operation *operation)
{
	const struct field_row *row;

	printf("\n### %s\n\n%s", operation->name, operation->help);
	if (operation->role != CONTROL_NOBODY)
		printf(" For %ss.", control_role_name(operation->role));
	printf("\n");
	if (control_field(operation, 0))
		printf("\n| field | type | meaning |\n|---|---|---|\n");
	for (size_t i = 0; (row = control_field(operation, i)); i++)
		print_field(row);
	printf("\nResult: %s.\n", operation->result);
}

static const char frame[] =
	"<!-- Printed from runner/control/control_table.c by control-print: change it there. -->\n"
	"# Control socket protocol %d\n"
	"\n"
	"`berth serve` listens on a Unix stream socket: of root `/run/berth/control.sock`, of other\n"
	"users `$XDG_RUNTIME_DIR/berth/control.sock`. Every verb of the command line is one of the\n"
	"operations below; any program may ask for them too.\n"
	"\n"
	"## Lines\n"
	"\n"
	"* One JSON object a line, UTF-8, ended by a newline; a request has at most %zu MiB, of a\n"
	"  viewer %zu KiB.\n"
	"* A **request** has `\"op\"`, an `\"id\"` (an integer from 0 to 2^53) and the fields of its\n"
	"  operation. There is exactly one reply, `{\"id\":N,\"ok\":true,\"result\":…}` or\n"
	"  `{\"id\":N,\"ok\":false,\"error\":{\"code\":…,\"message\":…,\"status\":…}}`. Replies come when\n"
	"  they are ready, not in the order of the requests.\n"
	"* An **event**, `{\"id\":N,\"event\":…}`, comes before the reply of an operation that says so.\n"
	"* `hello` is the first request. Others may follow without waiting, up to %d that are not\n"
	"  answered; more are not read until then.\n"
	"* A request is done even when its client has gone before the answer.\n"
	"* A **broken line** is answered with the id null, and the connection is closed. So is one\n"
	"  that says no hello within %d s, or that reads nothing for %d s while something is due.\n"
	"* A field that is not in the tables is refused. Results and events may get new members\n"
	"  within one protocol version: ignore what you do not know.\n"
	"\n"
	"```\n"
	"→ {\"op\":\"hello\",\"id\":1,\"protocol\":1}\n"
	"← {\"id\":1,\"ok\":true,\"result\":{\"protocol\":1,\"version\":\"0.1.0\",\"role\":\"operator\"}}\n"
	"→ {\"op\":\"trigger\",\"id\":2,\"task\":\"hello\",\"payload\":\"{\\\"name\\\":\\\"Ada\\\"}\"}\n"
	"← {\"id\":2,\"ok\":true,\"result\":{\"id\":\"run_0c2x…\",\"isCached\":false}}\n"
	"→ {\"op\":\"run_get\",\"id\":3,\"run\":\"run_none\"}\n"
	"← {\"id\":3,\"ok\":false,\"error\":{\"code\":\"invalid\",\"message\":…,\"status\":400}}\n"
	"```\n"
	"\n"
	"## Roles\n"
	"\n"
	"Who a client is the kernel says (SO_PEERCRED). root, the daemon's own user and members of\n"
	"the group `berth` are **operators**. Others are **viewers** where the operator lets them, and\n"
	"may do nothing where not.\n"
	"\n"
	"## Errors\n"
	"\n"
	"| code | status | meaning |\n"
	"|---|---|---|\n";

int main(void)
{
	printf(frame, CONTROL_VERSION, CONTROL_LINE_MAX / 1024 / 1024,
	       CONTROL_VIEWER_LINE_MAX / 1024, CONTROL_PENDING_MAX, CONTROL_SILENT_MS / 1000,
	       CONTROL_SLOW_MS / 1000);
	for (const struct control_error_row *row = control_errors; row->code; row++)
		if (row == control_errors || row->code != row[-1].code)
			printf("| `%s` | %d | %s |\n", row->code, row->status, row->help);
	printf("\n## Operations\n");
	for (enum control_op op = CONTROL_HELLO; op < CONTROL_OP_COUNT; op++)
		print_operation(&control_operations[op]);
	return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
