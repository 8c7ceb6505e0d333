/* SPDX-License-Identifier: Apache-2.0 */
/* Aligned tables on stdout, and JSON in their place. */
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "base/error.h"

#define LISTING_COLUMNS_MAX 12

struct listing;

/* titles is NULL-terminated; at most LISTING_COLUMNS_MAX. NULL when out of memory. */
struct listing *listing_create(const char *const *titles);
/* Accepts NULL. */
void listing_destroy(struct listing *listing);

/* One value a column; they are copied and made safe to print. */
int listing_add(struct listing *listing, const char *const *values, struct berth_error *err);

/* To stdout: a title line (bold on a terminal) and the rows, columns aligned. */
void listing_print(const struct listing *listing);

/* Prints the value, which it takes over, to stdout, indented on a terminal. Returns an exit
 * status. */
int listing_print_json(json_t *value);
