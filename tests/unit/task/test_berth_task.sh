#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# berth-task against a real task channel, and alone: what it prints, says and ends with.
#   test_berth_task.sh CHANNEL_SERVER BERTH_TASK
set -eu
server=$1
task=$2
directory=$(mktemp -d)
pid=
# shellcheck disable=SC2317 # called by the trap
clean_up() {
	[ -z "$pid" ] || kill "$pid" 2>/dev/null || :
	rm -rf "$directory"
}
trap clean_up EXIT
cd "$directory"
mkdir checkpoints
failures=0

# check WHAT EXPECTED_STATUS EXPECTED_OUTPUT COMMAND...
check() {
	what=$1 expected_status=$2 expected=$3
	shift 3
	status=0
	"$@" >out 2>err </dev/null || status=$?
	if [ "$status" != "$expected_status" ] || [ "$(cat out)" != "$expected" ]; then
		echo "not ok: $what: status $status, printed: $(cat out) $(cat err)"
		failures=$((failures + 1))
	fi
}

# check_said WHAT LINE: the server was told LINE
check_said() {
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		if grep -qxF -- "$2" said; then
			return
		fi
		sleep 0.1
	done
	echo "not ok: $1: the supervisor was told:"
	cat said
	failures=$((failures + 1))
}

# check_err WHAT TEXT: the last command's stderr has TEXT
check_err() {
	if ! grep -qF -- "$2" err; then
		echo "not ok: $1: $(cat err)"
		failures=$((failures + 1))
	fi
}

start_server() {
	: >said
	"$server" "$directory/s" checkpoints '{"width":640,"name":"a \"b\"","deep":{"x":[1]}}' >said &
	pid=$!
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		if grep -q ready said; then
			return
		fi
		sleep 0.1
	done
	echo "not ok: the server did not start"
	exit 1
}

start_server
BERTH_TASK_SOCKET=$directory/s
export BERTH_TASK_SOCKET

check log 0 '' "$task" log warn 'frame done' n=4 ok=true s=text e= q='"4"' eq=a=b
check_said log 'log warn frame done fields {"n":4,"ok":true,"s":"text","e":"","q":"4","eq":"a=b"}'
check 'log without fields' 0 '' "$task" log info -- --dashed
check_said 'log without fields' 'log info --dashed fields -'
check 'log level' 2 '' "$task" log loud x
check_err 'log level' '"loud" is not a level'
check 'log field' 2 '' "$task" log info x =5
check 'log words' 2 '' "$task" log info
check progress 0 '' "$task" progress 40 --message 'pass 1' --eta=30 --rate 25.5 --unit frames
check_said progress 'progress 40 30 25.5 frames pass 1'
check 'progress alone' 0 '' "$task" progress 41.5
check_said 'progress alone' 'progress 41.5 -1 -1 - -'
check 'progress bounds' 2 '' "$task" progress 101
check 'progress number' 2 '' "$task" progress half
check 'progress option' 2 '' "$task" progress 1 --speed 5
check 'progress value' 2 '' "$task" progress 1 --eta
check metadata 0 '' "$task" metadata a=1 b=two
check_said metadata 'metadata {"a":1,"b":"two"}'
check 'metadata json' 0 '' "$task" metadata --json '{"c":{"d":null}}'
check_said 'metadata json' 'metadata {"c":{"d":null}}'
check 'metadata array' 3 '' "$task" metadata --json '[]'
check 'load nothing' 1 '' "$task" checkpoint load state
check save 0 '' "$task" checkpoint save state '{"frame": 4}'
check load 0 '{"frame":4}' "$task" checkpoint load state
printf '{"frame":5}\n' >data
check 'save a file' 0 '' "$task" checkpoint save state @data
check 'load again' 0 '{"frame":5}' "$task" checkpoint load state
save_stdin() {
	printf '[6]' | "$task" checkpoint save state -
}
check 'save stdin' 0 '' save_stdin
check 'load stdin' 0 '[6]' "$task" checkpoint load state
check 'save nothing' 0 '' "$task" checkpoint save mark
check 'load null' 0 null "$task" checkpoint load mark
check 'bad name' 3 '' "$task" checkpoint save ../x 1
check 'bad json' 3 '' "$task" checkpoint save x '{'
check 'no file' 3 '' "$task" checkpoint save x @missing
head -c 300000 /dev/zero | tr '\0' 1 >large
check 'too large' 3 '' "$task" checkpoint save x @large
check 'checkpoint what' 2 '' "$task" checkpoint
check output 0 '' "$task" output '{"file":"a.mp4"}'
check_said output 'output {"file":"a.mp4"}'
check fail 0 '' "$task" fail --permanent BadInput 'no video stream'
check_said fail 'fail permanent BadInput no video stream'
check 'fail again' 0 '' "$task" fail Busy 'try later'
check_said 'fail again' 'fail retryable Busy try later'
check payload 0 '{"width":640,"name":"a \"b\"","deep":{"x":[1]}}' "$task" payload
check 'payload number' 0 640 "$task" payload width
check 'payload text' 0 'a "b"' "$task" payload name
check 'payload object' 0 '{"x":[1]}' "$task" payload deep
check 'payload absent' 1 '' "$task" payload height
check info 0 'run run_test
attempt 3
task test.task
input /input/a b.mp4
output /output
checkpoint /checkpoint
cpus 0.25
memory_bytes 1073741824' "$task" info
check 'info json' 0 '{"run":"run_test","attempt":3,"task":"test.task","inputs":["/input/a b.mp4"],"output":"/output","checkpoint":"/checkpoint","cpus":0.25,"memory_bytes":1073741824}' "$task" info --json
check usage 0 '{"cpu_ns":1,"memory_bytes":2,"memory_peak_bytes":3,"pids":4}' "$task" usage --json
check 'not cancelled' 1 '' "$task" cancelled
date='[{"kind":"date","state":"COMPLETED","ok":true}]'
check 'wait' 0 "$date" "$task" wait --for 50ms
check 'wait for the past' 0 "$date" "$task" wait --until 2001-01-01T00:00:00Z --name past
for refused in 'wait --token t' 'wait --for 1s --run r' 'trigger t' 'trigger-and-wait t' 'batch []' 'batch --and-wait []' 'token create' 'token complete t' 'run get r'; do
	# shellcheck disable=SC2086 # words of a command
	check "$refused" 3 '' "$task" $refused
	check_err "$refused" 'needs berth serve'
