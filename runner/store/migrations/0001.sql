-- SPDX-License-Identifier: Apache-2.0
-- Times are CLOCK_REALTIME nanoseconds; states and kinds are the enums of store_rows.h.

CREATE TABLE environments (
	id INTEGER PRIMARY KEY,
	project TEXT NOT NULL,
	name TEXT NOT NULL,
	created_ns INTEGER NOT NULL,
	UNIQUE (project, name)
) STRICT;
INSERT INTO environments VALUES (1, 'default', 'prod', 0);

-- A deployed set of tasks. name is YYYYMMDD.N; at most one is current in an environment.
CREATE TABLE versions (
	id INTEGER PRIMARY KEY,
	environment_id INTEGER NOT NULL REFERENCES environments,
	name TEXT NOT NULL,
	bundle TEXT NOT NULL,
	manifest TEXT NOT NULL,
	created_ns INTEGER NOT NULL,
	promoted_ns INTEGER,
	is_current INTEGER NOT NULL DEFAULT 0,
	UNIQUE (environment_id, name)
) STRICT;
CREATE UNIQUE INDEX versions_current ON versions (environment_id) WHERE is_current = 1;

-- A task as one version defines it.
CREATE TABLE definitions (
	id INTEGER PRIMARY KEY,
	version_id INTEGER NOT NULL REFERENCES versions ON DELETE CASCADE,
	task TEXT NOT NULL,
	definition TEXT NOT NULL,
	UNIQUE (version_id, task)
) STRICT;

-- Task names over all versions: what lists and idempotency keys speak of.
CREATE TABLE tasks (
	id INTEGER PRIMARY KEY,
	environment_id INTEGER NOT NULL REFERENCES environments,
	name TEXT NOT NULL,
	UNIQUE (environment_id, name)
) STRICT;

CREATE TABLE queues (
	id INTEGER PRIMARY KEY,
	environment_id INTEGER NOT NULL REFERENCES environments,
	name TEXT NOT NULL,
	kind INTEGER NOT NULL,
	base_limit INTEGER,
	override_limit INTEGER,
	overridden_ns INTEGER,
	key_limit INTEGER,
	size_limit INTEGER,
	is_paused INTEGER NOT NULL DEFAULT 0,
	queued INTEGER NOT NULL DEFAULT 0,
	running INTEGER NOT NULL DEFAULT 0,
	head_ns INTEGER,
	UNIQUE (environment_id, name)
) STRICT;
CREATE INDEX queues_ready ON queues (head_ns) WHERE head_ns IS NOT NULL;

CREATE TABLE lanes (
	id INTEGER PRIMARY KEY,
	queue_id INTEGER NOT NULL REFERENCES queues,
	concurrency_key TEXT NOT NULL,
	queued INTEGER NOT NULL DEFAULT 0,
	running INTEGER NOT NULL DEFAULT 0,
	head_ns INTEGER,
	UNIQUE (queue_id, concurrency_key)
) STRICT;
CREATE INDEX lanes_ready ON lanes (queue_id, head_ns) WHERE head_ns IS NOT NULL;
CREATE INDEX lanes_queued ON lanes (queue_id, id) WHERE queued > 0;

