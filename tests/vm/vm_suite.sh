#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The escape suite, the attacks and the sandbox's unit tests in a guest with systemd and cgroup v2, as root and rootless;
# and the daemon as a service.
#   vm_suite.sh [--source DIR] [--build DIR] [--out DIR]
# BUILD is a finished release, else one is made there: sanitizers are too slow for an emulated CPU.
# Status 77: this host cannot.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
source=${BERTH_SOURCE_DIR:-$here/../..}
build=$PWD/build
out=$PWD/out
while [ $# -gt 1 ]; do
	case $1 in
	--source) source=$2 ;;
	--build) build=$2 ;;
	--out) out=$2 ;;
	*) echo "vm_suite.sh: unknown option $1" >&2 && exit 2 ;;
	esac
	shift 2
done

if [ "$(id -u)" != 0 ] || ! command -v qemu-system-x86_64 >/dev/null || ! command -v mmdebstrap >/dev/null ||
	! command -v cpio >/dev/null; then
	echo "needs root, qemu-system-x86_64, mmdebstrap and cpio (cmake/packages.txt, [vm])"
	exit 77
fi

if ! [ -f "$build/CMakeCache.txt" ]; then
	cmake -S "$source" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release >"$build.log" 2>&1 ||
		{ tail -20 "$build.log" && exit 1; }
	cmake --build "$build" >>"$build.log" 2>&1 || { tail -40 "$build.log" && exit 1; }
fi

bundle=$(mktemp -d)
trap 'rm -rf "$bundle"' EXIT
chmod 755 "$bundle"
# The layout of the build: programs find their data beside themselves.
(cd "$build" && find . -type f \( -name berth -o -name berth-task -o -path './machines/*.json' -o \
	-path './tests/unit/sandbox/*' -perm -u+x \) -exec cp --parents {} "$bundle/" \;)
# One unit test looks the named sources up.
(cd "$source" && find sandbox tests/unit/sandbox tests/escape tests/attack -name '*.c' -exec cp --parents {} "$bundle/" \;)
mkdir -p "$bundle/machines"
cp "$build/tests/escape/escape-probe" "$build/tests/attack/attack" "$source/tests/escape/report.py" \
	"$source/tests/attack/"{run,rows,leftovers}.py "$here/guest_suite.sh" "$bundle/"
# What an operator has, and the test of it as a service.
DESTDIR=$bundle/install cmake --install "$build" --prefix /usr >"$bundle/install.log"
cp "$here/guest_service.py" "$source/tests/integration/daemon.py" "$bundle/"

BERTH_VM_TIMEOUT=${BERTH_VM_TIMEOUT:-600} "$here/vm.sh" run "$bundle" guest_suite.sh "$out"
