-- SPDX-License-Identifier: Apache-2.0
-- A little of everything that schema 1 can hold; make.sh makes schema1.db of it. Never change it:
-- it is what a released berth has written.
INSERT INTO environments VALUES (2, 'default', 'staging', 5);
INSERT INTO versions VALUES (1, 1, 'builtin', '', '{}', 1000000000, NULL, 0);
INSERT INTO versions VALUES (2, 1, '20250101.1', 'ab12', '{"tasks":[]}', 1735689600000000000, 1735689600000000000, 1);
INSERT INTO definitions VALUES (1, 1, 'video.probe', '{"id":"video.probe"}');
INSERT INTO definitions VALUES (2, 2, 'hello', '{"id":"hello","command":["true"]}');
INSERT INTO tasks VALUES (1, 1, 'hello');
INSERT INTO queues VALUES (1, 1, 'task/hello', 0, 5, NULL, NULL, 2, 1000, 0, 1, 1, 1735689601000000000);
INSERT INTO queues VALUES (2, 1, 'shared', 1, NULL, 3, 1735689600000000000, NULL, NULL, 1, 0, 0, NULL);
INSERT INTO lanes VALUES (1, 1, '', 1, 1, 1735689601000000000);
INSERT INTO lanes VALUES (2, 1, 'user-7', 0, 0, NULL);
-- one that ended well, in a batch, with everything
INSERT INTO runs (id, environment_id, task_id, queue_id, lane_id, state, position_ns, version_id,
	definition_id, machine, cpu_millis, memory_bytes, disk_bytes, attempt, max_attempts,
	interruptions, priority_ms, max_duration_ms, active_ns, ttl_ms, parent_id, root_id, depth,
	batch_id, batch_index, is_test, idempotency_key, idempotency_expires_ns, created_ns,
	queued_ns, started_ns, finished_ns, updated_ns, cpu_ns, wall_ns, memory_peak_bytes)
VALUES (100, 1, 1, 1, 2, 8, 1735689600000000000, 2, 2, 'small-1x', 500, 536870912, 1073741824, 2, 3,
	1, 5000, 60000, 7000000, 3600000, 101, 101, 1, 50, 0, 1, 'k1', 1738281600000000000,
	1735689600000000000, 1735689600500000000, 1735689601000000000, 1735689602000000000,
	1735689602000000000, 12000000, 34000000, 4096);
INSERT INTO run_data VALUES (100, '{"n":1}', 'application/json', '{}', '{"progress":1}', '{"hi":"there"}', 'application/json', NULL);
INSERT INTO run_tags VALUES ('blue', 100), ('green', 100);
INSERT INTO attempts VALUES (100, 1, 't1', 'small-1x', 1735689600600000000, 1735689600700000000, 1735689600900000000, 'failed', 'exit_status', 3, 'it failed', '{"cpuMs":4}', '{"seccomp":true}', 17, NULL);
INSERT INTO attempts VALUES (100, 2, 't2', 'small-1x', 1735689601000000000, 1735689601100000000, 1735689602000000000, 'completed', NULL, 0, NULL, '{"cpuMs":8}', NULL, 40, NULL);
-- its parent, which waits for it, for a date, for a token and for the batch
INSERT INTO runs (id, environment_id, task_id, queue_id, lane_id, state, position_ns, version_id,
	definition_id, machine, cpu_millis, memory_bytes, disk_bytes, attempt, max_attempts, token,
	root_id, created_ns, started_ns, updated_ns)
VALUES (101, 1, 1, 1, 1, 5, 1735689599000000000, 2, 2, 'micro', 250, 268435456, 1073741824, 1, 1,
	'0123456789abcdef0123456789abcdef', NULL, 1735689599000000000, 1735689599500000000,
	1735689600000000000);
INSERT INTO run_data VALUES (101, NULL, 'application/json', NULL, NULL, NULL, NULL, NULL);
INSERT INTO attempts (run_id, number, token, machine, started_ns, executing_ns)
VALUES (101, 1, '0123456789abcdef0123456789abcdef', 'micro', 1735689599500000000, 1735689599600000000);
INSERT INTO waitpoints VALUES (60, 1, 0, 1, 100, NULL, NULL, NULL, NULL, 1735689600000000000, 1735689602000000000, NULL, NULL, 0, NULL);
INSERT INTO waitpoints VALUES (61, 1, 1, 0, NULL, NULL, 4102444800000000000, NULL, NULL, 1735689600000000000, NULL, NULL, NULL, 0, NULL);
INSERT INTO waitpoints VALUES (62, 1, 2, 0, NULL, NULL, 4102444800000000000, 'tk', 4102444800000000000, 1735689600000000000, NULL, NULL, NULL, 0, '["blue"]');
INSERT INTO waitpoints VALUES (63, 1, 2, 2, NULL, NULL, 1735689601000000000, NULL, NULL, 1735689600000000000, 1735689601000000000, '{"code":"TRIGGER_WAITPOINT_TIMEOUT","message":"m"}', 'application/json', 1, NULL);
INSERT INTO waitpoints VALUES (64, 1, 3, 0, NULL, 50, NULL, NULL, NULL, 1735689600000000000, NULL, NULL, NULL, 0, NULL);
INSERT INTO blocks VALUES (101, '0123456789abcdef0123456789abcdef', 'w1', 0, 60, 1);
INSERT INTO blocks VALUES (101, '0123456789abcdef0123456789abcdef', 'w1', 1, 61, 0);
INSERT INTO blocks VALUES (101, '0123456789abcdef0123456789abcdef', 'w2', 0, 62, 0);
INSERT INTO blocks VALUES (101, '0123456789abcdef0123456789abcdef', 'w3', 0, 64, 0);
INSERT INTO timers VALUES (4102444800000000000, 4, 61), (4102444800000000000, 5, 62);
INSERT INTO batches VALUES (50, 1, 1, 3, 2, 1, 1, 101, 'bk', 4102444800000000000, 1735689600000000000, 1735689602000000000, 1735689600000000000, NULL);
INSERT INTO batch_items VALUES (50, 0, 100, NULL), (50, 1, 102, NULL), (50, 2, NULL, '{"code":"not_found","message":"there is no task"}');
-- one that is queued, and one that is delayed and debounced
INSERT INTO runs (id, environment_id, task_id, queue_id, lane_id, state, position_ns, machine,
	cpu_millis, memory_bytes, disk_bytes, max_attempts, batch_id, batch_index, created_ns,
	queued_ns, updated_ns)
VALUES (102, 1, 1, 1, 1, 2, 1735689601000000000, 'micro', 250, 268435456, 1073741824, 1, 50, 1,
	1735689601000000000, 1735689601000000000, 1735689601000000000);
INSERT INTO run_data VALUES (102, 'plain', 'text/plain', NULL, NULL, NULL, NULL, NULL);
INSERT INTO runs (id, environment_id, task_id, queue_id, lane_id, state, position_ns, machine,
	cpu_millis, memory_bytes, disk_bytes, max_attempts, delay_until_ns, created_ns, updated_ns)
VALUES (103, 1, 1, 2, 1, 1, 0, 'micro', 250, 268435456, 1073741824, 1, 4102444800000000000,
	1735689601000000000, 1735689601000000000);
INSERT INTO run_data VALUES (103, NULL, 'application/json', NULL, NULL, NULL, NULL, NULL);
INSERT INTO timers VALUES (4102444800000000000, 0, 103);
INSERT INTO debounces VALUES (1, 'd1', 103, NULL);
INSERT INTO checkpoints VALUES (101, 'place', '{"second":40}', 1, 1735689600000000000);
