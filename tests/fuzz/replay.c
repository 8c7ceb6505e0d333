/* SPDX-License-Identifier: Apache-2.0 */
/* Replays a seed corpus through a fuzz target without libFuzzer: an ordinary test in every build.
 */
#include <dirent.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
	FILE *file = fopen(path, "rbe");
	if (!file) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -1;
	}
	struct stat status;
	if (fstat(fileno(file), &status) < 0 || !S_ISREG(status.st_mode)) {
		fclose(file);
		return 0;
	}
	/* Exactly as large as the input, so that the sanitizer sees a read past its end. */
	size_t size = (size_t)status.st_size;
	uint8_t *data = malloc(size ? size : 1);
	if (!data || fread(data, 1, size, file) != size) {
		fprintf(stderr, "%s: cannot be read\n", path);
		free(data);
		fclose(file);
		return -1;
	}
	fclose(file);
	(void)LLVMFuzzerTestOneInput(data, size);
	free(data);
	return 1;
}

static int replay_directory(const char *path)
{
	struct dirent **entries = NULL;
	int count = scandir(path, &entries, NULL, alphasort);
	if (count < 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -1;
	}
	int replayed = 0;
	for (int i = 0; i < count; i++) {
		char file[4096];
		int length = snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name);
		free(entries[i]);
		if (replayed < 0)
			continue;
		int outcome = length < (int)sizeof(file) ? replay_file(file) : -1;
		replayed = outcome < 0 ? -1 : replayed + outcome;
	}
	free(entries);
	return replayed;
}

int main(int count, char **arguments)
{
	int total = 0;
	for (int i = 1; i < count; i++) {
		int replayed = replay_directory(arguments[i]);
		if (replayed < 0)
			return EXIT_FAILURE;
		total += replayed;
	}
	printf("replayed %d inputs\n", total);
	/* An empty corpus proves nothing. */
	return total > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
