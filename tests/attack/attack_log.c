/* SPDX-License-Identifier: Apache-2.0 */
/* Attacks by output on stderr. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/attack/attack.h"

#define LINES 1000000

static char block[1 << 20];

_Noreturn static void pour(int byte)
{
	memset(block, byte, sizeof(block));
	for (;;)
		if (write(STDERR_FILENO, block, sizeof(block)) < 0)
			(void)usleep(1000);
}

int attack_log_flood(long argument)
{
	(void)argument;
	pour('x');
}

int attack_log_nul(long argument)
{
	(void)argument;
	pour('\0');
}

int attack_log_invalid(long argument)
{
	static const char text[] = "\xff\xfe\x80 cut \xe2\x82\n"
				   "\xed\xa0\x80 surrogate\n"
				   "\x1b[2J\x1b]0;title\x07 \x9b"
				   "31m control\r\n"
				   "\xc0\xaf overlong \xf4\x90\x80\x80\n"
				   "nul \0 inside\n"
				   "no end";

	(void)argument;
	for (int i = 0; i < 1000; i++)
		if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
			return 3;
	return 0;
}

/* argument: how many lines; without, a million. */
int attack_log_lines(long argument)
{
	long lines = argument > 0 ? argument : LINES;

	for (size_t i = 0; i < sizeof(block); i += 2)
		memcpy(block + i, "x\n", 2);
	while (lines > 0) {
		size_t length = (size_t)lines * 2 < 8192 ? (size_t)lines * 2 : 8192;
		ssize_t written = write(STDERR_FILENO, block, length);

		if (written < 0)
			return 3;
		lines -= written / 2; /* pipes of that size take all or a multiple */
	}
	return 0;
}
