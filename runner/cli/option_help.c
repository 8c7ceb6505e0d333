/* SPDX-License-Identifier: Apache-2.0 */
/* Option rows as people read them: help on a terminal, and the Markdown reference. */
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include "base/amount.h"
#include "base/clock.h"
#include "base/limits.h"
#include "runner/cli/options.h"

#define SPELLING_COLUMN 30
#define LINE_WIDTH      100

/* The word an option's value is shown as, by type, when the row gives none. */
static const char *const value_names[] = {
	[FIELD_BOOL] = NULL,
	[FIELD_INTEGER] = "N",
	[FIELD_NUMBER] = "N",
	[FIELD_STRING] = "TEXT",
	[FIELD_ENUM] = "WORD",
	[FIELD_BYTES] = "SIZE",
	[FIELD_DURATION_MS] = "DURATION",
	[FIELD_CPU_MILLIS] = "CPUS",
	[FIELD_JSON] = "JSON",
};

static void append(char *target, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void append(char *target, size_t size, const char *format, ...)
{
	size_t used = strnlen(target, size - 1);
	va_list args;

	va_start(args, format);
	(void)vsnprintf(target + used, size - used, format, args); /* a cut detail is still true */
	va_end(args);
}

static const char *format_bound(const struct field_row *field, double bound,
				char target[AMOUNT_TEXT_SIZE])
{
	if (field->type == FIELD_BYTES)
		return amount_format_bytes((uint64_t)bound, target);
	if (field->type == FIELD_DURATION_MS)
		return amount_format_duration_ns((uint64_t)bound * CLOCK_NS_PER_MS, target);
	if (field->type == FIELD_CPU_MILLIS)
		return amount_format_cpu_millis((uint64_t)bound, target);
	(void)snprintf(target, AMOUNT_TEXT_SIZE, "%.15g", bound);
	return target;
}

static void describe_detail(const struct field_row *field, bool limit, char *detail, size_t size)
{
	char low[AMOUNT_TEXT_SIZE], high[AMOUNT_TEXT_SIZE];

	detail[0] = '\0';
	for (size_t i = 0; field->choices && field->choices[i]; i++)
		append(detail, size, "%s%s", i ? ", " : "one of ", field->choices[i]);
	if (field->type != FIELD_BOOL && field->type != FIELD_STRING && field->type != FIELD_ENUM &&
	    field->type != FIELD_JSON && field->max > field->min)
		append(detail, size, "%s to %s%s", format_bound(field, field->min, low),
		       format_bound(field, field->max, high),
		       field->zero_lifts ? ", or 0: no limit" : "");
	if (limit)
		append(detail, size, "%sdefault: the machine's", detail[0] ? "; " : "");
	else if (field->default_text && field->type != FIELD_BOOL)
		append(detail, size, "%sdefault %s", detail[0] ? "; " : "", field->default_text);
}

static void fill_help(const struct field_row *field, const struct option_row *row, bool limit,
		      struct option_help *ret_help)
{
	const char *value = row && row->value ? row->value : value_names[field->type];

	*ret_help = (struct option_help){
		.letter = row ? row->letter : 0,
		.takes_value = field->type != FIELD_BOOL,
		.help = field->help,
		.choices = field->choices,
	};
	(void)options_spell(field->name, ret_help->name);
	if (ret_help->letter)
		append(ret_help->spelling, sizeof(ret_help->spelling), "-%c, ", ret_help->letter);
	append(ret_help->spelling, sizeof(ret_help->spelling), "--%s", ret_help->name);
	if (ret_help->takes_value)
		append(ret_help->spelling, sizeof(ret_help->spelling), " %s", value);
	if (row && row->repeated)
		append(ret_help->spelling, sizeof(ret_help->spelling), "...");
	describe_detail(field, limit, ret_help->detail, sizeof(ret_help->detail));
}

static bool describe_operation_field(const struct option_table *table, size_t index,
				     struct option_help *ret_help)
{
	for (size_t i = 0; table->operation && control_field(table->operation, i); i++) {
		const struct field_row *field = options_operation_field(table, i);

		if (!field || index-- > 0)
			continue;
		fill_help(field, NULL, false, ret_help);
		return true;
	}
	return false;
}

bool options_describe(const struct option_table *table, size_t index, struct option_help *ret_help)
{
	for (size_t i = 0; i < table->count; i++) {
		if (table->rows[i].hidden)
			continue;
		if (index-- == 0) {
			fill_help(&table->rows[i].field, &table->rows[i], false, ret_help);
			return true;
		}
	}
	if (table->has_limits && index < resource_limit_row_count) {
		fill_help(&resource_limit_rows[index], NULL, true, ret_help);
		return true;
	}
	if (table->has_limits)
		index -= resource_limit_row_count;
	return describe_operation_field(table, index, ret_help);
}

/* Prints words so that no line passes LINE_WIDTH; continuation lines start in column indent. */
static void print_wrapped(FILE *stream, const char *text, size_t indent)
{
	size_t column = indent;

	while (*text) {
		size_t length = strcspn(text, " ");

		if (column > indent && column + 1 + length > LINE_WIDTH) {
			(void)fprintf(stream, "\n%*s", (int)indent, "");
			column = indent;
		} else if (column > indent) {
			(void)fputc(' ', stream);
			column++;
		}
		(void)fwrite(text, 1, length, stream);
		column += length;
		text += length + strspn(text + length, " ");
	}
	(void)fputc('\n', stream);
}

void options_print_help(const struct option_table *table, FILE *stream)
{
	struct option_help help;
	char text[512];

	for (size_t i = 0; options_describe(table, i, &help); i++) {
		(void)snprintf(text, sizeof(text), "%s%s%s%s", help.help,
			       help.detail[0] ? " (" : "", help.detail, help.detail[0] ? ")" : "");
		(void)fprintf(stream, "  %-*s", SPELLING_COLUMN - 2, help.spelling);
		if (strlen(help.spelling) > SPELLING_COLUMN - 3)
			(void)fprintf(stream, "\n%*s", SPELLING_COLUMN, "");
		print_wrapped(stream, text, SPELLING_COLUMN);
	}
	(void)fprintf(stream, "  %-*s", SPELLING_COLUMN - 2, "-h, --help");
	(void)fputs("print this\n", stream);
}

void options_print_reference(const struct option_table *table, FILE *stream)
{
	struct option_help help;

	(void)fputs("| option | what | bounds and default |\n|---|---|---|\n", stream);
	for (size_t i = 0; options_describe(table, i, &help); i++) {
		(void)fputs("| `", stream);
		for (const char *at = help.spelling; *at; at++) /* a bar would end the cell */
			(void)fprintf(stream, "%s%c", *at == '|' ? "\\" : "", *at);
		(void)fprintf(stream, "` | %s | %s |\n", help.help, help.detail);
	}
}
