/* SPDX-License-Identifier: Apache-2.0 */
/* berth completion: scripts for bash, zsh and fish, made from the tables. */
#include <stdio.h>
#include <string.h>

#include "runner/cli/command_table.h"
#include "runner/cli/commands.h"
#include "runner/cli/complaint.h"

/* Names that are known only at run time are asked of berth itself. */
static const char list_tasks[] = "berth tasks 2>/dev/null | awk 'NR > 1 {print $1}'";
static const char list_machines[] = "berth machines 2>/dev/null | awk 'NR > 1 {print $1}'";
static const char list_extensions[] = "berth extensions 2>/dev/null | awk 'NR > 1 {print $1}'";

struct value_row {
	const char *option;
	const char *command; /* prints one name a line; NULL: files */
};

static const struct value_row value_rows[] = {
	{"machine", list_machines  },
	{"ext",     list_extensions},
};

static const char *value_command(const char *option)
{
	for (size_t i = 0; i < sizeof(value_rows) / sizeof(value_rows[0]); i++)
		if (strcmp(value_rows[i].option, option) == 0)
			return value_rows[i].command;
	return NULL;
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
		(void)printf("\t%s:--%s) COMPREPLY=($(compgen -W \"", row->name, help.name);
		if (command)
			(void)printf("$(%s)", command);
		else
			print_choices(help.choices, " ");
		(void)puts("\" -- \"$word\")); return ;;");
	}
}

static void print_bash(void)
{
	struct option_help help;

	(void)puts("# bash completion for berth, made by: berth completion bash\n"
		   "_berth() {\n"
		   "\tlocal word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
		   "\tlocal verb=${COMP_WORDS[1]} names=\n"
		   "\tCOMPREPLY=()\n"
		   "\tif [ \"$COMP_CWORD\" -eq 1 ]; then");
	(void)fputs("\t\tCOMPREPLY=($(compgen -W \"", stdout);
	for (size_t i = 0; i < command_row_count; i++)
		(void)printf("%s ", command_rows[i].name);
	(void)puts("help\" -- \"$word\"))\n\t\treturn\n\tfi\n\tcase $verb:$previous in");
	for (size_t i = 0; i < command_row_count; i++)
		print_bash_values(&command_rows[i]);
	(void)puts("\tesac\n\tcase $verb in");
	for (size_t i = 0; i < command_row_count; i++) {
		(void)printf("\t%s) names=\"--help", command_rows[i].name);
		for (size_t j = 0; options_describe(command_rows[i].options, j, &help); j++)
			(void)printf(" --%s", help.name);
		(void)puts("\" ;;");
	}
	(void)printf("\tesac\n"
		     "\tcase $verb:$word in\n"
		     "\t*:-*) COMPREPLY=($(compgen -W \"$names\" -- \"$word\")) ;;\n"
		     "\ttasks:* | run:*) COMPREPLY=($(compgen -W \"$(%s)\" -- \"$word\")"
		     " $(compgen -f -- \"$word\")) ;;\n"
		     "\tcompletion:*) COMPREPLY=($(compgen -W \"bash zsh fish\" -- \"$word\")) ;;\n"
		     "\tesac\n"
		     "}\n"
		     "complete -o default -F _berth berth\n",
		     list_tasks);
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

static void print_zsh_verb(const struct command_row *row)
{
	struct option_help help;

	(void)printf("\t%s) _arguments \\\n", row->name);
	for (size_t i = 0; options_describe(row->options, i, &help); i++) {
		const char *command = value_command(help.name);

		(void)printf("\t\t'*--%s%s[", help.name, help.takes_value ? "=" : "");
		print_zsh_text(help.help);
		(void)putchar(']');
		if (help.choices) {
			(void)fputs(":value:(", stdout);
			print_choices(help.choices, " ");
			(void)putchar(')');
		} else if (command) {
			/* the command's quotes would end the word */
			(void)printf(":name:{compadd $(_berth_names %s)}", help.name);
		} else if (help.takes_value) {
			(void)fputs(":value:_files", stdout);
		}
		(void)puts("' \\");
	}
	(void)printf("\t\t'*:word:%s' ;;\n",
		     row->takes_command ? "{compadd $(_berth_names task); _files}" : "_files");
}

static void print_zsh(void)
{
	(void)puts("#compdef berth\n"
		   "# zsh completion for berth, made by: berth completion zsh\n"
		   "_berth_names() {\n\tcase $1 in");
	(void)printf("\ttask) %s ;;\n\tmachine) %s ;;\n\text) %s ;;\n\tesac\n}\n", list_tasks,
		     list_machines, list_extensions);
	(void)puts("_berth() {\n\tlocal -a verbs\n\tverbs=(");
	for (size_t i = 0; i < command_row_count; i++) {
		(void)printf("\t\t'%s:", command_rows[i].name);
		print_zsh_text(command_rows[i].summary);
		(void)puts("'");
	}
	(void)puts("\t)\n"
		   "\tif (( CURRENT == 2 )); then _describe verb verbs; return; fi\n"
		   "\tlocal verb=$words[2]\n"
		   "\tshift words; (( CURRENT-- ))\n"
		   "\tcase $verb in");
	for (size_t i = 0; i < command_row_count; i++)
		print_zsh_verb(&command_rows[i]);
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

static void print_fish_verb(const struct command_row *row)
{
	struct option_help help;

	(void)printf("complete -c berth -n __fish_use_subcommand -a %s -d '", row->name);
	print_fish_text(row->summary);
	(void)puts("'");
	for (size_t i = 0; options_describe(row->options, i, &help); i++) {
		const char *command = value_command(help.name);

		(void)printf("complete -c berth -n '__fish_seen_subcommand_from %s' -l %s",
			     row->name, help.name);
		if (help.letter)
			(void)printf(" -s %c", help.letter);
		if (help.takes_value)
			(void)fputs(help.choices || command ? " -x" : " -r", stdout);
		if (help.choices) {
			(void)fputs(" -a '", stdout);
			print_choices(help.choices, " ");
			(void)fputs("'", stdout);
		} else if (command) {
			(void)printf(
				" -a \"(berth %s 2>/dev/null | string match -r '^[a-z0-9]\\S*')\"",
				strcmp(help.name, "ext") == 0 ? "extensions" : "machines");
		}
		(void)fputs(" -d '", stdout);
		print_fish_text(help.help);
		(void)puts("'");
	}
}

static void print_fish(void)
{
	(void)puts("# fish completion for berth, made by: berth completion fish");
	for (size_t i = 0; i < command_row_count; i++)
		print_fish_verb(&command_rows[i]);
	(void)puts("complete -c berth -n '__fish_seen_subcommand_from run tasks' -a "
		   "\"(berth tasks 2>/dev/null | string match -r '^[a-z]\\S*')\"");
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
