/* SPDX-License-Identifier: Apache-2.0 */
/* Help and the Markdown reference, printed from the command and option rows. */
#pragma once

#include <stdio.h>

#include "runner/cli/command_table.h"

void help_print_overview(FILE *stream);
void help_print_verb(const struct command_row *row, FILE *stream);

/* Every verb with its options and every way to end, for the manual pages. */
void help_print_reference(FILE *stream);
