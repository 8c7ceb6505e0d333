/* SPDX-License-Identifier: Apache-2.0 */
/* attack NAME [NUMBER [COOKIE]]: does one hostile thing. Only for the inside of a sandbox.
 *
 * The cookie is not read: it marks the command line, so that a survivor can be found outside. */
#include "tests/attack/attack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
	if (argc < 2) {
		for (size_t i = 0; i < attack_row_count; i++)
			printf("%-24s %s\n", attack_rows[i].name, attack_rows[i].does);
		return 125;
	}
	/* As in the sandbox of berth, and nowhere else by chance. */
	if (!getenv("BERTH")) {
		(void)fprintf(stderr, "attack: this is not a sandbox\n");
		return 125;
	}
	for (size_t i = 0; i < attack_row_count; i++)
		if (!strcmp(attack_rows[i].name, argv[1]))
			return attack_rows[i].run(argc > 2 ? strtol(argv[2], NULL, 0) : 0);
	(void)fprintf(stderr, "attack: no attack %s\n", argv[1]);
	return 125;
}
