/* SPDX-License-Identifier: Apache-2.0 */
/* berth's client verbs against a control server that answers from rows. */
#include "client_fixture.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "runner/cli/dispatch.h"
#include "runner/control/control_client.h"
#include "runner/control/control_connection.h"
#include "runner/control/control_operations.h"

#define WORDS_MAX 32

static const struct fixture_answer *next_answer(struct client_fixture *fixture, enum control_op op)
{
	const struct fixture_answer *found = NULL;
	size_t skip = fixture->taken[op]++;

	for (size_t i = 0; i < fixture->answer_count; i++) {
		if (fixture->answers[i].op != op)
			continue;
		found = &fixture->answers[i];
		if (skip-- == 0)
			break;
	}
	return found;
}

static void note_request(struct client_fixture *fixture, const struct control_call *call)
{
	AUTO_FREE char *fields = json_dumps(call->fields, JSON_COMPACT | JSON_SORT_KEYS);
	size_t used = strlen(fixture->asked);

	(void)snprintf(fixture->asked + used, sizeof(fixture->asked) - used, "%s %s\n",
		       call->operation->name, fields);
	if (call->operation->descriptors > 0) {
		ssize_t got =
			pread(call->descriptors[0], fixture->given, sizeof(fixture->given) - 1, 0);

		fixture->given[got > 0 ? got : 0] = '\0';
	}
}

static void on_gone(struct control_call *call)
{
	control_call_answer(call, json_null());
}

static void break_off(struct control_call *call)
{
	call->on_gone = on_gone;
	control_connection_flush(call->connection);
	assert_int_equal(shutdown(call->connection->fd, SHUT_RDWR), 0);
}

static int answer(struct control_call *call, struct berth_error *err)
{
	struct client_fixture *fixture = call->backend->owner;
	enum control_op op = control_find(call->operation->name);
	const struct fixture_answer *row = next_answer(fixture, op);

	note_request(fixture, call);
	if (!row)
		return berth_fail(err, BERTH_UNSUPPORTED, 0, "the test has no answer");
	for (size_t i = 0; row->events[i]; i++)
		(void)control_call_event(call, json_loads(row->events[i], 0, NULL));
	if (row->breaks_off) {
		break_off(call);
		return 0;
	}
	if (!row->result)
		return berth_fail(err, row->code, row->errnum, "%s", row->message);
	control_call_answer(call, json_loads(row->result, JSON_DECODE_ANY, NULL));
	return 0;
}

static struct control_handler_row handlers[CONTROL_OP_COUNT];

void client_fixture_init(struct client_fixture *fixture)
{
	fixture_init(&fixture->control);
	assert_int_equal(setenv(CONTROL_SOCKET_VARIABLE, fixture->control.path, 1), 0);
}

int client_fixture_set_up(void **state)
{
	struct client_fixture *fixture = calloc(1, sizeof(*fixture));

	for (enum control_op op = CONTROL_HELLO; op < CONTROL_OP_COUNT; op++)
		handlers[op] = (struct control_handler_row){.handle = answer};
	handlers[CONTROL_HELLO] = (struct control_handler_row){.handle = control_hello};
	client_fixture_init(fixture);
	fixture->control.options.handlers = handlers;
	fixture_start(&fixture->control);
	*state = fixture;
	return 0;
}

int client_fixture_tear_down(void **state)
{
	struct client_fixture *fixture = *state;

	fixture_finish(&fixture->control);
	free(fixture);
	return 0;
}

/* Redirects a standard stream into a file without a name, or a terminal; returns what it was. */
static int redirect(FILE *stream, const char *terminal, int *ret_file)
{
	int saved = dup(fileno(stream));
	int file = terminal ? open(terminal, O_RDWR | O_NOCTTY | O_CLOEXEC)
			    : open("/tmp", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);

	assert_true(saved >= 0 && file >= 0);
	(void)fflush(stream);
	assert_true(dup2(file, fileno(stream)) >= 0);
	*ret_file = file;
	return saved;
}

/* text, FIXTURE_TEXT bytes, may be NULL. */
static void restore(FILE *stream, int saved, int file, char *text)
{
	ssize_t got;

	(void)fflush(stream);
	assert_true(dup2(saved, fileno(stream)) >= 0);
	(void)close(saved);
	if (text) {
		got = pread(file, text, FIXTURE_TEXT - 1, 0);
		text[got > 0 ? got : 0] = '\0'; /* a terminal has no offsets */
	}
	(void)close(file);
}

int client_fixture_run(struct client_fixture *fixture, const struct fixture_answer *answers,
		       size_t count, const char *const *words)
{
	char *argv[WORDS_MAX + 1] = {"berth"};
	int saved[3], files[3], status, argc = 1;

	fixture->answers = answers;
	fixture->answer_count = count;
	memset(fixture->taken, 0, sizeof(fixture->taken));
	fixture->asked[0] = '\0';
	for (; words[argc - 1]; argc++)
		argv[argc] = (char *)(uintptr_t)words[argc - 1];
	argv[argc] = NULL;
	saved[0] = redirect(stdout, fixture->terminal, &files[0]);
	saved[1] = redirect(stderr, NULL, &files[1]);
	saved[2] = redirect(stdin, fixture->terminal, &files[2]);
	status = dispatch_command_line(argc, argv);
	restore(stdin, saved[2], files[2], NULL);
	restore(stderr, saved[1], files[1], fixture->err);
	restore(stdout, saved[0], files[0], fixture->out);
	return status;
}

void expect_in(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" is not in: %s", part, text);
}
