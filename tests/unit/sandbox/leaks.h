/* SPDX-License-Identifier: Apache-2.0 */
/* What a test must leave as it found it: descriptors, children, control groups and loop devices of
 * this process. */
#pragma once

#include <stddef.h>

#define LEAKS_DESCRIPTORS_MAX 256
#define LEAKS_TEXT_SIZE       256

struct leaks {
	int descriptors[LEAKS_DESCRIPTORS_MAX];
	size_t descriptor_count;
};

/* Remembers the open descriptors. */
void leaks_note(struct leaks *leaks);

/* Writes the first difference to text and returns how many there are: descriptors that are open
 * now and were not then, children, control groups named after this process. */
size_t leaks_count(const struct leaks *before, char text[LEAKS_TEXT_SIZE]);

/* Fails the running test when there is any. */
void leaks_expect_none(const struct leaks *before);

/* How many control groups of a process exist: "<pid>.<start time>" is the end of their names. */
size_t leaks_count_groups(const char *owner);

/* "<pid>.<start time>" of a process, as the sandbox names groups after it. */
void leaks_describe_owner(int pid, char *ret_owner, size_t size);

/* How many loop devices have, and keep, a backing file below directory. udev opens every device
 * that appears, and so keeps it for a moment after its last user. */
size_t leaks_count_loops(const char *directory);
