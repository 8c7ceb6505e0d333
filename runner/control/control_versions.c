/* SPDX-License-Identifier: Apache-2.0 */
/* Deployed versions and the tasks in them. */
#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "runner/control/control_operations.h"
#include "runner/engine/engine_core.h"
#include "runner/engine/engine_reads.h"
#include "runner/engine/engine_versions.h"

int control_task_list(struct store *store, struct control_call *call, struct berth_error *err)
{
	return read_tasks(store, 0, &call->result, err);
}

int control_version_list(struct store *store, struct control_call *call, struct berth_error *err)
{
	return read_versions(store, 0, &call->result, err);
}

static int promote(struct engine *engine, struct control_call *call, const char *name,
		   struct berth_error *err)
{
	if (engine_promote(engine, 0, name, err) < 0)
		return -1;
	call->result = json_pack("{s:s}", "version", name);
	return call->result ? 0 : berth_fail(err, BERTH_MEMORY, ENOMEM, "promote");
}

int control_version_promote(struct engine *engine, struct control_call *call,
			    struct berth_error *err)
{
	return promote(engine, call, call->record.version.version, err);
}

/* In a list with the newest first: the one behind the current, or behind the named one's place when
 * that is newer than the current (which is not going back). */
static int find_earlier(const json_t *versions, const char *wanted, const char **ret_name,
			struct berth_error *err)
{
	const json_t *version;
	bool is_behind = false;
	size_t i;

	json_array_foreach (versions, i, version) {
		const char *name = json_string_value(json_object_get(version, "version"));

		if (is_behind && (!wanted || strcmp(name, wanted) == 0)) {
			*ret_name = name;
			return 0;
		}
		is_behind |= json_is_true(json_object_get(version, "isCurrent"));
	}
	if (!is_behind)
		return berth_fail(err, BERTH_NOT_FOUND, 0, "nothing is deployed");
	if (wanted)
		return berth_fail(err, BERTH_NOT_FOUND, 0,
				  "there is no version %.32s before the current one", wanted);
	return berth_fail(err, BERTH_NOT_FOUND, 0, "there is no version before the current one");
}

int control_version_rollback(struct engine *engine, struct control_call *call,
			     struct berth_error *err)
{
	AUTO_JSON json_t *versions = NULL;
	const char *name = NULL;

	if (read_versions(engine_store(engine), 0, &versions, err) < 0 ||
	    find_earlier(versions, call->record.version.version, &name, err) < 0)
		return -1;
	return promote(engine, call, name, err);
}
