/* SPDX-License-Identifier: Apache-2.0 */
/* Brings an older file to the newest schema, one numbered migration after the other, each in a
 * transaction of its own. The number is kept as PRAGMA user_version, which each migration sets. */
#include <errno.h>

#include "runner/store/sqlite.h"

#define APPLICATION_ID 0x62727468 /* "brth"; set by 0001.sql */

static int check_application(struct store *store, struct berth_error *err)
{
	int64_t id;

	if (sqlite_query_integer(store, "PRAGMA application_id", &id, err) < 0)
		return -1;
	if (id != APPLICATION_ID)
		return berth_fail(err, BERTH_INVALID, 0, "store: %s is not berth's",
				  store->path ? store->path : "the store");
	return 0;
}

static int migrate_one(struct store *store, int index, struct berth_error *err)
{
	int64_t version;

	if (sqlite_script(store, "BEGIN IMMEDIATE", "begin of a migration", err) < 0)
		return -1;
	if (sqlite_script(store, store_migrations[index].sql, "migration", err) < 0 ||
	    sqlite_query_integer(store, "PRAGMA user_version", &version, err) < 0)
		goto undo;
	if (version != index + 1) {
		(void)berth_fail(err, BERTH_INVALID, 0, "store: migration %d set version %d",
				 index + 1, (int)version);
		goto undo;
	}
	if (sqlite_script(store, "COMMIT", "commit of a migration", err) < 0)
		goto undo;
	return 0;
undo:
	(void)sqlite_script(store, "ROLLBACK", "rollback of a migration", NULL);
	return -1;
}

int store_migrate(struct store *store, struct berth_error *err)
{
	int64_t version, objects;

	if (sqlite_query_integer(store, "PRAGMA user_version", &version, err) < 0 ||
	    sqlite_query_integer(store, "SELECT count(*) FROM sqlite_schema", &objects, err) < 0)
		return -1;
	if (objects > 0 && check_application(store, err) < 0)
		return -1;
	if (version > store_migration_count)
		return berth_fail(
			err, BERTH_UNSUPPORTED, 0,
			"store: %s has schema %d, this berth knows %d: a newer one wrote it",
			store->path ? store->path : "the store", (int)version,
			store_migration_count);
	if (version == store_migration_count)
		return 0;
	if (store->mode == STORE_READ_ONLY)
		return berth_fail(err, BERTH_UNSUPPORTED, 0,
				  "store: %s has the older schema %d and may only be read",
				  store->path, (int)version);
	for (int i = (int)version; i < store_migration_count; i++)
		if (migrate_one(store, i, err) < 0)
			return -1;
	return 0;
}
