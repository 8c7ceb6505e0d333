/* SPDX-License-Identifier: Apache-2.0 */
/* System calls a sandboxed task may make, as named groups of data. */
#pragma once

#include <stddef.h>

/* Calls that are allowed whatever their arguments. */
struct seccomp_group {
	const char *name;
	const char *help;         /* why a task needs them */
	const char *const *calls; /* NULL-terminated; one unknown to libseccomp is skipped */
};
extern const struct seccomp_group seccomp_groups[];
extern const size_t seccomp_group_count;

/* (argument & mask) == value, on the low 32 bits, which is all the kernel reads of these arguments;
 * a mask of 0 compares nothing. */
struct seccomp_comparison {
	unsigned argument;
	unsigned mask, value;
};

/* Calls that are allowed only when both comparisons hold; several rows of one call are
 * alternatives and stand together. */
struct seccomp_condition {
	const char *call;
	struct seccomp_comparison first, second;
	const char *help;
};
extern const struct seccomp_condition seccomp_conditions[];
extern const size_t seccomp_condition_count;

/* Calls answered with another errno than EPERM, because callers fall back on it. */
struct seccomp_answer {
	const char *call;
	int errnum;
	const char *help;
};
extern const struct seccomp_answer seccomp_answers[];
extern const size_t seccomp_answer_count;

/* ioctl(2) requests refused although ioctl is allowed; only their low 32 bits count, as in the
 * kernel (CVE-2019-7303). */
struct seccomp_request {
	unsigned int request;
	const char *help;
};
extern const struct seccomp_request seccomp_refused_ioctls[];
extern const size_t seccomp_refused_ioctl_count;
