/* SPDX-License-Identifier: Apache-2.0 */
/* A run's named checkpoints in a directory: durable, bounded, one older generation kept. */
#include "runner/run/checkpoint_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/descriptor.h"
#include "base/json.h"
#include "extensions/task/protocol_table.h"

#define NEWEST_SUFFIX   ".json"
#define PREVIOUS_SUFFIX ".json.prev"
#define UNFINISHED      ".new" /* of descriptor_replace_durable(), behind a dot in front */
#define FILE_NAME_SIZE  (PROTOCOL_CHECKPOINT_NAME_MAX + sizeof(PREVIOUS_SUFFIX))

struct entry {
	char name[PROTOCOL_CHECKPOINT_NAME_MAX + 1];
	bool is_good; /* the newest file was written or read whole by this store */
};

struct checkpoint_store {
	int directory; /* an open file description of its own: the lock hangs on it */
	size_t count;
	struct entry entries[CHECKPOINT_STORE_NAMES_MAX];
};

static void file_name(const char *name, const char *suffix, char ret_file[FILE_NAME_SIZE])
{
	(void)snprintf(ret_file, FILE_NAME_SIZE, "%s%s", name, suffix);
}

static struct entry *entry_find(struct checkpoint_store *store, const char *name)
{
	for (size_t i = 0; i < store->count; i++)
		if (strcmp(store->entries[i].name, name) == 0)
			return &store->entries[i];
	return NULL;
}

static int entry_add(struct checkpoint_store *store, const char *name, struct entry **ret_entry,
		     struct berth_error *err)
{
	struct entry *entry;

	if (store->count == CHECKPOINT_STORE_NAMES_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "more than %d checkpoints",
				  CHECKPOINT_STORE_NAMES_MAX);
	entry = &store->entries[store->count++];
	(void)snprintf(entry->name, sizeof(entry->name), "%s", name);
	entry->is_good = false;
	if (ret_entry)
		*ret_entry = entry;
	return 0;
}

static bool has_suffix(const char *text, size_t length, const char *suffix)
{
	size_t suffix_length = strlen(suffix);

	return length > suffix_length &&
	       memcmp(text + length - suffix_length, suffix, suffix_length) == 0;
}

/* Takes note of one file of the directory. */
static int scan_file(struct checkpoint_store *store, const char *file, struct berth_error *err)
{
	char name[PROTOCOL_CHECKPOINT_NAME_MAX + 1];
	size_t length = strlen(file);

	if (file[0] == '.' && has_suffix(file, length, UNFINISHED)) {
		/* what a crash left behind; a failure to remove it harms nobody */
		(void)unlinkat(store->directory, file, 0);
		return 0;
	}
	if (has_suffix(file, length, PREVIOUS_SUFFIX))
		length -= strlen(PREVIOUS_SUFFIX);
	else if (has_suffix(file, length, NEWEST_SUFFIX))
		length -= strlen(NEWEST_SUFFIX);
	else
		return 0;
	if (length >= sizeof(name))
		return 0;
	memcpy(name, file, length);
	name[length] = '\0';
	if (!protocol_checkpoint_name_is_valid(name) || entry_find(store, name))
		return 0;
	return entry_add(store, name, NULL, err);
}

static int scan(struct checkpoint_store *store, struct berth_error *err)
{
	AUTO_DIRECTORY DIR *directory = NULL;
	AUTO_CLOSE int fd = openat(store->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct dirent *file;

	if (fd < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "open the checkpoint directory");
	directory = fdopendir(fd);
	if (!directory)
		return berth_fail(err, BERTH_SYSTEM, errno, "read the checkpoint directory");
	(void)steal_fd(&fd);
	for (errno = 0; (file = readdir(directory)); errno = 0)
		if (scan_file(store, file->d_name, err) < 0)
			return -1;
	if (errno != 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "read the checkpoint directory");
	return 0;
}

static int lock(struct checkpoint_store *store, int dirfd, struct berth_error *err)
{
	store->directory = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (store->directory < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "open the checkpoint directory");
	if (flock(store->directory, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno == EWOULDBLOCK)
		return berth_fail(err, BERTH_DENIED, 0,
				  "the checkpoint directory is in use by another run");
	return berth_fail(err, BERTH_SYSTEM, errno, "lock the checkpoint directory");
}

int checkpoint_store_open(int dirfd, struct checkpoint_store **ret_store, struct berth_error *err)
{
	struct checkpoint_store *store = calloc(1, sizeof(*store));

	if (!store)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "open the checkpoint directory");
	if (lock(store, dirfd, err) < 0 || scan(store, err) < 0) {
		checkpoint_store_close(store);
		return -1;
	}
	*ret_store = store;
	return 0;
}

void checkpoint_store_close(struct checkpoint_store *store)
{
	if (!store)
		return;
	close_fd(&store->directory);
	free(store);
}

/* Reads a file whole: JSON and the newline that was written last. *ret_data NULL: no such file. */
static int read_file(const struct checkpoint_store *store, const char *file, char **ret_data,
		     struct berth_error *err)
{
	AUTO_FREE char *data = NULL;
	AUTO_JSON json_t *value = NULL;
	struct berth_error why = {0};
	size_t length;
	char *line;

	if (descriptor_read_file(store->directory, file, PROTOCOL_CHECKPOINT_MAX + 1, &data,
				 &length, &why) < 0) {
		if (why.code == BERTH_NOT_FOUND) {
			*ret_data = NULL;
			return 0;
		}
		*err = why;
		return -1;
	}
	if (length == 0 || data[length - 1] != '\n')
		return berth_fail(err, BERTH_INVALID, 0, "%s: torn after %zu bytes", file, length);
	if (json_parse(data, length - 1, &value, err) < 0)
		return berth_fail_context(err, "%s", file);
	line = json_format_compact(value); /* one line, whoever wrote it */
	if (!line)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "%s", file);
	*ret_data = line;
	return 0;
}

