/* SPDX-License-Identifier: Apache-2.0 */
/* Prints every crash point with whose it is, in the order of their cells. */
#include <stdio.h>

#include "runner/crash/crash_point.h"

int main(void)
{
	for (size_t i = 0; i < CRASH_POINTS; i++)
		(void)printf("%s %s\n", crash_point_rows[i].name,
			     crash_point_rows[i].process == CRASH_LAUNCHER ? "launcher"
									   : "supervisor");
	return 0;
}
