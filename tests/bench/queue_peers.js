// SPDX-License-Identifier: Apache-2.0
// A queue of Node.js that spawns a program for each job: how fast it takes jobs, how fast it drains
// them, how long a job waits on an idle queue. Prints one line of JSON.
// usage: queue_peers.js bullmq|graphile PLACE PROGRAM JOBS SLOTS [worker]
const { spawn, fork } = require('child_process');
const [, , kind, place, program, jobsText, slotsText, role] = process.argv;
const jobs = Number(jobsText), slots = Number(slotsText);
const IN_FLIGHT = 32, IDLE_JOBS = 300, IDLE_EVERY_MS = 20, SETTLE_MS = 500;
const now = () => Number(process.hrtime.bigint()) / 1e6;
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function work(put) {
	const waited = now() - put;
	return new Promise((resolve, reject) => {
		spawn(program, [], { stdio: 'ignore' }).on('exit', () => resolve(waited)).on('error', reject);
	});
}

const kinds = {
	bullmq: {
		connection: { path: place, maxRetriesPerRequest: null },
		async open() {
			const { Queue } = require('bullmq');
			this.queue = new Queue('bench', { connection: this.connection });
		},
		put() { return this.queue.add('job', { put: now() }, { removeOnComplete: true }); },
		work(done) {
			const { Worker } = require('bullmq');
			return new Worker('bench', async (job) => done(await work(job.data.put)),
				{ connection: this.connection, concurrency: slots });
		},
	},
	graphile: {
		async open() {
			const { makeWorkerUtils, Logger } = require('graphile-worker');
			this.utils = await makeWorkerUtils({ connectionString: place, maxPoolSize: slots,
				logger: new Logger(() => () => {}) });
			await this.utils.migrate();
		},
		put() { return this.utils.addJob('job', { put: now() }); },
		work(done) {
			const { run, Logger } = require('graphile-worker');
			return run({ connectionString: place, concurrency: slots, maxPoolSize: slots + 1,
				noHandleSignals: true, logger: new Logger(() => () => {}),
				taskList: { job: async (payload) => done(await work(payload.put)) } });
		},
	},
};

async function measure(queue) {
	let begun = 0, waits = [], first, goal = jobs, reached;
	await queue.open();
	let start = now();
	await Promise.all(Array.from({ length: IN_FLIGHT }, async () => {
		while (begun++ < jobs)
			await queue.put();
	}));
	const enqueue = jobs / (now() - start) * 1e3;
	let end = new Promise((resolve) => { reached = resolve; });
	const child = fork(__filename, [kind, place, program, jobs, slots, 'worker']);
	child.on('message', (waited) => {
		first = first ?? now();
		if (waits.push(waited) === goal)
			reached();
	});
	await end;
	const drain = jobs / (now() - first) * 1e3;
	await sleep(SETTLE_MS);
	waits = [];
	goal = IDLE_JOBS;
	end = new Promise((resolve) => { reached = resolve; });
	start = now();
	for (let i = 0; i < IDLE_JOBS; i++) {
		await sleep(Math.max(0, start + i * IDLE_EVERY_MS - now()));
		queue.put();
	}
	await end;
	child.kill();
	waits.sort((a, b) => a - b);
	console.log(JSON.stringify({ enqueue, drain, p50: waits[IDLE_JOBS / 2],
		p99: waits[Math.floor(IDLE_JOBS * 0.99)] }));
	process.exit(0);
}

const queue = kinds[kind];
if (role === 'worker')
	queue.work((waited) => process.send(waited));
else
	measure(queue);
