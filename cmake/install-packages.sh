#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages of the named sections of packages.txt that are not there yet.
# Calls apt only when something is missing.
#   install-packages.sh [--print] SECTION...
set -eu

list=$(dirname "$0")/packages.txt
print_only=no
if [ "${1:-}" = --print ]; then
	print_only=yes
	shift
fi
[ $# -gt 0 ] || {
	echo "usage: $0 [--print] SECTION... (sections: $(sed -n 's/^\[\(.*\)\].*/\1/p' "$list" | tr '\n' ' '))" >&2
	exit 2
}

# "package [program]" lines of one section.
section_rows() {
	awk -v section="[$1]" '
		/^\[/ { inside = ($1 == section); found = found || inside; next }
		/^#/ || NF == 0 { next }
		inside { program = ""; if ($2 ~ /^program=/) program = substr($2, 9); print $1, program }
		END { exit !found }
	' "$list" || {
		echo "$0: $list has no section [$1]" >&2
		return 1
	}
}

is_there() {
	if [ -n "$2" ] && command -v "$2" >/dev/null 2>&1; then
		return 0
	fi
	[ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

rows=$(for section; do section_rows "$section" || exit 1; done)
missing=$(echo "$rows" | sort -u | while read -r package program; do
	[ -z "$package" ] || is_there "$package" "$program" || echo "$package"
done)
[ -n "$missing" ] || exit 0

missing=$(echo "$missing" | tr '\n' ' ')
if [ "$print_only" = yes ]; then
	echo "$missing"
	exit 0
fi
echo "installing: $missing" >&2
if [ "$(id -u)" -ne 0 ]; then
	echo "these Debian packages are missing, and only root can install them:" >&2
	echo "  sudo apt-get install --no-install-recommends $missing" >&2
	exit 1
fi
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT

install_missing() {
	# shellcheck disable=SC2086 # a list of package names
	apt-get install -q -y --no-install-recommends $missing >"$log" 2>&1
}

# The first try fails on a machine that has no or old lists of packages.
install_missing || {
	apt-get update -q >"$log" 2>&1 && install_missing
} || {
	tail -n 30 "$log" >&2
	exit 1
}
