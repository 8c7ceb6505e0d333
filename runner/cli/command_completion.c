/* SPDX-License-Identifier: Apache-2.0 */
/* berth completion: scripts for bash, zsh and fish, made from the tables. */
#include <stdio.h>
#include <string.h>

#include "runner/cli/command_table.h"
#include "runner/cli/commands.h"
#include "runner/cli/complaint.h"

/* Names that are known only at run time are asked of berth itself; without a daemon there are none.
 */
#define FIRST_COLUMN " 2>/dev/null | awk 'NR > 1 {print $1}'"
static const char list_tasks[] = "berth tasks" FIRST_COLUMN;
static const char list_machines[] = "berth machines" FIRST_COLUMN;
static const char list_extensions[] = "berth extensions" FIRST_COLUMN;
static const char list_runs[] = "berth runs list" FIRST_COLUMN;
static const char list_queues[] = "berth queues list" FIRST_COLUMN;
static const char list_versions[] = "berth versions list" FIRST_COLUMN;
static const char list_tokens[] = "berth tokens list" FIRST_COLUMN;
static const char list_shells[] = "echo bash zsh fish";

struct value_row {
	const char *name;    /* of an option, or of a verb for its words */
	const char *command; /* prints one name a line */
	const char *fish;    /* the words of berth that list them; NULL: fish has none */
};

static const struct value_row value_rows[] = {
	{"machine", list_machines,   "machines"     },
	{"ext",     list_extensions, "extensions"   },
	{"task",    list_tasks,      "tasks"        },
	{"queue",   list_queues,     "queues list"  },
	{"version", list_versions,   "versions list"},
};

static const struct value_row word_rows[] = {
	{"run",               list_tasks,    "tasks"        },
	{"tasks",             list_tasks,    "tasks"        },
	{"trigger",           list_tasks,    "tasks"        },
	{"completion",        list_shells,   NULL           },
	{"runs show",         list_runs,     "runs list"    },
	{"runs logs",         list_runs,     "runs list"    },
	{"runs cancel",       list_runs,     "runs list"    },
	{"runs replay",       list_runs,     "runs list"    },
	{"runs reschedule",   list_runs,     "runs list"    },
	{"runs tags",         list_runs,     "runs list"    },
	{"checkpoints list",  list_runs,     "runs list"    },
	{"checkpoints show",  list_runs,     "runs list"    },
	{"queues show",       list_queues,   "queues list"  },
	{"queues pause",      list_queues,   "queues list"  },
	{"queues resume",     list_queues,   "queues list"  },
	{"queues override",   list_queues,   "queues list"  },
	{"queues reset",      list_queues,   "queues list"  },
	{"versions promote",  list_versions, "versions list"},
	{"versions rollback", list_versions, "versions list"},
	{"keys reset",        list_tasks,    "tasks"        },
	{"tokens show",       list_tokens,   "tokens list"  },
	{"tokens complete",   list_tokens,   "tokens list"  },
};

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static const struct value_row *find_values(const struct value_row *rows, size_t count,
					   const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(rows[i].name, name) == 0)
			return &rows[i];
	return NULL;
}

static const char *value_command(const char *option)
{
	const struct value_row *row = find_values(value_rows, COUNT(value_rows), option);

	return row ? row->command : NULL;
}

static void print_choices(const char *const *choices, const char *separator)
{
	for (size_t i = 0; choices[i]; i++)
		(void)printf("%s%s", i ? separator : "", choices[i]);
}

static void print_bash_values(const struct command_row *row)
{
	struct option_help help;

	for (size_t i = 0; options_describe(row->options, i, &help); i++) {
		const char *command = value_command(help.name);

		if (!help.choices && !command)
			continue;
		(void)printf("\t\"%s\":--%s) COMPREPLY=($(compgen -W \"", row->name, help.name);
		if (command)
			(void)printf("$(%s)", command);
		else
			print_choices(help.choices, " ");
		(void)puts("\" -- \"$word\")); return ;;");
	}
}

/* Sets path, which is the verb, or with a sub-verb both. */
static void print_bash_paths(void)
{
	(void)puts("\tcase $verb in");
	for (size_t i = 0; i < command_row_count; i++) {
		const struct command_row *row = &command_rows[i];

		if (!row->subs)
			continue;
		(void)printf("\t%s)\n\t\tnames=\"", row->name);
		for (size_t j = 0; j < row->sub_count; j++)
			(void)printf("%s%s", j ? " " : "", command_word(&row->subs[j]));
		(void)printf("\"\n\t\tif [[ \" $names \" == *\" ${COMP_WORDS[2]} \"* && "
			     "$COMP_CWORD -gt 2 ]]; then path=\"%s ${COMP_WORDS[2]}\"\n"
			     "\t\telif [ \"$COMP_CWORD\" -eq 2 ] && [[ $word != -* ]]; then\n"
			     "\t\t\tCOMPREPLY=($(compgen -W \"$names\" -- \"$word\"))\n"
			     "%s\t\tfi ;;\n",
			     row->name, row->run ? "" : "\t\t\treturn\n");
	}
	(void)puts("\tesac");
}

