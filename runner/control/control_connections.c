/* SPDX-License-Identifier: Apache-2.0 */
/* Operations about the connection itself. */
#include "runner/control/control_operations.h"

int control_hello(struct control_call *call, struct berth_error *err)
{
	(void)err;
	control_call_answer(call,
			    json_pack("{s:i, s:s, s:s}", "protocol", CONTROL_VERSION, "version",
				      BERTH_VERSION, "role", control_role_name(call->peer.role)));
	return 0;
}

int control_ping(struct control_call *call, struct berth_error *err)
{
	(void)err;
	control_call_answer(call, json_null());
	return 0;
}
