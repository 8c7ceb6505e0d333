/* SPDX-License-Identifier: Apache-2.0 */
/* One client's connection: bytes in and whole lines out of them, replies in and bytes out; bounded,
 * and never blocking on its peer. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/loop.h"
#include "base/text.h"
#include "runner/control/control_call.h"

/* What all connections hold together. Zeros are a valid beginning. */
struct control_budget {
	size_t input_bytes, output_bytes;
};

/* An idle connection holds its fd and this; buffers exist only while they hold something. */
struct control_connection {
	struct control_server *server;
	struct control_connection *next, **previous; /* the server's */
	struct loop_source *source;
	uint32_t events;
	/* asks the server for a turn */
	void (*wake)(struct control_connection *connection);
	struct control_budget *budget;

	int fd;
	struct control_peer peer;
	bool is_greeted;
	bool has_ended; /* the peer will send nothing more */
	bool is_gone;   /* the peer will take nothing more */
	bool is_dead;   /* to be finished by the server */
	bool is_awake;  /* asked for a turn */
	bool is_wanted; /* a call waits for room */
	bool is_in_turn;
	struct text input;
	size_t scanned; /* bytes of input known to hold no newline */
	struct text output;
	size_t sent;                         /* of output */
	int passed[CONTROL_DESCRIPTORS_MAX]; /* that go with the byte of output at passed_at */
	size_t passed_count, passed_at;
	uint64_t stalled_ns; /* since when it took nothing; 0: nothing is due */
	uint64_t opened_ns;
	int descriptors[CONTROL_DESCRIPTORS_MAX]; /* that came, for the next request that wants them
						   */
	size_t descriptor_count;
	struct control_call *calls; /* not answered */
	size_t call_count;
	size_t counted_input, counted_output; /* buffer sizes as the budget knows them */
};

/* Takes fd, which does not block, over. */
void control_connection_init(struct control_connection *connection, int fd);
/* Its calls live on without it. */
void control_connection_finish(struct control_connection *connection);

/* Reads one turn's share; fails when a limit is passed. */
int control_connection_read(struct control_connection *connection, struct berth_error *err);

/* The next whole line, without its newline, and its removal once it was handled. False: none. */
bool control_connection_line(struct control_connection *connection, const char **ret_line,
			     size_t *ret_length);
void control_connection_line_done(struct control_connection *connection, size_t length);

/* Appends one line, the object, which is taken over. A peer that has gone takes anything. */
int control_connection_say(struct control_connection *connection, json_t *object,
			   struct berth_error *err);
/* Streams events, one a line, that are JSON already. */
int control_connection_say_events(struct control_connection *connection, int64_t id,
				  const struct text *lines, struct berth_error *err);
/* Has descriptors go with the beginning of what is said next; takes them over on success. */
int control_connection_pass(struct control_connection *connection, int *descriptors, size_t count,
			    struct berth_error *err);
/* Sends what the peer takes now. */
void control_connection_flush(struct control_connection *connection);

size_t control_connection_pending(const struct control_connection *connection);
/* Its peer is behind, or has asked enough: neither reads nor handles more. */
bool control_connection_is_paused(const struct control_connection *connection);

/* The EPOLL* events it waits for. */
uint32_t control_connection_interest(const struct control_connection *connection);
