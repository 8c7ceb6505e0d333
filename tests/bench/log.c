/* SPDX-License-Identifier: Apache-2.0 */
/* What the logs of the daemon cost: bytes and lines a second, silent and short attempts, sealing,
 * ranges, followers. Prints a table; arguments: a directory on the file system to be measured. */
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/identifier.h"
#include "runner/log/log_name.h"
#include "runner/log/log_reader.h"
#include "runner/log/log_retention.h"
#include "runner/log/log_seal.h"
#include "runner/log/log_writer.h"

#define MIB            (UINT64_C(1) << 20)
#define BULK_BYTES     (512 * MIB)
#define SEALED_BYTES   (100 * MIB)
#define LINE_BYTES     100
#define LINES          1000000
#define ATTEMPTS       100000
#define SHORT_ATTEMPTS 5000
#define FOLLOWERS      1000
#define FOLLOWED_LINES 2000
#define READS          200

struct bench {
	int directory;
	int64_t run;
	int pipe[2];
	struct log_writer *writer;
};

_Noreturn static void fail(const char *what)
{
	(void)fprintf(stderr, "bench_log: %s failed\n", what);
	exit(1);
}

static void start(struct bench *bench)
{
	const struct log_writer_options options = {
		.directory = bench->directory, .run = ++bench->run, .attempt = 1};

	if (log_writer_create(&options, &bench->writer, NULL) < 0)
		fail("log_writer_create");
}

static void end(struct bench *bench)
{
	if (log_writer_end(bench->writer, NULL) != 0)
		fail("log_writer_end");
	log_writer_destroy(bench->writer);
}

static void forget(struct bench *bench)
{
	if (log_delete(bench->directory, bench->run, 1, NULL) < 0)
		fail("log_delete");
}

static void say(struct bench *bench, const char *line, size_t length)
{
	size_t moved = 0;

	if (write(bench->pipe[1], line, length) != (ssize_t)length ||
	    log_writer_splice(bench->writer, LOG_STDOUT, bench->pipe[0], &moved, NULL) != 0 ||
	    moved != length)
		fail("log_writer_splice");
}

static double seconds_since(uint64_t start_ns)
{
	return (double)(clock_boottime_ns() - start_ns) / (double)CLOCK_NS_PER_S;
}

/* Text that compresses about as logs do. */
static void make_line(unsigned number, char line[LINE_BYTES])
{
	static const char *const words[] = {"frame", "request", "decoded", "queue", "worker",
					    "done",  "retry",   "segment", "bytes", "state"};
	unsigned seed = number;
	int length = snprintf(line, LINE_BYTES, "2026-01-01T00:%02u:%02u.%03uZ ",
			      number / 60000 % 60, number / 1000 % 60, number % 1000);

	while (length < LINE_BYTES - 20)
		length += snprintf(line + length, (size_t)(LINE_BYTES - length), "%s=%u ",
				   words[rand_r(&seed) % 10], (unsigned)rand_r(&seed) % 10000);
	memset(line + length, '.', (size_t)(LINE_BYTES - length));
	line[LINE_BYTES - 1] = '\n';
}

static void *flood(void *argument)
{
	static char chunk[1 << 20];
	const struct bench *bench = argument;
	uint64_t left = BULK_BYTES;

	for (size_t i = 0; i + LINE_BYTES <= sizeof(chunk); i += LINE_BYTES)
		make_line((unsigned)i, chunk + i);
	while (left > 0) {
		size_t part = left < sizeof(chunk) ? (size_t)left : sizeof(chunk);
		ssize_t written = write(bench->pipe[1], chunk, part);

		if (written < 0)
			fail("write");
		left -= (uint64_t)written;
	}
	return NULL;
}

static uint64_t thread_ns(void)
{
	struct timespec now = {0};

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * CLOCK_NS_PER_S + (uint64_t)now.tv_nsec;
}

/* Another thread writes as fast as it can. A splice holds the pipe, so the two take turns; the
 * time of this thread alone is what the supervisor's loop would spend. */
