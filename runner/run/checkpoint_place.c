/* SPDX-License-Identifier: Apache-2.0 */
/* DIR/named holds the named checkpoints, DIR/files… the volume. */
#include "runner/run/checkpoint_place.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "runner/run/checkpoint_store.h"
#include "sandbox/volume.h"

#define NAMED_DIRECTORY  "named"
#define WALK_DESCRIPTORS 32

struct checkpoint_place {
	struct sandbox_volume *volume;
	struct checkpoint_store *store; /* opened by the first checkpoint */
	int directory;                  /* of the named ones; -1 until then */
	const char *path;               /* --checkpoint, or NULL */
	char temporary[64];             /* made by us, deleted at the end; empty: none */
};

static int make_directory(const char *path, struct berth_error *err)
{
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return berth_fail(err, BERTH_SYSTEM, errno, "--checkpoint %.100s", path);
	return 0;
}

static int make_temporary(struct checkpoint_place *place, struct berth_error *err)
{
	const char *base = getenv("TMPDIR");
	char path[sizeof(place->temporary)];

	if (place->temporary[0])
		return 0;
	(void)snprintf(path, sizeof(path), "%s/berth-checkpoint.XXXXXX",
		       base && strlen(base) < 32 ? base : "/tmp");
	if (!mkdtemp(path))
		return berth_fail(err, BERTH_SYSTEM, errno, "make %s", path);
	memcpy(place->temporary, path, sizeof(path));
	return 0;
}

static int open_volume(struct checkpoint_place *place, struct sandbox_host *host,
		       const struct run_plan *plan, struct berth_error *err)
{
	const struct resource_limits *limits = &plan->limits;

	if (plan->checkpoint == RUN_VOLUME_NONE)
		return 0;
	if (sandbox_volume_open_disk(host, place->path, limits->disk_bytes, limits->disk_inodes,
				     &place->volume, err) < 0)
		return -1;
	if (place->path || plan->attempts == 1 ||
	    sandbox_volume_kind(place->volume) == SANDBOX_VOLUME_DISK)
		return 0;
	/* rootless: one without a name lives in memory, and only as long as its attempt */
	sandbox_volume_close(place->volume);
	place->volume = NULL;
	if (make_temporary(place, err) < 0)
		return -1;
	return sandbox_volume_open_disk(host, place->temporary, limits->disk_bytes,
					limits->disk_inodes, &place->volume, err);
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
	if (!place->path && make_temporary(place, err) < 0)
		return -1;
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

static int delete_entry(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
	(void)status;
	(void)kind;
	(void)walk;
	(void)remove(
		path); /* a leftover in the caller's own directory is the worst that can come */
	return 0;
}

void checkpoint_place_close(struct checkpoint_place *place)
{
	if (!place)
		return;
	checkpoint_store_close(place->store);
	close_fd(&place->directory);
	sandbox_volume_close(place->volume);
	/* links are removed, never followed */
	if (place->temporary[0])
		(void)nftw(place->temporary, delete_entry, WALK_DESCRIPTORS,
			   FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
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
