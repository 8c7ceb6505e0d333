/* SPDX-License-Identifier: Apache-2.0 */
/* Every protection names the probe or attack that tries it, and every probe the protection it
 * tries. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "sandbox/protection.h"
#include "tests/attack/attack.h"
#include "tests/escape/probe.h"

/* The probes call these; here none is run. */
void probe_note(const char *format, ...)
{
	(void)format;
}

const char *probe_host(const char *key)
{
	(void)key;
	return NULL;
}

long probe_host_number(const char *key)
{
	(void)key;
	return -1;
}

static int failures;

static void fail(const char *what, const char *name)
{
	printf("%s: %s\n", name, what);
	failures++;
}

static const struct probe_row *next_probe(size_t *group, size_t *index)
{
	while (*group < probe_group_count && *index == probe_groups[*group]->count) {
		++*group;
		*index = 0;
	}
	return *group < probe_group_count ? &probe_groups[*group]->rows[(*index)++] : NULL;
}

static bool has_probe(const char *name)
{
	const struct probe_row *row;
	size_t group = 0, index = 0;

	while ((row = next_probe(&group, &index)))
		if (!strcmp(row->protection, name) || !strcmp(row->name, name))
			return true;
	return false;
}

static bool has_attack(const char *name)
{
	for (size_t i = 0; i < attack_row_count; i++)
		if (!strcmp(attack_rows[i].name, name))
			return true;
	return false;
}

static void check_protections(void)
{
	for (size_t i = 0; i < SANDBOX_PROTECTIONS; i++) {
		const struct sandbox_protection_row *row = &sandbox_protection_rows[i];
		const char *test = row->test ? row->test : "";

		if (!strncmp(test, "escape: ", 8) && !has_probe(test + 8))
			fail("no such probe", test);
		else if (!strncmp(test, "attack: ", 8) && !has_attack(test + 8))
			fail("no such attack", test);
		else if (strncmp(test, "escape: ", 8) && strncmp(test, "attack: ", 8) &&
			 strncmp(test, "unit: ", 6))
			fail("names no test", row->name);
	}
}

static void check_probe(const struct probe_row *row)
{
	bool found = !strcmp(row->protection, "control");
	const struct probe_row *other;
	size_t group = 0, index = 0, same = 0;

	for (size_t i = 0; i < SANDBOX_PROTECTIONS && !found; i++)
		found = !strcmp(row->protection, sandbox_protection_rows[i].name);
	if (!found)
		fail("tries no protection of the sandbox", row->name);
	if (strcmp(row->protection, "control") && !row->expected[0])
		fail("expects nothing", row->name);
	while ((other = next_probe(&group, &index)))
		same += !strcmp(other->name, row->name);
	if (same != 1)
		fail("is there twice", row->name);
}

int main(void)
{
	const struct probe_row *row;
	size_t group = 0, index = 0, probes = 0;

	check_protections();
	while ((row = next_probe(&group, &index))) {
		check_probe(row);
		probes++;
	}
	printf("%zu probes, %zu attacks, %d protections, %d problems\n", probes, attack_row_count,
	       SANDBOX_PROTECTIONS, failures);
	return failures || probes < 60;
}
