#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A release: verify the files in a run of its own, ask a person, publish. While it waits it holds no
# place in its queue, and its processes are frozen.
set -eu
checked=$(berth-task trigger-and-wait verify --payload "$(berth-task payload)" --name checked)
berth-task log info "verified" files="$checked"

token=$(berth-task token create --timeout 1d --idempotency-key "$BERTH_RUN_ID")
berth-task metadata approve="$token"
echo "waiting for: berth tokens complete $token --output '{\"by\": \"you\"}'"
# an array of one result; its status says whether somebody answered in time
berth-task wait --token "$token" --name approval >/tmp/approval || {
	berth-task fail --permanent NotApproved "nobody approved it within a day"
	exit 65
}
berth-task output "{\"checked\": $checked, \"approval\": $(cat /tmp/approval)}"
