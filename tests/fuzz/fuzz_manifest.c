/* SPDX-License-Identifier: Apache-2.0 */
/* A manifest that was taken has clean names and paths only; a refusal names the file. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "extensions/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
	if (!condition)
		abort();
}

static void check_extension(const struct extension *extension)
{
	require(strcmp(extension->name, "fuzz") == 0);
	require(extension->mount_count >= 1 && extension->mount_count <= EXTENSION_MOUNTS_MAX + 1);
	for (size_t i = 0; i < extension->mount_count; i++) {
		require(extension->mounts[i].target[0] == '/');
		require(!strstr(extension->mounts[i].target, "/../"));
	}
	for (size_t i = 0; i < extension->task_count; i++) {
		require(!strchr(extension->tasks[i].program, '/'));
		require(!strchr(extension->tasks[i].id, '/'));
		require(extension->tasks[i].attempts >= 1);
	}
	for (size_t i = 0; i < extension->requirement_count; i++)
		require(!extension->requirements[i].library != !extension->requirements[i].program);
	for (size_t i = 0; i < extension->environment_count; i++)
		require(strchr(extension->environment[i], '=') > extension->environment[i]);
	require(extension->environment[extension->environment_count] == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct extension extension = {0};
	struct berth_error err = {0};
	char *text = malloc(size + 1);

	require(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	if (extension_parse(text, size, "/opt/fuzz", &extension, &err) == 0) {
		check_extension(&extension);
		extension_finish(&extension);
	} else {
		require(strncmp(err.message, EXTENSION_MANIFEST, strlen(EXTENSION_MANIFEST)) == 0);
	}
	free(text);
	return 0;
}
