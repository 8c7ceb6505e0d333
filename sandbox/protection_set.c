/* SPDX-License-Identifier: Apache-2.0 */
/* What a run had, shared by the runs that had the same. */
#include "sandbox/protection_set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is_equal(const struct sandbox_protection_state *a,
		     const struct sandbox_protection_state *b)
{
	for (size_t i = 0; i < SANDBOX_PROTECTIONS; i++)
		if (a[i].status != b[i].status || strcmp(a[i].detail, b[i].detail) != 0)
			return false;
	return true;
}

struct protection_set *protection_set_share(struct protection_set *set)
{
	set->uses++;
	return set;
}

void protection_set_release(struct protection_set *set)
{
	if (set && --set->uses == 0)
		free(set);
}

int protection_set_take(struct protection_set **recent,
			const struct sandbox_protection_state states[SANDBOX_PROTECTIONS],
			struct protection_set **ret_set, struct berth_error *err)
{
	struct protection_set *set = *recent;

	if (!set || !is_equal(set->states, states)) {
		set = calloc(1, sizeof(*set));
		if (!set)
			return berth_fail(err, BERTH_MEMORY, ENOMEM, "protections");
		memcpy(set->states, states, sizeof(set->states));
		protection_set_release(*recent);
		*recent = protection_set_share(set);
	}
	*ret_set = protection_set_share(set);
	return 0;
}
