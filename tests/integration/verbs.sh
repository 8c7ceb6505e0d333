#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every verb but run: its help, its listing, its JSON, its errors; the completion scripts.
set -eu
berth=${BERTH:?the program to test}
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
failed=0 count=0

# expect STATUS PATTERN WORD...: berth WORD... ends so and prints (on either stream) the pattern
expect() {
	local status=$1 pattern=$2 got=0
	shift 2
	count=$((count + 1))
	"$berth" "$@" >"$directory/text" 2>&1 || got=$?
	if [ "$got" != "$status" ] || ! grep -q -e "$pattern" "$directory/text"; then
		echo "FAILED: berth $*: status $got, expected $status and \"$pattern\" in:"
		head -20 "$directory/text"
		failed=$((failed + 1))
	fi
}

# json EXPRESSION WORD...: the JSON that berth WORD... prints satisfies a Python expression over d
json() {
	local expression=$1
	shift
	count=$((count + 1))
	"$berth" "$@" >"$directory/json" 2>/dev/null || true
	if ! python3 -c 'import json, sys
d = json.load(open(sys.argv[1]))
sys.exit(not eval(sys.argv[2]))' "$directory/json" "$expression"; then
		echo "FAILED: berth $*: not $expression in:"
		head -c 1000 "$directory/json"
		failed=$((failed + 1))
	fi
}

mkdir "$directory/typo"
echo '{"tasksz": [], "tasks": [{"id": "a", "command": ["true"]}]}' >"$directory/typo/berth.json"

expect 2 'usage: berth VERB'
expect 0 'usage: berth VERB' --help
expect 0 'usage: berth VERB' help
expect 0 'usage: berth run' help run
expect 2 'did you mean: berth machines' machine
expect 2 'no such verb' frobnicate
expect 2 'no such verb' help frobnicate
expect 0 '^berth [0-9.]*, task protocol' version
expect 0 '^berth [0-9.]*, task protocol' --version
for verb in run machines extensions tasks doctor version completion; do
	expect 0 "usage: berth $verb" "$verb" --help
	expect 0 "usage: berth $verb" "$verb" -h
done
for verb in machines extensions tasks doctor version completion; do
	expect 2 'unknown' "$verb" --frobnicate
done
expect 0 'no daemon listens' help exit-statuses
for verb in trigger batch runs queues deploy versions tokens checkpoints keys status top backup prune reload drain \
	'batch show' 'runs list' 'runs show' 'runs logs' 'runs cancel' 'runs replay' 'runs reschedule' 'runs tags' \
	'queues list' 'queues show' 'queues pause' 'queues resume' 'queues override' 'queues reset' \
	'versions list' 'versions promote' 'versions rollback' 'tokens list' 'tokens show' 'tokens create' \
	'tokens complete' 'checkpoints list' 'checkpoints show' 'keys reset'; do
	# shellcheck disable=SC2086 # a sub-verb is a word of its own
	expect 0 "usage: berth $verb" $verb --help
	# shellcheck disable=SC2086
	expect 0 "usage: berth $verb" help $verb
done
# without a daemon
for verb in 'trigger hello' 'runs list' 'runs logs run_1' 'queues list' 'versions list' 'tokens create' \
	'checkpoints list run_1' status top prune reload; do
	# shellcheck disable=SC2086
	expect 3 'start it with: berth serve' $verb --socket "$directory/none"
done
expect 2 'did you mean: berth runs list' runs lst
expect 2 'did you mean --payload' trigger hello --paylod 1
expect 2 'tasksz: unknown' deploy "$directory/typo"
expect 0 'json-schema.org' deploy --schema
expect 2 'takes no argument' machines small-1x
expect 2 'takes no command' machines -- true
expect 2 'takes no value' machines --json=yes
expect 2 'did you mean --json' machines --jsn
expect 0 '^NAME .*CPUS .*MEMORY' machines
expect 0 '^small-1x  *0.5  *512 MiB' machines
expect 0 '^video.probe  *ffmpeg' tasks
expect 0 '^FIELD  *TYPE' tasks video.probe
expect 125 'no.such' tasks no.such
expect 0 '^ffmpeg' extensions
expect 2 'completion bash' completion
expect 2 'completion bash' completion csh

