#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The README's examples work as they stand: every sh block that follows a "tested" mark is run,
# and every file that it links to exists.
set -euo pipefail
readme=$BERTH_SOURCE_DIR/README.md
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

for link in $(grep -o '](\([^)#]*\))' "$readme" | tr -d '()]' | grep -v '://'); do
	[ -e "$BERTH_SOURCE_DIR/$link" ] || {
		echo "README.md links to $link, which is not there"
		exit 1
	}
done

awk -v scratch="$scratch" '
	/^<!-- tested -->/ { wanted = 1; next }
	/^```sh/ && wanted { block++; inside = 1; wanted = 0; next }
	/^```/ { inside = 0 }
	inside { print > (scratch "/block" block ".sh") }
' "$readme"
[ -s "$scratch/block3.sh" ] || {
	echo "README.md has too few tested blocks"
	exit 1
}

mkdir "$scratch/home"
ln -s "$BERTH_MEDIA_DIR/video.mp4" "$BERTH_MEDIA_DIR/photo.jpg" "$scratch/home/"
PATH=$BERTH_BUILD_DIR:$PATH
for block in "$scratch"/block*.sh; do
	(cd "$scratch/home" && bash -euo pipefail -x "$block")
done
cd "$scratch/home"
grep -q '"outcome"' result.json
[ -n "$(ls thumbnail)" ]
[ "$(find variants -type f | wc -l)" -ge 3 ]
