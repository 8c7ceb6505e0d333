/* SPDX-License-Identifier: Apache-2.0 */
/* Handing live runs over to another program of the same process: a supervisor that executes a newer
 * self (execve(2)) stays the parent of its runs, and keeps every descriptor whose close-on-exec
 * flag is clear. What it knew goes along as records. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sandbox/cgroup.h"
#include "sandbox/sandbox.h"
#include "sandbox/volume.h"

#define SANDBOX_RECORD_VERSION     1
#define SANDBOX_RECORD_DESCRIPTORS 6

/* A record is bytes: written by one program, read by the next one on this host. */
struct sandbox_record {
	uint32_t version; /* SANDBOX_RECORD_VERSION */
	uint32_t enforced;
	uint32_t identity_base;
	uint8_t ranged, channel_expected, start_told, started, exec_failed, reported_end, oom_seen,
		kill_requested, frozen;
	uint8_t reserved[3];
	uint64_t launched_ns;
	int32_t descriptors[SANDBOX_RECORD_DESCRIPTORS];
	char group[CGROUP_NAME_SIZE];
	struct sandbox_outcome outcome;
	struct sandbox_protection_state protections[SANDBOX_PROTECTIONS];
};

struct sandbox_volume_record {
	uint32_t version; /* SANDBOX_RECORD_VERSION */
	uint32_t kind;
	uint8_t privileged, launched, mapped;
	uint8_t reserved[5];
	uint64_t bytes;
	int64_t inodes;
	int32_t root_fd, loop_fd, lock_fd, padding;
	char loop_path[32];
	char directory[SANDBOX_PATH_MAX];
};

/* The record of a run that has not ended. */
void sandbox_export(const struct sandbox *sandbox, struct sandbox_record *ret_record);
void sandbox_volume_export(const struct sandbox_volume *volume,
			   struct sandbox_volume_record *ret_record);

/* Lets its descriptors survive execve(2), or no longer: call it with true for every run and volume
 * before, and with false when that failed. */
int sandbox_keep(const struct sandbox *sandbox, bool keep, struct berth_error *err);
int sandbox_volume_keep(const struct sandbox_volume *volume, bool keep, struct berth_error *err);

/* In the next program: the run as it was, with its descriptors, close-on-exec again. volumes are
 * those of its launch, in that order. BERTH_PROTOCOL: the record is another version's or makes no
 * sense; nothing is closed then. */
int sandbox_import(struct sandbox_host *host, const struct sandbox_record *record,
		   struct sandbox_volume *const *volumes, size_t volume_count,
		   struct sandbox **ret_sandbox, struct berth_error *err);
int sandbox_volume_import(const struct sandbox_volume_record *record,
			  struct sandbox_volume **ret_volume, struct berth_error *err);

/* The run's protections, shared: they outlive it (protection_set.h). */
struct protection_set;
struct protection_set *sandbox_share_protections(const struct sandbox *sandbox);

/* How many groups this host has named: the next program goes on from there
 * (sandbox_host_options.group_sequence), for no two runs of a process may share a name. */
unsigned sandbox_host_group_sequence(const struct sandbox_host *host);

/* Takes pooled things apart: they are not handed over. The next refill makes new ones. */
void sandbox_host_drain(struct sandbox_host *host);