done
kill -USR1 "$pid"
sleep 0.2
check cancelled 0 '' "$task" cancelled
check version 0 "berth-task $(sed -n 's/^project(berth VERSION \([0-9.]*\).*/\1/p' "$BERTH_SOURCE_DIR/CMakeLists.txt")" "$task" --version
check 'no command' 2 '' "$task"
check 'which command' 2 '' "$task" dance
"$task" --help >out
for command in log progress metadata 'checkpoint save' 'checkpoint load' output fail payload info usage cancelled wait trigger trigger-and-wait batch 'token create' 'token complete' 'run get'; do
	grep -q "^  $command" out || { echo "not ok: help does not name $command"; failures=$((failures + 1)); }
done

# the saved state survives the supervisor; its end is an error, never a signal
kill -TERM "$pid"
wait "$pid" || { echo "not ok: the server failed"; failures=$((failures + 1)); }
pid=
check 'no supervisor' 3 '' "$task" usage
rm -f s
start_server
check 'load after a restart' 0 '[6]' "$task" checkpoint load state
if grep -q '^problem' said; then
	echo "not ok: the supervisor complains:"
	cat said
	failures=$((failures + 1))
fi

# by hand: without any supervisor
unset BERTH_TASK_SOCKET
if [ ! -e /run/berth/task.sock ]; then
	check 'alone' 0 '' "$task" log info hi n=1
	check_err 'alone' '{"op":"log","level":"info","message":"hi","fields":{"n":1}}'
	export BERTH_TASK_CHECKPOINT=checkpoints BERTH_TASK_PAYLOAD='[1, 2]'
	check 'save alone' 0 '' "$task" checkpoint save solo 7
	check 'load alone' 0 7 "$task" checkpoint load solo
	check 'payload alone' 0 '[1,2]' "$task" payload
	check 'wait alone' 0 "$date" "$task" wait --for 50ms
	check 'trigger alone' 3 '' "$task" trigger t
	check_err 'trigger alone' 'needs berth serve'
	BERTH_TASK_PAYLOAD='{' check 'bad payload' 3 '' "$task" payload
fi
[ "$failures" = 0 ] && echo "ok"