-- What changes often is narrow; what is large is in run_data.
CREATE TABLE runs (
	id INTEGER PRIMARY KEY,
	environment_id INTEGER NOT NULL,
	task_id INTEGER NOT NULL,
	queue_id INTEGER NOT NULL,
	lane_id INTEGER NOT NULL,
	state INTEGER NOT NULL,
	position_ns INTEGER NOT NULL,
	version_id INTEGER,
	definition_id INTEGER,
	machine TEXT NOT NULL,
	cpu_millis INTEGER NOT NULL,
	memory_bytes INTEGER NOT NULL,
	disk_bytes INTEGER NOT NULL,
	attempt INTEGER NOT NULL DEFAULT 0,
	max_attempts INTEGER NOT NULL,
	interruptions INTEGER NOT NULL DEFAULT 0,
	token TEXT,
	is_cancelling INTEGER NOT NULL DEFAULT 0,
	priority_ms INTEGER NOT NULL DEFAULT 0,
	max_duration_ms INTEGER NOT NULL DEFAULT 0,
	active_ns INTEGER NOT NULL DEFAULT 0,
	resumed_ns INTEGER,
	delay_until_ns INTEGER,
	ttl_ms INTEGER NOT NULL DEFAULT 0,
	expires_ns INTEGER,
	retry_ns INTEGER,
	parent_id INTEGER,
	root_id INTEGER,
	depth INTEGER NOT NULL DEFAULT 0,
	batch_id INTEGER,
	batch_index INTEGER,
	replay_of INTEGER,
	dead_letter_of INTEGER,
	is_test INTEGER NOT NULL DEFAULT 0,
	idempotency_key TEXT,
	idempotency_expires_ns INTEGER,
	created_ns INTEGER NOT NULL,
	queued_ns INTEGER,
	started_ns INTEGER,
	finished_ns INTEGER,
	updated_ns INTEGER NOT NULL,
	cpu_ns INTEGER NOT NULL DEFAULT 0,
	wall_ns INTEGER NOT NULL DEFAULT 0,
	memory_peak_bytes INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX runs_waiting ON runs (lane_id, position_ns, id) WHERE state IN (2, 7);
CREATE INDEX runs_by_state ON runs (state, id);
CREATE INDEX runs_by_task ON runs (task_id, id);
CREATE INDEX runs_by_queue ON runs (queue_id, id);
CREATE INDEX runs_by_version ON runs (version_id, id) WHERE version_id IS NOT NULL;
CREATE INDEX runs_by_parent ON runs (parent_id, id) WHERE parent_id IS NOT NULL;
CREATE INDEX runs_by_batch ON runs (batch_id, batch_index) WHERE batch_id IS NOT NULL;
CREATE UNIQUE INDEX runs_by_key ON runs (task_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX runs_by_finish ON runs (finished_ns) WHERE finished_ns IS NOT NULL;

CREATE TABLE run_data (
	run_id INTEGER PRIMARY KEY,
	payload TEXT,
	payload_type TEXT NOT NULL,
	options TEXT,
	metadata TEXT,
	output TEXT,
	output_type TEXT,
	error TEXT
) STRICT;

CREATE TABLE run_tags (
	tag TEXT NOT NULL,
	run_id INTEGER NOT NULL,
	PRIMARY KEY (tag, run_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX run_tags_by_run ON run_tags (run_id);

CREATE TABLE attempts (
	run_id INTEGER NOT NULL,
	number INTEGER NOT NULL,
	token TEXT NOT NULL,
	machine TEXT NOT NULL,
	started_ns INTEGER NOT NULL,
	executing_ns INTEGER,
	ended_ns INTEGER,
	outcome TEXT,
	reason TEXT,
	exit_code INTEGER,
	message TEXT,
	usage TEXT,
	protections TEXT,
	log_bytes INTEGER NOT NULL DEFAULT 0,
	fail TEXT,
	PRIMARY KEY (run_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE timers (
	due_ns INTEGER NOT NULL,
	kind INTEGER NOT NULL,
	subject_id INTEGER NOT NULL,
	PRIMARY KEY (due_ns, kind, subject_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE debounces (
	task_id INTEGER NOT NULL,
	key TEXT NOT NULL,
	run_id INTEGER NOT NULL,
	latest_ns INTEGER,
	PRIMARY KEY (task_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX debounces_by_run ON debounces (run_id);

CREATE TABLE waitpoints (
	id INTEGER PRIMARY KEY,
	environment_id INTEGER NOT NULL,
	kind INTEGER NOT NULL,
	state INTEGER NOT NULL,
	run_id INTEGER,
	batch_id INTEGER,
	due_ns INTEGER,
	idempotency_key TEXT,
	idempotency_expires_ns INTEGER,
	created_ns INTEGER NOT NULL,
	completed_ns INTEGER,
	output TEXT,
	output_type TEXT,
	is_error INTEGER NOT NULL DEFAULT 0,
	tags TEXT
) STRICT;
CREATE UNIQUE INDEX waitpoints_by_run ON waitpoints (run_id) WHERE run_id IS NOT NULL;
CREATE UNIQUE INDEX waitpoints_by_batch ON waitpoints (batch_id) WHERE batch_id IS NOT NULL;
CREATE UNIQUE INDEX waitpoints_by_key ON waitpoints (environment_id, idempotency_key)
	WHERE idempotency_key IS NOT NULL;
CREATE INDEX waitpoints_by_state ON waitpoints (kind, state, id);

-- Run run_id, in its attempt of that token, waits in request wait_id for that waitpoint.
CREATE TABLE blocks (
	run_id INTEGER NOT NULL,
	token TEXT NOT NULL,
	wait_id TEXT NOT NULL,
	place INTEGER NOT NULL,
	waitpoint_id INTEGER NOT NULL,
	state INTEGER NOT NULL,
	PRIMARY KEY (run_id, wait_id, place)
) STRICT, WITHOUT ROWID;
CREATE INDEX blocks_by_waitpoint ON blocks (waitpoint_id);

CREATE TABLE batches (
	id INTEGER PRIMARY KEY,
	environment_id INTEGER NOT NULL,
	state INTEGER NOT NULL,
	expected INTEGER NOT NULL,
	accepted INTEGER NOT NULL DEFAULT 0,
	failed INTEGER NOT NULL DEFAULT 0,
	ended INTEGER NOT NULL DEFAULT 0,
	parent_id INTEGER,
	idempotency_key TEXT,
	idempotency_expires_ns INTEGER,
	created_ns INTEGER NOT NULL,
	updated_ns INTEGER NOT NULL,
	sealed_ns INTEGER,
	completed_ns INTEGER
) STRICT;
CREATE UNIQUE INDEX batches_by_key ON batches (environment_id, idempotency_key)
	WHERE idempotency_key IS NOT NULL;

-- An item of a batch: its run (perhaps one that was there already), or why there is none.
CREATE TABLE batch_items (
	batch_id INTEGER NOT NULL,
	place INTEGER NOT NULL,
	run_id INTEGER,
	error TEXT,
	PRIMARY KEY (batch_id, place)
) STRICT, WITHOUT ROWID;
CREATE INDEX batch_items_by_run ON batch_items (run_id) WHERE run_id IS NOT NULL;

CREATE TABLE checkpoints (
	run_id INTEGER NOT NULL,
	name TEXT NOT NULL,
	data TEXT NOT NULL,
	attempt INTEGER NOT NULL,
	saved_ns INTEGER NOT NULL,
	PRIMARY KEY (run_id, name)
) STRICT, WITHOUT ROWID;

PRAGMA application_id = 0x62727468;
PRAGMA user_version = 1;
