/* SPDX-License-Identifier: Apache-2.0 */
/* Walks an argument vector along option rows. */
#include "runner/cli/options.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "runner/cli/nearest.h"
#include "runner/run/limit_overrides.h"

/* Where the value of one option goes: a row of the table, or one of the resource limits. */
struct option_target {
	const struct option_row *row;
	const struct field_row *field;
	size_t limit; /* index, when row is NULL */
};

struct option_parser {
	const struct option_table *table;
	void *record;
	struct option_arguments *arguments;
	char **argv;
	int argc;
	int next;
	char *hint;
};

static bool spelled_as(const char *field_name, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (field_name[i] == '\0' ||
		    text[i] != (field_name[i] == '_' ? '-' : field_name[i]))
			return false;
	return field_name[length] == '\0';
}

static void spell(const char *field_name, char *target, size_t size)
{
	size_t length = strnlen(field_name, size - 1);

	for (size_t i = 0; i < length; i++)
		target[i] = field_name[i] == '_' ? '-' : field_name[i];
	target[length] = '\0';
}

static bool find_long(const struct option_table *table, const char *text, size_t length,
		      struct option_target *ret_target)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct option_row *row = &table->rows[i];

		if (spelled_as(row->field.name, text, length)) {
			*ret_target = (struct option_target){.row = row, .field = &row->field};
			return true;
		}
	}
	for (size_t i = 0; table->has_limits && i < resource_limit_row_count; i++) {
		if (spelled_as(resource_limit_rows[i].name, text, length)) {
			*ret_target = (struct option_target){.field = &resource_limit_rows[i],
							     .limit = i};
			return true;
		}
	}
	return false;
}

static bool find_letter(const struct option_table *table, char letter,
			struct option_target *ret_target)
{
	for (size_t i = 0; i < table->count; i++) {
		if (table->rows[i].letter && table->rows[i].letter == letter) {
			*ret_target = (struct option_target){.row = &table->rows[i],
							     .field = &table->rows[i].field};
			return true;
		}
	}
	return false;
}

static int fail_unknown(struct option_parser *parser, const char *text, size_t length,
			struct berth_error *err)
{
	struct nearest nearest;
	struct option_help row;
	char wanted[NEAREST_LENGTH_MAX + 1];
	char names[64][40];
	size_t count = 0;

	(void)snprintf(wanted, sizeof(wanted), "%.*s", (int)(length > 256 ? 256 : length), text);
	nearest_start(&nearest, wanted);
	while (count < 64 && options_describe(parser->table, count, &row)) {
		memcpy(names[count], row.name, sizeof(row.name));
		nearest_offer(&nearest, names[count++]);
	}
	nearest_offer(&nearest, "help");
	if (nearest.best)
		(void)snprintf(parser->hint, OPTION_HINT_SIZE, "did you mean --%s?", nearest.best);
	return berth_fail(err, BERTH_INVALID, 0, "option --%s: unknown", wanted);
}

static int set_value(struct option_parser *parser, const struct option_target *target, char *value,
		     struct berth_error *err)
{
	struct limit_overrides *limits;
	char name[40];

	spell(target->field->name, name, sizeof(name));
	if (target->row && target->row->repeated) {
		void *place = (char *)parser->record + target->field->offset;

		return string_list_add_borrowed(place, value, err);
	}
	if (target->row) {
		if (field_parse_text(target->field, value, parser->record, err) < 0)
			return berth_fail_context(err, "option --%s", name);
		return 0;
	}
	limits = (void *)((char *)parser->record + parser->table->limits_offset);
	if (field_parse_text(target->field, value, &limits->values, err) < 0)
		return berth_fail_context(err, "option --%s", name);
	limits->given |= UINT32_C(1) << target->limit;
	return 0;
}

/* Gives the option its value: the rest of its own word, or the next word. */
static int take_value(struct option_parser *parser, const struct option_target *target,
		      char *attached, struct berth_error *err)
{
	char name[40];

	spell(target->field->name, name, sizeof(name));
	if (target->field->type == FIELD_BOOL) {
		if (attached)
			return berth_fail(err, BERTH_INVALID, 0, "option --%s: takes no value",
					  name);
		return field_parse_text(target->field, "true", parser->record, err);
	}
	if (attached)
		return set_value(parser, target, attached, err);
	if (parser->next >= parser->argc) {
		(void)snprintf(parser->hint, OPTION_HINT_SIZE, "write it as --%s %s", name,
			       target->row && target->row->value ? target->row->value : "VALUE");
		return berth_fail(err, BERTH_INVALID, 0, "option --%s: needs a value", name);
	}
	return set_value(parser, target, parser->argv[parser->next++], err);
}

static int take_long(struct option_parser *parser, char *word, struct berth_error *err)
{
	struct option_target target;
	char *equals = strchr(word, '=');
	size_t length = equals ? (size_t)(equals - word) : strlen(word);

	if (strcmp(word, "help") == 0) {
		parser->arguments->help = true;
		return 0;
	}
	if (!find_long(parser->table, word, length, &target))
		return fail_unknown(parser, word, length, err);
	return take_value(parser, &target, equals ? equals + 1 : NULL, err);
}

static int take_letters(struct option_parser *parser, char *letters, struct berth_error *err)
{
	while (*letters) {
		struct option_target target;
		char *rest = letters + 1;

		if (*letters == 'h') {
			parser->arguments->help = true;
			return 0;
		}
		if (!find_letter(parser->table, *letters, &target))
			return berth_fail(err, BERTH_INVALID, 0, "option -%c: unknown",
					  *letters > ' ' && *letters < 127 ? *letters : '?');
		if (target.field->type != FIELD_BOOL)
			return take_value(parser, &target, *rest ? rest : NULL, err);
		if (take_value(parser, &target, NULL, err) < 0)
			return -1;
		letters = rest;
	}
	return 0;
}

static int take_word(struct option_parser *parser, struct berth_error *err)
{
	char *word = parser->argv[parser->next++];

	if (strcmp(word, "--") == 0) {
		parser->arguments->command = parser->argv + parser->next;
		parser->next = parser->argc;
		return 0;
	}
	if (strncmp(word, "--", 2) == 0)
		return take_long(parser, word + 2, err);
	if (word[0] == '-' && word[1] != '\0')
		return take_letters(parser, word + 1, err);
	return string_list_add_borrowed(&parser->arguments->words, word, err);
}

int options_parse(const struct option_table *table, int argc, char **argv, void *record,
		  struct option_arguments *ret_arguments, char hint[OPTION_HINT_SIZE],
		  struct berth_error *err)
{
	struct option_parser parser = {
		.table = table,
		.record = record,
		.arguments = ret_arguments,
		.argv = argv,
		.argc = argc,
		.hint = hint,
	};

	*ret_arguments = (struct option_arguments){0};
	hint[0] = '\0';
	for (size_t i = 0; i < table->count; i++)
		if (!table->rows[i].repeated &&
		    field_set_defaults(&table->rows[i].field, 1, record, err) < 0)
			return -1;
	while (parser.next < argc && !ret_arguments->help)
		if (take_word(&parser, err) < 0)
			return -1;
	return 0;
}

void option_arguments_finish(struct option_arguments *arguments)
{
	string_list_finish_borrowed(&arguments->words);
}

void options_finish(const struct option_table *table, void *record)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct field_row *field = &table->rows[i].field;

		if (table->rows[i].repeated)
			string_list_finish_borrowed((void *)((char *)record + field->offset));
		else
			field_finish(field, 1, record);
	}
}