/* A damaged newest file must not push a good older one out. */
static bool newest_is_good(const struct checkpoint_store *store, struct entry *entry,
			   const char *file)
{
	AUTO_FREE char *data = NULL;
	struct berth_error why = {0};

	if (!entry->is_good)
		entry->is_good = read_file(store, file, &data, &why) == 0 && data;
	return entry->is_good;
}

static int replace(struct checkpoint_store *store, struct entry *entry, const char *data,
		   size_t length, struct berth_error *err)
{
	char newest[FILE_NAME_SIZE], previous[FILE_NAME_SIZE];
	bool is_moved = false;

	file_name(entry->name, NEWEST_SUFFIX, newest);
	file_name(entry->name, PREVIOUS_SUFFIX, previous);
	if (newest_is_good(store, entry, newest)) {
		if (renameat(store->directory, newest, store->directory, previous) < 0)
			return berth_fail(err, BERTH_SYSTEM, errno, "keep the previous %s", newest);
		is_moved = true;
	}
	if (descriptor_replace_durable(store->directory, newest, data, length, err) == 0) {
		entry->is_good = true;
		return 0;
	}
	/* loading finds the previous one too: a failure here changes nothing */
	if (is_moved && renameat(store->directory, previous, store->directory, newest) < 0)
		entry->is_good = false;
	return -1;
}

int checkpoint_store_save(struct checkpoint_store *store, const char *name, const char *data,
			  size_t length, struct berth_error *err)
{
	AUTO_FREE char *line = NULL;
	struct entry *entry;

	if (!protocol_checkpoint_name_is_valid(name))
		return berth_fail(err, BERTH_INVALID, 0, "not a name for a checkpoint");
	if (length > PROTOCOL_CHECKPOINT_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "checkpoint %s: %zu bytes, at most %d", name,
				  length, PROTOCOL_CHECKPOINT_MAX);
	entry = entry_find(store, name);
	if (!entry && entry_add(store, name, &entry, err) < 0)
		return -1;
	line = malloc(length + 1);
	if (!line)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "checkpoint %s", name);
	memcpy(line, data, length);
	line[length] = '\n';
	if (replace(store, entry, line, length + 1, err) < 0)
		return berth_fail_context(err, "checkpoint %s", name);
	return 0;
}

int checkpoint_store_load(struct checkpoint_store *store, const char *name, char **ret_data,
			  struct berth_error *err)
{
	struct berth_error newest_why = {0}, previous_why = {0};
	char file[FILE_NAME_SIZE];
	char *data = NULL;
	bool is_damaged;

	if (!protocol_checkpoint_name_is_valid(name))
		return berth_fail(err, BERTH_INVALID, 0, "not a name for a checkpoint");
	file_name(name, NEWEST_SUFFIX, file);
	is_damaged = read_file(store, file, &data, &newest_why) < 0;
	if (!data) {
		file_name(name, PREVIOUS_SUFFIX, file);
		if (read_file(store, file, &data, &previous_why) < 0 && !is_damaged) {
			newest_why = previous_why;
			is_damaged = true;
		}
	}
	*ret_data = data;
	if (is_damaged && err)
		*err = newest_why;
	return is_damaged ? CHECKPOINT_STORE_DAMAGED : 0;
}