static void measure_bulk(struct bench *bench, int pipe_bytes, const char *what)
{
	uint64_t bytes = 0, cpu_ns = thread_ns(), start_ns = clock_boottime_ns();
	pthread_t thread;
	double elapsed;

	start(bench);
	if (fcntl(bench->pipe[1], F_SETPIPE_SZ, pipe_bytes) < 0 ||
	    pthread_create(&thread, NULL, flood, bench) != 0)
		fail("pthread_create");
	while (bytes < BULK_BYTES) {
		struct pollfd watched = {.fd = bench->pipe[0], .events = POLLIN};
		size_t moved = 0;
		int result =
			log_writer_splice(bench->writer, LOG_STDOUT, bench->pipe[0], &moved, NULL);

		if (result < 0)
			fail("log_writer_splice");
		if (result == LOG_WRITER_DRY)
			(void)poll(&watched, 1, -1);
		bytes += moved;
	}
	elapsed = seconds_since(start_ns);
	(void)pthread_join(thread, NULL);
	printf("%-44s %8.2f GB/s, %.2f GB/s of the loop's CPU time\n", what,
	       (double)bytes / elapsed / 1e9, (double)bytes / (double)(thread_ns() - cpu_ns));
	end(bench);
	forget(bench);
}

static void measure_lines(struct bench *bench)
{
	struct log_record record;
	struct log_reader *reader = NULL;
	char line[LINE_BYTES];
	uint64_t start_ns = clock_boottime_ns();
	double elapsed;

	start(bench);
	make_line(1, line);
	for (int i = 0; i < LINES; i++)
		say(bench, line, sizeof(line));
	elapsed = seconds_since(start_ns);
	printf("%-44s %8.0f lines/s, %.2f us each with the write\n",
	       "lines of 100 B, one at a time", LINES / elapsed, elapsed / LINES * 1e6);
	end(bench);
	start_ns = clock_boottime_ns();
	if (log_reader_create(bench->directory, bench->run, 1, &reader, NULL) < 0)
		fail("log_reader_create");
	for (int i = 0; i < LINES; i++)
		if (log_reader_next(reader, &record, NULL) != 0)
			fail("log_reader_next");
	log_reader_destroy(reader);
	printf("%-44s %8.0f lines/s\n", "reading them", LINES / seconds_since(start_ns));
	forget(bench);
}

static int compare(const void *left, const void *right)
{
	double difference = *(const double *)left - *(const double *)right;

	return difference < 0 ? -1 : difference > 0;
}

static void print_spread(const char *what, double *took, size_t count, const char *unit)
{
	qsort(took, count, sizeof(took[0]), compare);
	printf("%-44s %8.3f %s p50, %.3f %s p99\n", what, took[count / 2], unit,
	       took[count - count / 100 - 1], unit);
}

static void measure_attempts(struct bench *bench)
{
	static double said[SHORT_ATTEMPTS], forgot[SHORT_ATTEMPTS];
	uint64_t start_ns = clock_boottime_ns();

	for (int i = 0; i < ATTEMPTS; i++) {
		start(bench);
		end(bench);
	}
	printf("%-44s %8.3f us\n", "an attempt that is silent",
	       seconds_since(start_ns) / ATTEMPTS * 1e6);
	for (int i = 0; i < SHORT_ATTEMPTS; i++) {
		start_ns = clock_boottime_ns();
		start(bench);
		say(bench, "hello\n", 6);
		end(bench);
		said[i] = seconds_since(start_ns) * 1e6;
	}
	for (int i = 0; i < SHORT_ATTEMPTS; i++) {
		start_ns = clock_boottime_ns();
		if (log_delete(bench->directory, bench->run - i, 1, NULL) < 0)
			fail("log_delete");
		forgot[i] = seconds_since(start_ns) * 1e6;
	}
	print_spread("an attempt of one line", said, SHORT_ATTEMPTS, "us");
	print_spread("forgetting it", forgot, SHORT_ATTEMPTS, "us");
}

/* pieces of that many lines */
static void write_log(struct bench *bench, unsigned piece)
{
	static char lines[500 * LINE_BYTES];

	start(bench);
	for (unsigned i = 0; i < SEALED_BYTES / LINE_BYTES; i += piece) {
		for (unsigned k = 0; k < piece; k++)
			make_line(i + k, lines + (size_t)k * LINE_BYTES);
		say(bench, lines, (size_t)piece * LINE_BYTES);
	}
	end(bench);
}

static uint64_t size_of(const struct bench *bench, enum log_file file)
{
	struct stat facts = {0};
	char name[LOG_NAME_SIZE];

	(void)fstatat(bench->directory, log_name_format(bench->run, 1, file, name), &facts, 0);
	return (uint64_t)facts.st_size;
}

