#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# In the guest, as root: every suite once as root and once as a user with a delegated cgroup, then the daemon as a service;
# /out gets the reports.
export BERTH=/bundle/berth BERTH_BUILD_DIR=/bundle BERTH_SOURCE_DIR=/bundle
failed=0

# step NAME COMMAND...: the whole output goes to /out/NAME.txt, the end of it is shown.
step() {
	local name=$1 status=0
	shift
	"$@" >"/out/$name.txt" 2>&1 || status=$?
	echo "== $name: status $status, up $(cut -d' ' -f1 /proc/uptime) s"
	if [ "$status" = 77 ]; then
		tail -1 "/out/$name.txt"
	elif [ "$status" != 0 ]; then
		grep -E '<-|FAILED|^ {9}|not enforced|\[  FAILED' "/out/$name.txt" | head -40
		tail -5 "/out/$name.txt"
		failed=1
	else
		tail -2 "/out/$name.txt"
	fi
}

# What systemd gives a service of a user: its own cgroup and a runtime directory.
rootless=(systemd-run --quiet --wait --pipe --uid=tester --gid=tester -p Delegate=yes
	-p RuntimeDirectory=berth-tester --working-directory=/bundle
	--setenv=XDG_RUNTIME_DIR=/run/berth-tester "--setenv=BERTH=$BERTH")

cd /bundle || exit 1
step escape_root ./report.py --probe ./escape-probe
step attack_root ./run.py --attack ./attack --scale 4
for test in tests/unit/sandbox/test_*; do
	# Thousands of launches, each with one call failing: the same on every host, and too slow for this CPU.
	[ "${test##*/}" = test_sandbox_faults ] && continue
	if [ -x "$test" ]; then
		step "unit_${test##*/}" timeout 200 "./$test" "$PWD/tests/unit/sandbox/sandbox_inside"
	fi
done
step escape_rootless "${rootless[@]}" ./report.py --probe ./escape-probe
step attack_rootless "${rootless[@]}" ./run.py --attack ./attack --scale 4
# The last: it adds a user to the guest.
step service ./guest_service.py install
exit $failed
