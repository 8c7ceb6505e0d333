/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of versions, of the tasks they define, and of task names. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "runner/store/store.h"

#define STORE_VERSION_NAME_SIZE 24
#define STORE_BUILTIN_VERSION   "builtin"

struct version_row {
	int64_t id, environment_id;
	char name[STORE_VERSION_NAME_SIZE];
	const char *bundle, *manifest; /* written only; the caller's */
	uint64_t created_ns, promoted_ns;
	bool is_current;
};

int store_version_insert(struct store *store, const struct version_row *row, int64_t *ret_id,
			 struct berth_error *err);
/* 1: there is none; also of the two below. */
int store_version_find(struct store *store, int64_t environment_id, const char *name,
		       int64_t *ret_id, struct berth_error *err);
int store_version_current(struct store *store, int64_t environment_id, int64_t *ret_id,
			  struct berth_error *err);
/* The highest N of the versions day.N; 0 without any. */
int store_version_last_of_day(struct store *store, int64_t environment_id, const char *day,
			      int64_t *ret_number, struct berth_error *err);
/* Makes it the only current one. */
int store_version_promote(struct store *store, int64_t environment_id, int64_t id, uint64_t now_ns,
			  struct berth_error *err);
/* Its name and the digest of its files, the caller's; 1: there is none. */
int store_version_read(struct store *store, int64_t id, char **ret_name, char **ret_bundle,
		       struct berth_error *err);
/* The next version's number and the digest of its files, the caller's; 1: there are no more after
 * that number. */
int store_version_next_bundle(struct store *store, int64_t after_id, int64_t *ret_id,
			      char **ret_bundle, struct berth_error *err);
/* The caller's. */
int store_version_read_manifest(struct store *store, int64_t id, char **ret_manifest,
				struct berth_error *err);

int store_definition_insert(struct store *store, int64_t version_id, const char *task,
			    const char *definition, int64_t *ret_id, struct berth_error *err);
int store_definition_write(struct store *store, int64_t id, const char *definition,
			   struct berth_error *err);
/* 1: that version has no such task. */
int store_definition_find(struct store *store, int64_t version_id, const char *task,
			  int64_t *ret_id, struct berth_error *err);
/* The JSON text, the caller's, and whose it is; 1: there is none. */
int store_definition_read(struct store *store, int64_t id, char **ret_definition,
			  int64_t *ret_version_id, struct berth_error *err);
/* The JSON texts of a version's tasks in order; 1: there are no more after that number. */
int store_definition_next(struct store *store, int64_t version_id, int64_t after_id,
			  int64_t *ret_id, char **ret_definition, struct berth_error *err);

/* A task's number, made when it is not there. */
int store_task_ensure(struct store *store, int64_t environment_id, const char *name,
		      int64_t *ret_id, struct berth_error *err);
/* 1: nobody ever defined it. */
int store_task_find(struct store *store, int64_t environment_id, const char *name, int64_t *ret_id,
		    struct berth_error *err);
/* Its name, the caller's. */
int store_task_name(struct store *store, int64_t id, char **ret_name, struct berth_error *err);
