/* SPDX-License-Identifier: Apache-2.0 */
/* Option rows: every way to write a value, every way to get it wrong, and what help prints. */
/* cmocka.h wants these before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "runner/cli/options.h"
#include "runner/run/limit_overrides.h"

struct record {
	char *machine;
	struct string_list mounts;
	uint64_t timeout_ms;
	int64_t attempts;
	int format;
	bool json, verbose, secret;
	struct limit_overrides limits;
};

static const char *const formats[] = {"auto", "text", "json", NULL};

#define AT(member) offsetof(struct record, member)
/* clang-format off */
static const struct option_row rows[] = {
	{.field = {.name = "machine", .type = FIELD_STRING, .offset = AT(machine), .min = 1, .max = 32, .help = "the machine"}, .value = "NAME", .letter = 'm'},
	{.field = {.name = "mount", .type = FIELD_STRING, .offset = AT(mounts), .min = 1, .max = 4096, .help = "a mount"}, .value = "SRC:DST", .repeated = true},
	{.field = {.name = "timeout", .type = FIELD_DURATION_MS, .offset = AT(timeout_ms), .max = 86400000, .help = "how long"}},
	{.field = {.name = "attempts", .type = FIELD_INTEGER, .offset = AT(attempts), .min = 1, .max = 100, .default_text = "1", .help = "how often"}, .letter = 'n'},
	{.field = {.name = "log_format", .type = FIELD_ENUM, .offset = AT(format), .choices = formats, .default_text = "auto", .help = "how"}},
	{.field = {.name = "json", .type = FIELD_BOOL, .offset = AT(json), .help = "as JSON"}, .letter = 'j'},
	{.field = {.name = "verbose", .type = FIELD_BOOL, .offset = AT(verbose), .help = "more"}, .letter = 'v'},
	{.field = {.name = "secret", .type = FIELD_BOOL, .offset = AT(secret), .help = "hidden"}, .hidden = true},
};
/* clang-format on */

static const struct option_table table = {
	.rows = rows,
	.count = sizeof(rows) / sizeof(rows[0]),
	.has_limits = true,
	.limits_offset = AT(limits),
};

struct parsed {
	struct record record;
	struct option_arguments arguments;
	struct berth_error err;
	char hint[OPTION_HINT_SIZE];
	int result;
};

/* The words of a command line, separated by single spaces; "_" stands for an empty word. */
static void parse(struct parsed *parsed, char *line)
{
	static char *words[64]; /* the parsed command points into it */
	int count = 0;

	*parsed = (struct parsed){0};
	for (char *word = strtok_r(line, " ", &line); word; word = strtok_r(NULL, " ", &line)) {
		if (strcmp(word, "_") == 0)
			word[0] = '\0';
		words[count++] = word;
	}
	words[count] = NULL;
	parsed->result = options_parse(&table, count, words, &parsed->record, &parsed->arguments,
				       parsed->hint, &parsed->err);
}

