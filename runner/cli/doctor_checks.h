/* SPDX-License-Identifier: Apache-2.0 */
/* What berth doctor looks at besides the sandbox's own protections: one row a check. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define DOCTOR_DETAIL_SIZE 256

enum doctor_state {
	DOCTOR_OK,
	DOCTOR_MISSING,
	DOCTOR_UNUSED, /* nothing here needs it, or it cannot be told */
};

struct doctor_check {
	const char *name;
	const char *reason; /* what needs it */
	const char *remedy;
	/* Fills detail, which may stay empty. */
	enum doctor_state (*look)(char detail[DOCTOR_DETAIL_SIZE]);
};

extern const struct doctor_check doctor_checks[];
extern const size_t doctor_check_count;
