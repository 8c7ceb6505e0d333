#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The rooms' one-way street: a file includes only what its room may include (docs/ARCHITECTURE.md).
set -eu
cd "$(dirname "$0")/../.."
./tests/lint/sources.sh '*.c' '*.h' | xargs awk '
	# room -> the rooms it may include, and the libraries it must not know
	BEGIN {
		may["base"] = "base"
		may["sandbox"] = "base sandbox"
		may["machines"] = "base machines"
		may["images"] = "base images"
		may["extensions"] = "base extensions"
		may["extensions/task"] = "base extensions/task"
		may["extensions/ffmpeg"] = "base extensions/task extensions/ffmpeg"
		may["extensions/vips"] = "base extensions/task extensions/vips"
		may["runner"] = "base sandbox machines images extensions extensions/task runner"
		never["sandbox"] = "jansson.h"
		never["machines"] = "sys/mount.h seccomp.h"
		never["runner"] = "seccomp.h libavformat/ vips/"
	}
	function room_of(path, parts, count) {
		count = split(path, parts, "/")
		if (parts[1] == "extensions" && count > 2)
			return parts[1] "/" parts[2]
		return parts[1]
	}
	function complain(text) {
		printf "%s:%d: %s\n", FILENAME, FNR, text
		bad = 1
	}
	FNR == 1 { room = room_of(FILENAME); first_include = 1 }
	/^[ \t]*#[ \t]*include[ \t]*"/ {
		target = $0
		sub(/^[^"]*"/, "", target)
		sub(/".*/, "", target)
		if (room == "tests")
			next
		if (!(room in may)) {
			complain("the room " room " has no row in " "tests/lint/layering.sh")
			next
		}
		if (target !~ /\//)
			complain("\"" target "\" is not a full path from the top")
		else if (index(" " may[room] " ", " " room_of(target) " ") == 0)
			complain(room " must not include " target)
		else if (target ~ /^runner\/cli\// && FILENAME !~ /^runner\/cli\//)
			complain("only the command line may include " target)
		next
	}
	/^[ \t]*#[ \t]*include[ \t]*</ {
		count = split(never[room], forbidden, " ")
		for (i = 1; i <= count; i++)
			if (index($0, "<" forbidden[i]) > 0)
				complain(room " must not know <" forbidden[i] ">")
	}
	END { exit bad }
'
