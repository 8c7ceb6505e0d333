/* SPDX-License-Identifier: Apache-2.0 */
/* From the words of a command line to a verb's function. */
#pragma once

/* argv as main(3p) has it. Returns the exit status. */
int dispatch_command_line(int argc, char **argv);
