/* SPDX-License-Identifier: Apache-2.0 */
/* A berth.json of any bytes. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "runner/deploy/deploy_manifest.h"

static bool is_there(void *owner, const char *path)
{
	(void)owner;
	return path[0] != 'x';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FREE char *source = malloc(size + 1);
	AUTO_JSON json_t *manifest = NULL;
	struct berth_error err = {0};

	if (!source)
		return 0;
	memcpy(source, data, size);
	source[size] = '\0';
	if (json_parse(source, size, &manifest, &err) < 0)
		return 0;
	if (deploy_manifest_check(manifest, "berth.json", source, &err) < 0) {
		if (err.code == BERTH_NONE || !err.message[0])
			abort();
		return 0;
	}
	(void)deploy_manifest_check_programs(manifest, is_there, NULL, &err);
	return 0;
}
