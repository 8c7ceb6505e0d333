/* SPDX-License-Identifier: Apache-2.0 */
/* The logs of runs that nobody knows any more, and what interrupted seals left: after a death
 * between forgetting a run and deleting its files. Once, at start; a worker reads every name. */
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "runner/log/log_retention.h"
#include "runner/store/store_runs.h"
#include "runner/supervisor/supervisor.h"

struct logs_chore {
	struct control_chore chore; /* first: it is what the worker is given */
	struct supervisor *supervisor;
	struct store *store; /* the worker's */
	uint64_t started_ns, removed;
};

/* What cannot be looked up may be known. */
static bool is_known(void *owner, int64_t run_id)
{
	struct logs_chore *chore = owner;
	struct run_row run;

	return store_run_read(chore->store, run_id, &run, NULL) <= 0;
}

static int sweep(struct control_chore *control_chore, struct berth_error *err)
{
	struct logs_chore *chore = (struct logs_chore *)control_chore;
	int result;

	if (store_open(chore->supervisor->state, STORE_READ_ONLY, &chore->store, err) < 0)
		return -1;
	result = log_sweep(chore->supervisor->logs_fd, is_known, chore, chore->started_ns,
			   &chore->removed, err);
	store_close(chore->store);
	return result;
}

static void on_swept(struct control_chore *control_chore, int result, const struct berth_error *why)
{
	struct logs_chore *chore = (struct logs_chore *)control_chore;

	if (result < 0)
		supervisor_say("logs that nobody knows: %s", why->message);
	else if (chore->removed > 0)
		supervisor_say("removed %ju files of logs that nobody knows",
			       (uintmax_t)chore->removed);
	free(chore);
}

void supervisor_sweep_logs(struct supervisor *supervisor)
{
	struct logs_chore *chore = calloc(1, sizeof(*chore));

	if (!chore)
		return; /* the next start does it */
	chore->chore = (struct control_chore){.run = sweep, .done = on_swept};
	chore->supervisor = supervisor;
	chore->started_ns = supervisor->started_ns;
	workers_submit(supervisor->workers, &chore->chore);
}
