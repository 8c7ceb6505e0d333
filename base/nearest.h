/* SPDX-License-Identifier: Apache-2.0 */
/* Finding the name a person probably meant. */
#pragma once

#include <stddef.h>

#define NEAREST_LENGTH_MAX 64 /* longer names are never suggested */

/* Insertions, deletions, replacements and swaps of neighbours that turn one text into the other;
 * SIZE_MAX when either is longer than NEAREST_LENGTH_MAX. */
size_t nearest_distance(const char *left, const char *right);

/* The state of a search: offer every candidate, then take best, NULL when none is close. */
struct nearest {
	const char *wanted;
	const char *best;
	size_t distance;
};

void nearest_start(struct nearest *nearest, const char *wanted);
void nearest_offer(struct nearest *nearest, const char *candidate);
