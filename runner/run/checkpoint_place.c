/* SPDX-License-Identifier: Apache-2.0 */
/* DIR/named holds the named checkpoints, DIR/files… the volume. */
#include "runner/run/checkpoint_place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "runner/run/checkpoint_store.h"
#include "sandbox/volume.h"

#define NAMED_DIRECTORY "named"

struct checkpoint_place {
	struct sandbox_volume *volume;
	struct checkpoint_store *store; /* opened by the first checkpoint */
	int directory;                  /* of the named ones; -1 until then */
	const char *path;               /* --checkpoint, or NULL */
	char temporary[64];             /* made by us, deleted at the end; empty: none */
};

static int open_volume(struct checkpoint_place *place, struct sandbox_host *host,
		       const struct run_plan *plan, struct berth_error *err)
{
	const struct resource_limits *limits = &plan->limits;

	if (plan->checkpoint == RUN_VOLUME_NONE)
		return 0;
	return sandbox_volume_open_disk(host, place->path, limits->disk_bytes, limits->disk_inodes,
					&place->volume, err);
}

static int make_directory(const char *path, struct berth_error *err)
{
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return berth_fail(err, BERTH_SYSTEM, errno, "--checkpoint %.100s", path);
	return 0;
}

int checkpoint_place_open(struct sandbox_host *host, const struct run_plan *plan,
			  struct checkpoint_place **ret_place, struct berth_error *err)
{
	struct checkpoint_place *place = calloc(1, sizeof(*place));

	if (!place)
		return berth_fail(err, BERTH_MEMORY, 0, "out of memory");
	place->directory = -1;
	place->path = plan->options->checkpoint;
	if ((place->path && make_directory(place->path, err) < 0) ||
	    open_volume(place, host, plan, err) < 0) {
		checkpoint_place_close(place);
		return berth_fail_context(err, "checkpoint");
	}
	*ret_place = place;
	return 0;
}

/* Nothing is made for the many runs that save no named checkpoint. */
static int open_store(struct checkpoint_place *place, struct berth_error *err)
{
	AUTO_CLOSE int parent = -1;

	if (place->store)
		return 0;
	if (!place->path) {
		const char *base = getenv("TMPDIR");
		char path[sizeof(place->temporary)];

		(void)snprintf(path, sizeof(path), "%s/berth-checkpoint.XXXXXX",
			       base && strlen(base) < 32 ? base : "/tmp");
		if (!mkdtemp(path))
			return berth_fail(err, BERTH_SYSTEM, errno, "make %s", path);
		memcpy(place->temporary, path, sizeof(path));
	}
	parent = open(place->path ?: place->temporary, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (parent < 0 || (mkdirat(parent, NAMED_DIRECTORY, 0700) < 0 && errno != EEXIST))
		return berth_fail(err, BERTH_SYSTEM, errno, "open the checkpoint directory");
	close_fd(&place->directory);
	place->directory =
		openat(parent, NAMED_DIRECTORY, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (place->directory < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "open the checkpoint directory");
	return checkpoint_store_open(place->directory, &place->store, err);
}

/* Only files of our own making lie there, one level deep. */
static void delete_temporary(struct checkpoint_place *place)
{
	AUTO_DIRECTORY DIR *stream = NULL;
	AUTO_CLOSE int parent = -1;
	const struct dirent *entry;

	if (!place->temporary[0])
		return;
	if (place->directory >= 0)
		stream = fdopendir(fcntl(place->directory, F_DUPFD_CLOEXEC, 0));
	while (stream && (entry = readdir(stream)))
		if (entry->d_name[0] != '.' || strlen(entry->d_name) > 2)
			(void)unlinkat(place->directory, entry->d_name, 0);
	/* a leftover in /tmp is the worst that can come of a failure */
	parent = open(place->temporary, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (parent >= 0)
		(void)unlinkat(parent, NAMED_DIRECTORY, AT_REMOVEDIR);
	(void)rmdir(place->temporary);
}

void checkpoint_place_close(struct checkpoint_place *place)
{
	if (!place)
		return;
	checkpoint_store_close(place->store);
	delete_temporary(place);
	close_fd(&place->directory);
	sandbox_volume_close(place->volume);
	free(place);
}

struct sandbox_volume *checkpoint_place_volume(const struct checkpoint_place *place)
{
	return place->volume;
}

int checkpoint_place_save(struct checkpoint_place *place, const char *name, const char *data,
			  size_t length, struct berth_error *err)
{
	if (open_store(place, err) < 0)
		return -1;
	return checkpoint_store_save(place->store, name, data, length, err);
}

int checkpoint_place_load(struct checkpoint_place *place, const char *name, char **ret_data,
			  struct berth_error *err)
{
	if (open_store(place, err) < 0)
		return -1;
	return checkpoint_store_load(place->store, name, ret_data, err);
}