json '[m["name"] for m in d["machines"]][:2] == ["micro", "small-1x"]' machines --json
json 'all(m["limits"]["memory"] > 0 and m["fits"] in (True, False) for m in d["machines"])' machines --json
json 'd["host"]["memory"] > 0' machines --json
json '"video.probe" in [t["task"] for t in d["tasks"]]' tasks --json
json 'all(t["payload"] and t["machine"] and t["attempts"] >= 1 for t in d["tasks"])' tasks --json
json 'len(d["tasks"]) == 1' tasks --json video.probe
json '{"ffmpeg", "vips"} <= {e["name"] for e in d["extensions"]}' extensions --json
json 'd["protocol"] == 2 and "host" in d["images"]' version --json
json '{"daemon_socket", "daemon_state", "daemon_cgroup"} <= {f["name"] for f in d["findings"]}' doctor --json
json 'all(f["ok"] == (f["state"] != "missing") for f in d["findings"])' doctor --json
expect 1 'NO   daemon_socket .*nothing listens' doctor --socket "$directory/none"
json 'd["ok"] == all(f["ok"] for f in d["findings"])' doctor --json
json '{"seccomp", "memory_limit", "kernel", "mke2fs"} <= {f["name"] for f in d["findings"]}' doctor --json
json 'all(f["ok"] or f["remedy"] is not None for f in d["findings"])' doctor --json

# what doctor says is what its status says
count=$((count + 1))
status=0
"$berth" doctor >"$directory/text" || status=$?
if [ "$status" = 0 ] && grep -q '^NO' "$directory/text" || [ "$status" = 1 ] && ! grep -q '^NO' "$directory/text"; then
	echo "FAILED: berth doctor: status $status"
	failed=$((failed + 1))
fi

# no colour into a pipe, nor where NO_COLOR is set
count=$((count + 1))
if "$berth" doctor | grep -q "$(printf '\033')"; then
	echo "FAILED: colours in a pipe"
	failed=$((failed + 1))
fi

# the scripts are well-formed, and the one for bash completes
for shell in bash zsh fish; do
	count=$((count + 1))
	"$berth" completion "$shell" >"$directory/completion.$shell"
	if command -v "$shell" >/dev/null && ! "$shell" -n "$directory/completion.$shell"; then
		echo "FAILED: the completion script for $shell"
		failed=$((failed + 1))
	fi
done
complete_words() {
	PATH=$(dirname "$berth"):$PATH bash -c '. "$1"; shift
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*"
		_berth; printf "%s\n" "${COMPREPLY[@]}"' bash "$directory/completion.bash" "$@"
}
for row in 'machines berth mach' '--machine berth run --mach' 'small-1x berth run --machine small' \
	'list berth runs li' '--follow berth trigger --fol' '--status berth runs list --sta' 'trailing berth trigger --debounce-mode tr' 'host berth run --net h' 'video.probe berth run video' 'ffmpeg berth run --ext ff'; do
	count=$((count + 1))
	# shellcheck disable=SC2086 # words are wanted
	set -- $row
	wanted=$1
	shift
	if ! complete_words "$@" | grep -qx -e "$wanted"; then
		echo "FAILED: \"$*\" does not complete to $wanted"
		failed=$((failed + 1))
	fi
done

# every option is in the reference
"$berth" --dump-reference >"$directory/reference"
for option in machine ext image net mount env cwd timeout grace attempts checkpoint result log-format \
	name payload input output quiet verbose cpu memory pids disk tmpfs log; do
	count=$((count + 1))
	if ! grep -q -e "--${option}[ \`.]" "$directory/reference"; then
		echo "FAILED: --$option is not in the reference"
		failed=$((failed + 1))
	fi
done

echo "$((count - failed)) of $count checks passed"
[ "$failed" = 0 ]