static void print_bash(void)
{
	const struct command_row *row;
	struct option_help help;

	(void)puts("# bash completion for berth, made by: berth completion bash\n"
		   "_berth() {\n"
		   "\tlocal word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
		   "\tlocal verb=${COMP_WORDS[1]} path=${COMP_WORDS[1]} names=\n"
		   "\tCOMPREPLY=()\n"
		   "\tif [ \"$COMP_CWORD\" -eq 1 ]; then");
	(void)fputs("\t\tCOMPREPLY=($(compgen -W \"", stdout);
	for (size_t i = 0; i < command_row_count; i++)
		(void)printf("%s ", command_rows[i].name);
	(void)puts("help\" -- \"$word\"))\n\t\treturn\n\tfi");
	print_bash_paths();
	(void)puts("\tcase $path:$previous in");
	for (size_t i = 0; (row = command_at(i)); i++)
		print_bash_values(row);
	(void)puts("\tesac\n\tcase $path in");
	for (size_t i = 0; (row = command_at(i)); i++) {
		(void)printf("\t\"%s\") names=\"--help", row->name);
		for (size_t j = 0; options_describe(row->options, j, &help); j++)
			(void)printf(" --%s", help.name);
		(void)puts("\" ;;");
	}
	(void)puts("\tesac\n"
		   "\tcase $path:$word in\n"
		   "\t*:-*) COMPREPLY=($(compgen -W \"$names\" -- \"$word\")) ;;");
	for (size_t i = 0; i < COUNT(word_rows); i++)
		(void)printf("\t\"%s\":*) COMPREPLY+=($(compgen -W \"$(%s)\" -- \"$word\")%s) ;;\n",
			     word_rows[i].name, word_rows[i].command,
			     strcmp(word_rows[i].name, "run") == 0 ? " $(compgen -f -- \"$word\")"
								   : "");
	(void)puts("\tesac\n"
		   "}\n"
		   "complete -o default -F _berth berth");
}

/* Inside '…' of zsh's _arguments: a quote ends it, brackets and colons mean something. */
static void print_zsh_text(const char *text)
{
	for (; *text; text++) {
		if (*text == '\'')
			(void)fputs("'\\''", stdout);
		else if (strchr("[]:\\", *text))
			(void)printf("\\%c", *text);
		else
			(void)putchar(*text);
	}
}

static void print_zsh_options(const struct command_row *row)
{
	const struct value_row *words = find_values(word_rows, COUNT(word_rows), row->name);
	struct option_help help;

	(void)printf("\t%s) _arguments \\\n", command_word(row));
	for (size_t i = 0; options_describe(row->options, i, &help); i++) {
		(void)printf("\t\t'*--%s%s[", help.name, help.takes_value ? "=" : "");
		print_zsh_text(help.help);
		(void)putchar(']');
		if (help.choices) {
			(void)fputs(":value:(", stdout);
			print_choices(help.choices, " ");
			(void)putchar(')');
		} else if (value_command(help.name)) {
			/* the command's quotes would end the word */
			(void)printf(":name:{compadd $(_berth_names %s)}", help.name);
		} else if (help.takes_value) {
			(void)fputs(":value:_files", stdout);
		}
		(void)puts("' \\");
	}
	if (words)
		(void)printf("\t\t'*:word:{compadd $(_berth_names \"%s\")%s}' ;;\n", row->name,
			     row->takes_command ? "; _files" : "");
	else
		(void)puts("\t\t'*:word:_files' ;;");
}

static void print_zsh_verbs(const struct command_row *rows, size_t count, const char *name)
{
	(void)printf("\tlocal -a %s\n\t%s=(\n", name, name);
	for (size_t i = 0; i < count; i++) {
		(void)printf("\t\t'%s:", command_word(&rows[i]));
		print_zsh_text(rows[i].summary);
		(void)puts("'");
	}
	(void)puts("\t)");
}

/* Sub-verbs have a function of their own. */
static void print_zsh_subs(const struct command_row *row)
{
	(void)printf("_berth_%s() {\n", row->name);
	print_zsh_verbs(row->subs, row->sub_count, "verbs");
	(void)puts("\tif (( CURRENT == 2 )); then _describe verb verbs; return; fi\n"
		   "\tlocal verb=$words[2]\n"
		   "\tshift words; (( CURRENT-- ))\n"
		   "\tcase $verb in");
	for (size_t i = 0; i < row->sub_count; i++)
		print_zsh_options(&row->subs[i]);
	(void)puts("\tesac\n}");
}

static void print_zsh_names(void)
{
	(void)puts("_berth_names() {\n\tcase $1 in");
	for (size_t i = 0; i < COUNT(value_rows); i++)
		(void)printf("\t%s) %s ;;\n", value_rows[i].name, value_rows[i].command);
	for (size_t i = 0; i < COUNT(word_rows); i++)
		(void)printf("\t\"%s\") %s ;;\n", word_rows[i].name, word_rows[i].command);
	(void)puts("\tesac\n}");
}

