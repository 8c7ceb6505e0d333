/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the verb, parses its options, prints help. */
#include "runner/cli/dispatch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/nearest.h"
#include "runner/cli/client_exit_table.h"
#include "runner/cli/command_table.h"
#include "runner/cli/complaint.h"
#include "runner/cli/help.h"

/* verb is NULL, or the row whose sub-verb was not found. */
static int complain_of_verb(const struct command_row *verb, const char *name)
{
	const struct command_row *rows = verb ? verb->subs : command_rows;
	size_t count = verb ? verb->sub_count : command_row_count;
	char hint[OPTION_HINT_SIZE];
	struct berth_error err;
	struct nearest nearest;

	nearest_start(&nearest, name);
	for (size_t i = 0; i < count; i++)
		nearest_offer(&nearest, command_word(&rows[i]));
	if (nearest.best)
		(void)snprintf(hint, sizeof(hint), "did you mean: berth %s%s%s?",
			       verb ? verb->name : "", verb ? " " : "", nearest.best);
	else
		(void)snprintf(hint, sizeof(hint), "list the verbs with: berth %s%s--help",
			       verb ? verb->name : "", verb ? " " : "");
	(void)berth_fail(&err, BERTH_INVALID, 0, "%s%s%.100s: there is no such verb",
			 verb ? verb->name : "", verb ? " " : "", name);
	complaint_print(&err, hint);
	return EXIT_USAGE;
}

/* What the tables cannot say: which verbs take words. */
static int check_words(const struct command_row *row, const struct option_arguments *arguments,
		       struct berth_error *err)
{
	if (arguments->words.count && !row->takes_words)
		return berth_fail(err, BERTH_INVALID, 0, "%s: takes no argument \"%.100s\"",
				  row->name, arguments->words.items[0]);
	if (arguments->command && !row->takes_command)
		return berth_fail(err, BERTH_INVALID, 0, "%s: takes no command", row->name);
	return 0;
}

static int run_verb(const struct command_row *row, int argc, char **argv)
{
	AUTO_FREE void *record = calloc(1, row->record_size);
	struct option_arguments arguments = {0};
	char hint[OPTION_HINT_SIZE] = "";
	struct berth_error err;
	int status = row->usage_status;

	if (!record) {
		(void)berth_fail(&err, BERTH_MEMORY, 0, "out of memory");
		complaint_print(&err, NULL);
		return EXIT_BERTH;
	}
	if (options_parse(row->options, argc, argv, record, &arguments, hint, &err) < 0 ||
	    (!arguments.help && check_words(row, &arguments, &err) < 0)) {
		if (!hint[0])
			(void)snprintf(hint, sizeof(hint), "see: berth %s --help", row->name);
		complaint_print(&err, hint);
	} else if (arguments.help) {
		help_print_verb(row, stdout);
		status = EXIT_DONE;
	} else {
		status = row->run(record, &arguments);
	}
	options_finish(row->options, record);
	option_arguments_finish(&arguments);
	return status;
}

/* The spellings people try before they know the verbs. */
static const char *translate(const char *word)
{
	if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0)
		return "version";
	return word;
}

static bool asks_for_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0;
}

/* berth help [VERB [SUB-VERB]], berth help exit-statuses */
static int help(int argc, char **argv)
{
	const struct command_row *row, *sub;

	if (argc == 0) {
		help_print_overview(stdout);
		return EXIT_DONE;
	}
	if (strcmp(argv[0], "exit-statuses") == 0) {
		client_exit_print(stdout);
		return EXIT_DONE;
	}
	row = command_find(command_rows, command_row_count, argv[0]);
	if (!row)
		return complain_of_verb(NULL, argv[0]);
	sub = argc > 1 ? command_find(row->subs, row->sub_count, argv[1]) : NULL;
	if (argc > 1 && row->subs && !sub)
		return complain_of_verb(row, argv[1]);
	help_print_verb(sub ? sub : row, stdout);
	return EXIT_DONE;
}

/* A verb with sub-verbs: argv begins behind it. */
static int run_sub_verb(const struct command_row *row, int argc, char **argv)
{
	const struct command_row *sub =
		argc > 0 ? command_find(row->subs, row->sub_count, argv[0]) : NULL;

	if (sub)
		return run_verb(sub, argc - 1, argv + 1);
	if (row->run)
		return run_verb(row, argc, argv);
	if (argc > 0 && !asks_for_help(argv[0]))
		return complain_of_verb(row, argv[0]);
	help_print_verb(row, argc > 0 ? stdout : stderr);
	return argc > 0 ? EXIT_DONE : EXIT_USAGE;
}

int dispatch_command_line(int argc, char **argv)
{
	const struct command_row *row;

	if (argc < 2) {
		help_print_overview(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--dump-reference") == 0) {
		help_print_reference(stdout);
		return EXIT_DONE;
	}
	if (asks_for_help(argv[1]))
		return help(argc - 2, argv + 2);
	row = command_find(command_rows, command_row_count, translate(argv[1]));
	if (!row)
		return complain_of_verb(NULL, argv[1]);
	return run_sub_verb(row, argc - 2, argv + 2);
}
