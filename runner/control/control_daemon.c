/* SPDX-License-Identifier: Apache-2.0 */
/* What concerns the daemon as a whole: the backend does it, and answers. */
#include "runner/control/control_operations.h"

int control_backup(struct control_call *call, struct berth_error *err)
{
	return call->backend->backup(call->backend->owner, call, err);
}

int control_prune(struct control_call *call, struct berth_error *err)
{
	return call->backend->prune(call->backend->owner, call, err);
}

int control_reload(struct control_call *call, struct berth_error *err)
{
	return call->backend->reload(call->backend->owner, call, err);
}

int control_drain(struct control_call *call, struct berth_error *err)
{
	return call->backend->drain(call->backend->owner, call, err);
}
