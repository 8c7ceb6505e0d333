/* SPDX-License-Identifier: Apache-2.0 */
/* What the terminal behind a descriptor is like. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

bool terminal_is(int fd);

/* A terminal, NO_COLOR (https://no-color.org) not set and TERM not "dumb". */
bool terminal_wants_colours(int fd);

/* Columns; 80 when unknown. */
size_t terminal_width(int fd);
