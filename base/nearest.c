/* SPDX-License-Identifier: Apache-2.0 */
/* Optimal string alignment distance over bounded names. */
#include "base/nearest.h"

#include <stdint.h>
#include <string.h>

static size_t smallest(size_t a, size_t b, size_t c)
{
	size_t least = a < b ? a : b;

	return least < c ? least : c;
}

size_t nearest_distance(const char *left, const char *right)
{
	size_t rows[3][NEAREST_LENGTH_MAX + 1];
	size_t *before = rows[0], *previous = rows[1], *current = rows[2], *spare;
	size_t left_length = strnlen(left, NEAREST_LENGTH_MAX + 1);
	size_t right_length = strnlen(right, NEAREST_LENGTH_MAX + 1);

	if (left_length > NEAREST_LENGTH_MAX || right_length > NEAREST_LENGTH_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= right_length; j++)
		previous[j] = j;
	for (size_t i = 1; i <= left_length; i++) {
		current[0] = i;
		for (size_t j = 1; j <= right_length; j++) {
			size_t differs = left[i - 1] != right[j - 1];

			current[j] = smallest(previous[j] + 1, current[j - 1] + 1,
					      previous[j - 1] + differs);
			if (i > 1 && j > 1 && left[i - 1] == right[j - 2] &&
			    left[i - 2] == right[j - 1] && before[j - 2] + 1 < current[j])
				current[j] = before[j - 2] + 1;
		}
		spare = before;
		before = previous;
		previous = current;
		current = spare;
	}
	return previous[right_length];
}

void nearest_start(struct nearest *nearest, const char *wanted)
{
	nearest->wanted = wanted;
	nearest->best = NULL;
	/* at most a third of what was typed may be wrong, else the suggestion is noise */
	nearest->distance = 1 + strnlen(wanted, NEAREST_LENGTH_MAX) / 3;
}

void nearest_offer(struct nearest *nearest, const char *candidate)
{
	size_t distance = nearest_distance(nearest->wanted, candidate);

	/* what was typed may also be the beginning of the name */
	if (distance > nearest->distance && strlen(nearest->wanted) >= 3 &&
	    strncmp(nearest->wanted, candidate, strlen(nearest->wanted)) == 0)
		distance = nearest->distance;
	if (distance < nearest->distance || (distance == nearest->distance && !nearest->best)) {
		nearest->best = candidate;
		nearest->distance = distance;
	}
}