/* Opening, going to a random line, reading a hundred. */
static void measure_ranges(const struct bench *bench, const char *what)
{
	static double took[READS];
	struct log_record record;
	unsigned seed = 1;
	uint64_t last;
	struct log_reader *reader = NULL;

	if (log_reader_create(bench->directory, bench->run, 1, &reader, NULL) < 0)
		fail("log_reader_create");
	(void)log_reader_seek_time(reader, UINT64_MAX, NULL);
	last = log_reader_position(reader) >> 20;
	log_reader_destroy(reader);
	for (int i = 0; i < READS; i++) {
		uint64_t start_ns = clock_boottime_ns();

		if (log_reader_create(bench->directory, bench->run, 1, &reader, NULL) < 0)
			fail("log_reader_create");
		log_reader_seek(reader, ((uint64_t)rand_r(&seed) % last) << 20);
		for (int k = 0; k < 100; k++)
			(void)log_reader_next(reader, &record, NULL);
		log_reader_destroy(reader);
		took[i] = seconds_since(start_ns) * 1e3;
	}
	print_spread(what, took, READS, "ms");
}

static void measure_seal(struct bench *bench, unsigned piece, const char *what)
{
	uint64_t raw = 0, start_ns;
	double elapsed;

	write_log(bench, piece);
	for (int file = LOG_FILE_INDEX; file < LOG_SECTIONS; file++)
		raw += size_of(bench, (enum log_file)file);
	printf("%s: %" PRIu64 " MiB, index %" PRIu64 " KiB\n", what, raw / MIB,
	       size_of(bench, LOG_FILE_INDEX) >> 10);
	measure_ranges(bench, "  100 lines from anywhere, raw");
	start_ns = clock_boottime_ns();
	if (log_seal_attempt(bench->directory, bench->run, 1, NULL) != 0)
		fail("log_seal_attempt");
	elapsed = seconds_since(start_ns);
	printf("%-44s %8.0f MB/s, ratio %.1f\n", "  seal", (double)raw / elapsed / 1e6,
	       (double)raw / (double)size_of(bench, LOG_FILE_SEALED));
	measure_ranges(bench, "  100 lines from anywhere, sealed");
	forget(bench);
}

/* Each follower gets each line as it comes. */
static void measure_followers(struct bench *bench)
{
	static uint64_t positions[FOLLOWERS];
	struct log_reader *reader = NULL;
	uint64_t start_ns = clock_boottime_ns(), read = 0, writing_ns = 0;
	struct log_record record;
	char line[LINE_BYTES];

	start(bench);
	if (log_reader_create(bench->directory, bench->run, 1, &reader, NULL) < 0)
		fail("log_reader_create");
	for (unsigned i = 0; i < FOLLOWED_LINES; i++) {
		uint64_t before_ns = clock_boottime_ns();

		make_line(i, line);
		say(bench, line, sizeof(line));
		writing_ns += clock_boottime_ns() - before_ns;
		for (int k = 0; k < FOLLOWERS; k++) {
			log_reader_seek(reader, positions[k]);
			while (log_reader_next(reader, &record, NULL) == 0) {
				positions[k] = record.position;
				read++;
			}
		}
	}
	printf("%-44s %8.0f ns a line and follower, %.2f us to write it\n", "1,000 followers",
	       seconds_since(start_ns) / (double)read * 1e9,
	       (double)writing_ns / FOLLOWED_LINES / 1e3);
	log_reader_destroy(reader);
	end(bench);
	forget(bench);
}

int main(int argc, char **argv)
{
	struct bench bench = {.run = identifier_next_number(0)};
	char path[4096];

	(void)snprintf(path, sizeof(path), "%s/bench-log-XXXXXX", argc > 1 ? argv[1] : ".");
	if (!mkdtemp(path))
		fail("mkdtemp");
	bench.directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (bench.directory < 0 || pipe2(bench.pipe, O_CLOEXEC) < 0 ||
	    fcntl(bench.pipe[0], F_SETFL, O_NONBLOCK) < 0)
		fail("pipe2");
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	measure_attempts(&bench);
	measure_lines(&bench);
	measure_bulk(&bench, 64 << 10, "bulk, a pipe of 64 KiB");
	measure_bulk(&bench, 256 << 10, "bulk, a pipe of 256 KiB");
	measure_seal(&bench, 500, "100 MB in pieces of 50 KB");
	measure_seal(&bench, 1, "100 MB line by line");
	measure_followers(&bench);
	(void)close(bench.directory);
	(void)rmdir(path);
	return 0;
}
