/* SPDX-License-Identifier: Apache-2.0 */
/* What a run had, shared by the runs that had the same: it is 3 KiB, and nearly always equal. */
#pragma once

#include "base/error.h"
#include "sandbox/protection.h"

struct protection_set {
	unsigned uses;
	struct sandbox_protection_state states[SANDBOX_PROTECTIONS];
};

/* *recent, one use more, when it holds these states, else a new set that becomes *recent. */
int protection_set_take(struct protection_set **recent,
			const struct sandbox_protection_state states[SANDBOX_PROTECTIONS],
			struct protection_set **ret_set, struct berth_error *err);

/* One use more. */
struct protection_set *protection_set_share(struct protection_set *set);

/* One use less; accepts NULL. */
void protection_set_release(struct protection_set *set);
