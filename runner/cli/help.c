/* SPDX-License-Identifier: Apache-2.0 */
/* Prints rows; knows no verb by name. */
#include "runner/cli/help.h"

#include <string.h>

#include "runner/cli/client_exit_table.h"
#include "runner/run/outcome_table.h"

#define LINE_WIDTH 100

static void print_synopsis(const struct command_row *row, FILE *stream)
{
	for (const char *const *line = row->synopsis; *line; line++)
		(void)fprintf(stream, "%s berth %s\n", line == row->synopsis ? "usage:" : "      ",
			      *line);
}

/* Paragraphs, broken at spaces; a line that begins with a space stays as it is. */
static void print_paragraphs(const char *text, FILE *stream)
{
	size_t column = 0;

	while (*text) {
		size_t length = strcspn(text, " \n");

		if (column == 0 && *text == ' ')
			length = strcspn(text, "\n");
		if (column > 0 && column + 1 + length > LINE_WIDTH) {
			(void)fputc('\n', stream);
			column = 0;
		}
		(void)fprintf(stream, "%s%.*s", column > 0 ? " " : "", (int)length, text);
		column += length + (column > 0);
		text += length;
		if (*text == '\n') {
			(void)fputc('\n', stream);
			column = 0;
			text++;
		} else if (*text == ' ') {
			text++;
		}
	}
	(void)fputc('\n', stream);
}

void help_print_overview(FILE *stream)
{
	(void)fputs("berth runs tasks, each in a kernel sandbox of its own.\n\n"
		    "usage: berth VERB [OPTION...]\n\n",
		    stream);
	for (size_t i = 0; i < command_row_count; i++)
		(void)fprintf(stream, "  %-13s%s\n", command_rows[i].name, command_rows[i].summary);
	(void)fputs("\nTry: berth run -- echo hello\n"
		    "Each verb explains itself: berth VERB --help; exit statuses: berth help "
		    "exit-statuses\n",
		    stream);
}

static void print_sub_verbs(const struct command_row *row, FILE *stream)
{
	for (size_t i = 0; i < row->sub_count; i++)
		(void)fprintf(stream, "  %-13s%s\n", command_word(&row->subs[i]),
			      row->subs[i].summary);
	(void)fprintf(stream, "\nEach explains itself: berth %s %s --help\n", row->name,
		      command_word(&row->subs[0]));
}

void help_print_verb(const struct command_row *row, FILE *stream)
{
	print_synopsis(row, stream);
	(void)fputc('\n', stream);
	if (row->details) {
		print_paragraphs(row->details, stream);
		(void)fputc('\n', stream);
	}
	if (row->run)
		options_print_help(row->options, stream);
	if (row->run && row->subs)
		(void)fputc('\n', stream);
	if (row->subs)
		print_sub_verbs(row, stream);
}

static void print_outcomes(FILE *stream)
{
	(void)fputs("## Outcomes\n\n| outcome | reason | exit status | retried | means |\n"
		    "|---|---|---|---|---|\n",
		    stream);
	for (size_t i = 0; i < OUTCOMES; i++) {
		const struct outcome_row *row = &outcome_rows[i];
		char code[24] = "its own";

		if (row->exit_code >= 0)
			(void)snprintf(code, sizeof(code), "%d", row->exit_code);
		(void)fprintf(stream, "| %s | %s | %s | %s | the run %s |\n", row->name,
			      row->reason ?: "", code, row->retry ? "yes" : "no", row->sentence);
	}
}

void help_print_reference(FILE *stream)
{
	const struct command_row *row;

	for (size_t i = 0; (row = command_at(i)); i++) {
		(void)fprintf(stream, "## berth %s\n\n%s.\n\n```\n", row->name, row->summary);
		for (const char *const *line = row->synopsis; *line; line++)
			(void)fprintf(stream, "berth %s\n", *line);
		(void)fprintf(stream, "```\n\n%s%s", row->details ?: "",
			      row->details ? "\n\n" : "");
		options_print_reference(row->options, stream);
		(void)fputc('\n', stream);
	}
	print_outcomes(stream);
	(void)fputc('\n', stream);
	client_exit_print_reference(stream);
}