#define PARSE(variable, text)                                                                      \
	char variable##_line[] = text;                                                             \
	struct parsed variable;                                                                    \
	parse(&(variable), variable##_line)

static void finish(struct parsed *parsed)
{
	options_finish(&table, &parsed->record);
	option_arguments_finish(&parsed->arguments);
}

static void test_every_spelling(void **state)
{
	(void)state;
	PARSE(p, "--machine micro -n3 --log-format=json --timeout 90s -jv --mount a:b --mount=c:d");
	assert_int_equal(p.result, 0);
	assert_string_equal(p.record.machine, "micro");
	assert_int_equal(p.record.attempts, 3);
	assert_int_equal(p.record.format, 2);
	assert_int_equal(p.record.timeout_ms, 90000);
	assert_true(p.record.json && p.record.verbose);
	assert_int_equal(p.record.mounts.count, 2);
	assert_string_equal(p.record.mounts.items[0], "a:b");
	assert_string_equal(p.record.mounts.items[1], "c:d");
	assert_null(p.arguments.command);
	finish(&p);
}

static void test_letter_takes_next_word(void **state)
{
	(void)state;
	PARSE(p, "-jm small-2x -n 7");
	assert_int_equal(p.result, 0);
	assert_string_equal(p.record.machine, "small-2x");
	assert_int_equal(p.record.attempts, 7);
	finish(&p);
}

static void test_defaults(void **state)
{
	(void)state;
	PARSE(p, "word");
	assert_int_equal(p.result, 0);
	assert_null(p.record.machine);
	assert_int_equal(p.record.attempts, 1);
	assert_int_equal(p.record.format, 0);
	assert_int_equal(p.record.limits.given, 0);
	assert_int_equal(p.arguments.words.count, 1);
	finish(&p);
}

static void test_double_dash(void **state)
{
	(void)state;
	PARSE(p, "one -j two -- --machine -x --");
	assert_int_equal(p.result, 0);
	assert_int_equal(p.arguments.words.count, 2);
	assert_string_equal(p.arguments.words.items[1], "two");
	assert_non_null(p.arguments.command);
	assert_string_equal(p.arguments.command[0], "--machine");
	assert_string_equal(p.arguments.command[2], "--");
	assert_null(p.arguments.command[3]);
	assert_null(p.record.machine);
	finish(&p);
}

static void test_nothing_after_double_dash(void **state)
{
	(void)state;
	PARSE(p, "--");
	assert_int_equal(p.result, 0);
	assert_non_null(p.arguments.command);
	assert_null(p.arguments.command[0]);
	finish(&p);
}

static void test_lone_dash_is_a_word(void **state)
{
	(void)state;
	PARSE(p, "-");
	assert_int_equal(p.result, 0);
	assert_string_equal(p.arguments.words.items[0], "-");
	finish(&p);
}

static void test_limits(void **state)
{
	struct resource_limits limits = {.pids = 5, .cpu_millis = 1000, .disk_bytes = 7};

	(void)state;
	PARSE(p, "--memory 64M --cpu=0.25 --tmpfs-inodes 99");
	assert_int_equal(p.result, 0);
	limit_overrides_apply(&p.record.limits, &limits);
	assert_int_equal(limits.memory_bytes, 64 << 20);
	assert_int_equal(limits.cpu_millis, 250);
	assert_int_equal(limits.tmpfs_inodes, 99);
	assert_int_equal(limits.pids, 5);
	assert_int_equal(limits.disk_bytes, 7);
	finish(&p);
}

static void test_help_wins(void **state)
{
	(void)state;
	PARSE(p, "--json --help --nonsense");
	assert_int_equal(p.result, 0);
	assert_true(p.arguments.help);
	finish(&p);
}

struct bad_row {
	const char *line, *message, *hint;
};

static const struct bad_row bad_rows[] = {
	{"--machin micro",   "option --machin: unknown",         "did you mean --machine?"     },
	{"--memmory=1",      "option --memmory: unknown",        "did you mean --memory?"      },
	{"--tmpfs_inodes 5", "option --tmpfs_inodes: unknown",   "did you mean --tmpfs-inodes?"},
	{"--zzzzzzzzzzzzz",  "option --zzzzzzzzzzzzz: unknown",  ""                            },
	{"-z",	       "option -z: unknown",               ""                            },
	{"--machine",        "option --machine: needs a value",  "write it as --machine NAME"  },
	{"--mount",          "option --mount: needs a value",    "write it as --mount SRC:DST" },
	{"-n",	       "option --attempts: needs a value", "write it as --attempts VALUE"},
	{"--json=yes",       "option --json: takes no value",    ""                            },
	{"--attempts 0",     "option --attempts",                ""                            },
	{"--attempts 101",   "option --attempts",                ""                            },
	{"--attempts 1x",    "option --attempts",                ""                            },
	{"--attempts _",     "option --attempts",                ""                            },
	{"--timeout soon",   "option --timeout",                 ""                            },
	{"--log-format xml", "option --log-format",              ""                            },
	{"--memory lots",    "option --memory",                  ""                            },
	{"--cpu -1",         "option --cpu",                     ""                            },
	{"--tmpfs 1",        "option --tmpfs",                   ""                            },
	{"--machine _",      "option --machine",                 ""                            },
};

static void test_bad_input(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad_rows) / sizeof(bad_rows[0]); i++) {
		AUTO_FREE char *line = strdup(bad_rows[i].line);
		struct parsed p;

		parse(&p, line);
		if (p.result == 0)
			fail_msg("accepted: %s", bad_rows[i].line);
		assert_int_equal(p.err.code, BERTH_INVALID);
		if (strncmp(p.err.message, bad_rows[i].message, strlen(bad_rows[i].message)) != 0)
			fail_msg("%s: says \"%s\"", bad_rows[i].line, p.err.message);
		assert_string_equal(p.hint, bad_rows[i].hint);
		finish(&p);
	}
}

static void test_describe_lists_all_but_hidden(void **state)
{
	struct option_help help;
	size_t count = 0;

	(void)state;
	while (options_describe(&table, count, &help)) {
		assert_string_not_equal(help.name, "secret");
		assert_true(help.help && help.help[0]);
		count++;
	}
	assert_int_equal(count, table.count - 1 + resource_limit_row_count);
	assert_true(options_describe(&table, 0, &help));
	assert_string_equal(help.spelling, "-m, --machine NAME");
	assert_true(options_describe(&table, 4, &help));
	assert_string_equal(help.detail, "one of auto, text, json; default auto");
}

static char *print(void (*printer)(const struct option_table *, FILE *))
{
	char *text = NULL;
	size_t length = 0;
	FILE *stream = open_memstream(&text, &length);

	assert_non_null(stream);
	printer(&table, stream);
	assert_int_equal(fclose(stream), 0);
	return text;
}

static void test_print(void **state)
{
	AUTO_FREE char *help = print(options_print_help);
	AUTO_FREE char *reference = print(options_print_reference);

	(void)state;
	assert_non_null(strstr(help, "-m, --machine NAME"));
	assert_non_null(strstr(help, "--memory SIZE"));
	assert_null(strstr(help, "secret"));
	assert_non_null(strstr(reference, "| `--tmpfs-inodes N` |"));
	for (const char *line = help; *line;) {
		size_t length = strcspn(line, "\n");

		assert_true(length <= 100);
		line += length + (line[length] == '\n');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_spelling),
		cmocka_unit_test(test_letter_takes_next_word),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_double_dash),
		cmocka_unit_test(test_nothing_after_double_dash),
		cmocka_unit_test(test_lone_dash_is_a_word),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_help_wins),
		cmocka_unit_test(test_bad_input),
		cmocka_unit_test(test_describe_lists_all_but_hidden),
		cmocka_unit_test(test_print),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