static void print_zsh(void)
{
	(void)puts("#compdef berth\n# zsh completion for berth, made by: berth completion zsh");
	print_zsh_names();
	for (size_t i = 0; i < command_row_count; i++)
		if (command_rows[i].subs)
			print_zsh_subs(&command_rows[i]);
	(void)puts("_berth() {");
	print_zsh_verbs(command_rows, command_row_count, "verbs");
	(void)puts("\tif (( CURRENT == 2 )); then _describe verb verbs; return; fi\n"
		   "\tlocal verb=$words[2]\n"
		   "\tshift words; (( CURRENT-- ))\n"
		   "\tcase $verb in");
	for (size_t i = 0; i < command_row_count; i++) {
		if (command_rows[i].subs)
			(void)printf("\t%s) _berth_%s ;;\n", command_rows[i].name,
				     command_rows[i].name);
		else
			print_zsh_options(&command_rows[i]);
	}
	(void)puts("\tesac\n}\n_berth \"$@\"");
}

static void print_fish_text(const char *text)
{
	for (; *text; text++) {
		if (*text == '\'' || *text == '\\')
			(void)putchar('\\');
		(void)putchar(*text);
	}
}

/* The condition under which a row's options and words are offered. */
static void print_fish_condition(const struct command_row *row)
{
	const char *space = strchr(row->name, ' ');

	if (space)
		(void)printf("complete -c berth -n '__fish_seen_subcommand_from %.*s; and "
			     "__fish_seen_subcommand_from %s'",
			     (int)(space - row->name), row->name, space + 1);
	else
		(void)printf("complete -c berth -n '__fish_seen_subcommand_from %s'", row->name);
}

static void print_fish_names(const char *listing)
{
	(void)printf(" -a \"(berth %s 2>/dev/null | string match -r '^[a-z0-9]\\S*')\"", listing);
}

static void print_fish_options(const struct command_row *row)
{
	const struct value_row *words = find_values(word_rows, COUNT(word_rows), row->name);
	struct option_help help;

	for (size_t i = 0; options_describe(row->options, i, &help); i++) {
		const struct value_row *values =
			find_values(value_rows, COUNT(value_rows), help.name);

		print_fish_condition(row);
		(void)printf(" -l %s", help.name);
		if (help.letter)
			(void)printf(" -s %c", help.letter);
		if (help.takes_value)
			(void)fputs(help.choices || values ? " -x" : " -r", stdout);
		if (help.choices) {
			(void)fputs(" -a '", stdout);
			print_choices(help.choices, " ");
			(void)fputs("'", stdout);
		} else if (values) {
			print_fish_names(values->fish);
		}
		(void)fputs(" -d '", stdout);
		print_fish_text(help.help);
		(void)puts("'");
	}
	if (!words || !words->fish)
		return;
	print_fish_condition(row);
	print_fish_names(words->fish);
	(void)putchar('\n');
}

static void print_fish_verb(const struct command_row *row)
{
	(void)printf("complete -c berth -n __fish_use_subcommand -a %s -d '", row->name);
	print_fish_text(row->summary);
	(void)puts("'");
	for (size_t i = 0; i < row->sub_count; i++) {
		(void)printf("complete -c berth -n '__fish_seen_subcommand_from %s; and not "
			     "__fish_seen_subcommand_from",
			     row->name);
		for (size_t j = 0; j < row->sub_count; j++)
			(void)printf(" %s", command_word(&row->subs[j]));
		(void)printf("' -a %s -d '", command_word(&row->subs[i]));
		print_fish_text(row->subs[i].summary);
		(void)puts("'");
	}
}

static void print_fish(void)
{
	const struct command_row *row;

	(void)puts("# fish completion for berth, made by: berth completion fish");
	for (size_t i = 0; i < command_row_count; i++)
		print_fish_verb(&command_rows[i]);
	for (size_t i = 0; (row = command_at(i)); i++)
		print_fish_options(row);
}

struct shell_row {
	const char *name;
	void (*print)(void);
};

static const struct shell_row shell_rows[] = {
	{"bash", print_bash},
	{"zsh",  print_zsh },
	{"fish", print_fish},
};

int command_completion(void *record, const struct option_arguments *arguments)
{
	const char *wanted = arguments->words.count == 1 ? arguments->words.items[0] : "";
	struct berth_error err;

	(void)record;
	for (size_t i = 0; i < sizeof(shell_rows) / sizeof(shell_rows[0]); i++)
		if (strcmp(shell_rows[i].name, wanted) == 0) {
			shell_rows[i].print();
			return EXIT_DONE;
		}
	(void)berth_fail(&err, BERTH_INVALID, 0, "completion: name one shell");
	complaint_print(&err, "write one of: berth completion bash, zsh, fish");
	return EXIT_USAGE;
}
