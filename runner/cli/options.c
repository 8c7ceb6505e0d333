/* SPDX-License-Identifier: Apache-2.0 */
/* Walks an argument vector along option rows. */
#include "runner/cli/options.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "runner/run/limit_overrides.h"

/* Where the value of one option goes: a row of the table, one of the resource limits, or a field of
 * the operation. */
enum target_kind { TARGET_ROW, TARGET_LIMIT, TARGET_OPERATION };
struct option_target {
	enum target_kind kind;
	const struct option_row *row; /* NULL but for TARGET_ROW */
	const struct field_row *field;
	size_t index; /* of the limit or the operation's field */
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

char *options_spell(const char *field_name, char target[OPTION_NAME_SIZE])
{
	size_t used = 0;

	for (size_t i = 0; field_name[i] && used + 2 < OPTION_NAME_SIZE; i++) {
		char letter = field_name[i];
		bool is_upper = letter >= 'A' && letter <= 'Z';

		/* a capital begins a word, several of them are one: idempotencyKeyTTL */
		if (is_upper && i > 0 && !(field_name[i - 1] >= 'A' && field_name[i - 1] <= 'Z'))
			target[used++] = '-';
		target[used++] = (char)(letter == '_' ? '-'
					: is_upper    ? letter - 'A' + 'a'
						      : letter);
	}
	target[used] = '\0';
	return target;
}

static bool spelled_as(const char *field_name, const char *text, size_t length)
{
	char name[OPTION_NAME_SIZE];

	(void)options_spell(field_name, name);
	return strlen(name) == length && memcmp(name, text, length) == 0;
}

static bool has_row_of_name(const struct option_table *table, const char *name)
{
	for (size_t i = 0; i < table->count; i++)
		if (strcmp(table->rows[i].field.name, name) == 0)
			return true;
	return false;
}

const struct field_row *options_operation_field(const struct option_table *table, size_t index)
{
	const struct field_row *field = table->operation && index >= table->words
						? control_field(table->operation, index)
						: NULL;

	return field && field->type != FIELD_JSON && !has_row_of_name(table, field->name) ? field
											  : NULL;
}

static bool find_operation_field(const struct option_table *table, const char *text, size_t length,
				 struct option_target *ret_target)
{
	for (size_t i = 0; table->operation && control_field(table->operation, i); i++) {
		const struct field_row *field = options_operation_field(table, i);

		if (!field || !spelled_as(field->name, text, length))
			continue;
		*ret_target = (struct option_target){
			.kind = TARGET_OPERATION, .field = field, .index = i};
		return true;
	}
	return false;
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
			*ret_target = (struct option_target){
				.kind = TARGET_LIMIT, .field = &resource_limit_rows[i], .index = i};
			return true;
		}
	}
	return find_operation_field(table, text, length, ret_target);
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
	char names[64][OPTION_NAME_SIZE];
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

/* The record and the bits that say what was given, of limits and operations. */
static void *find_place(const struct option_parser *parser, const struct option_target *target)
{
	char *record = parser->record;

	if (target->kind == TARGET_LIMIT)
		return &((struct limit_overrides *)(void *)(record + parser->table->limits_offset))
				->values;
	if (target->kind == TARGET_OPERATION)
		return &((struct operation_fields *)(void *)(record +
							     parser->table->operation_offset))
				->record;
	return record;
}

static void mark_given(const struct option_parser *parser, const struct option_target *target)
{
	char *record = parser->record;

	if (target->kind == TARGET_LIMIT)
		((struct limit_overrides *)(void *)(record + parser->table->limits_offset))
			->given |= UINT32_C(1) << target->index;
	else if (target->kind == TARGET_OPERATION)
		((struct operation_fields *)(void *)(record + parser->table->operation_offset))
			->given |= UINT64_C(1) << target->index;
}

static int set_value(struct option_parser *parser, const struct option_target *target, char *value,
		     struct berth_error *err)
{
	char name[OPTION_NAME_SIZE];

	if (target->row && target->row->repeated) {
		void *place = (char *)parser->record + target->field->offset;

		return string_list_add_borrowed(place, value, err);
	}
	if (field_parse_text(target->field, value, find_place(parser, target), err) < 0)
		return berth_fail_context(err, "option --%s",
					  options_spell(target->field->name, name));
	mark_given(parser, target);
	return 0;
}

/* Gives the option its value: the rest of its own word, or the next word. */
static int take_value(struct option_parser *parser, const struct option_target *target,
		      char *attached, struct berth_error *err)
{
	char name[OPTION_NAME_SIZE], yes[] = "true";

	(void)options_spell(target->field->name, name);
	if (target->field->type == FIELD_BOOL) {
		if (attached)
			return berth_fail(err, BERTH_INVALID, 0, "option --%s: takes no value",
					  name);
		return set_value(parser, target, yes, err);
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

int options_set_word(const struct option_table *table, size_t index, const char *word, void *record,
		     struct berth_error *err)
{
	struct operation_fields *fields = (void *)((char *)record + table->operation_offset);

	fields->given |= UINT64_C(1) << index;
	return field_parse_text(control_field(table->operation, index), word, &fields->record, err);
}

void options_finish(const struct option_table *table, void *record)
{
	struct operation_fields *fields = (void *)((char *)record + table->operation_offset);

	for (size_t i = 0; i < table->count; i++) {
		const struct field_row *field = &table->rows[i].field;

		if (table->rows[i].repeated)
			string_list_finish_borrowed((void *)((char *)record + field->offset));
		else
			field_finish(field, 1, record);
	}
	if (table->operation)
		control_record_finish(table->operation, &fields->record);
}
