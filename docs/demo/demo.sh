#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# From nothing to four media tasks on real input, each in its own sandbox; then a table of how each
# ended and what it used. `make demo` runs it.
#
#   demo.sh [--built]       --built: the release is there, and so are the packages
set -euo pipefail
cd "$(dirname "$0")/../.."

build=build
demo=$build/demo
berth=$build/berth
# task, input, more options
tasks=(
	"video.probe video.mp4"
	"video.thumbnail video.mp4 --payload {\"exact\":true,\"at\":12.5}"
	"image.variants photo.jpg"
	"video.transcode video.mp4 --payload {\"force\":true} --attempts 3"
)

say() {
	printf '\n== %s\n' "$*"
}

build_release() {
	cmake/install-packages.sh build run demo
	say "building the release into $build/"
	mkdir -p "$demo"
	cmake --workflow --preset release >"$demo/build.log" 2>&1 || {
		tail -n 40 "$demo/build.log"
		echo "the build failed; all of it: $demo/build.log"
		exit 1
	}
}

# run_task TASK INPUT [OPTION...]: its log and progress are on the screen, its files in output/TASK/,
# what it prints (its output as JSON) in output/TASK.json, how it ended in results/TASK.json
run_task() {
	local task=$1 input=$2
	shift 2
	say "$task: berth run $task --input $demo/input/$input --output $demo/output/$task $*"
	mkdir -p "$demo/output/$task"
	"$berth" run --result "$demo/results/$task.json" --output "$demo/output/$task" \
		"$@" "$task" --input "$demo/input/$input" >"$demo/output/$task.json"
}

# result TASK MEMBER: a member of the result, or of its usage as usage.NAME. berth writes one
# member a line, two spaces a level (berth-result(5)).
result() {
	awk -v wanted="$2" '
		function value_of(line) {
			sub(/^ *"[^"]*": */, "", line)
			sub(/,$/, "", line)
			gsub(/^"|"$/, "", line)
			return line
		}
		/^  "/ { section = ""; }
		/^  "usage": \{/ { section = "usage."; next }
		match($0, /^  ( *)"[^"]*":/) {
			name = $1
			gsub(/[":]/, "", name)
			depth = match($0, /"/) - 1
			if ((depth == 2 || (depth == 4 && section != "")) && section name == wanted) {
				print value_of($0)
				exit
			}
		}
	' "$demo/results/$1.json"
}

# Both take a number or "null", which is what this host cannot tell.
size() {
	case $1 in
	*[!0-9]* | '') echo - ;;
	???????*) printf '%d.%d MB' $(($1 / 1000000)) $(($1 % 1000000 / 100000)) ;;
	*) printf '%d.%d kB' $(($1 / 1000)) $(($1 % 1000 / 100)) ;;
	esac
}

seconds() {
	case $1 in
	*[!0-9]* | '') echo - ;;
	*) printf '%d.%02d s' $(($1 / 1000000000)) $(($1 % 1000000000 / 10000000)) ;;
	esac
}

row_format='%-16s %-10s %-10s %9s %9s %9s  %s\n'

# The files of a task, or its output when it leaves none.
print_files() {
	local file first=yes
	while IFS= read -r file; do
		[ "$first" = yes ] || printf '%70s' ''
		first=no
		echo "$file, $(size "$(stat -c %s "$file")")"
	done < <(find "$demo/output/$1" -type f | sort | grep . || echo "$demo/output/$1.json")
}

print_row() {
	# shellcheck disable=SC2059 # the format is the table's
	printf "$row_format" "$1" "$(result "$1" machine)" "$(result "$1" outcome)" \
		"$(seconds "$(result "$1" usage.wallNs)")" "$(seconds "$(result "$1" usage.cpuNs)")" \
		"$(size "$(result "$1" usage.memoryPeakBytes)")" "$(print_files "$1")"
}

[ "${1:-}" = --built ] || build_release
docs/demo/fetch-media.sh "$demo/input"
rm -rf "$demo/output" "$demo/results"
mkdir -p "$demo/output" "$demo/results"

failures=0
for line in "${tasks[@]}"; do
	read -ra words <<<"$line"
	run_task "${words[@]}" || failures=$((failures + 1))
done

say "how each ended, and what it used"
# shellcheck disable=SC2059
printf "$row_format" task machine outcome wall CPU memory "output"
for line in "${tasks[@]}"; do
	print_row "${line%% *}"
done

cat <<TEXT

The files are in $demo/output/, the full results in $demo/results/.
Next:
  $berth tasks                      what else there is
  $berth doctor                     what this host can enforce
  $berth run -- sh -c 'id; ls /'    a look from inside
  $berth run --help                 every option
TEXT
[ "$failures" -eq 0 ] || {
	echo "$failures of ${#tasks[@]} tasks failed"
	exit 1
}
