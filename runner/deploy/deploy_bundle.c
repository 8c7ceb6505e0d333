/* SPDX-License-Identifier: Apache-2.0 */
/* Content-addressed directories: hashed first, written beside, renamed when durable. */
#include "runner/deploy/deploy_bundle.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/descriptor.h"
#include "base/field.h"
#include "base/identifier.h"
#include "base/json.h"
#include "runner/control/control_table.h"
#include "runner/deploy/deploy_path.h"

#define COPY_BYTES   ((size_t)128 * 1024)
#define NEEDED_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
#define AT(member)   offsetof(struct entry, member)

struct entry {
	char *path, *link;
	int64_t size;
	bool executable;
};

/* clang-format off */
static const struct field_row entry_rows[] = {
	{.name = "path", .type = FIELD_STRING, .offset = AT(path), .min = 1, .max = DEPLOY_PATH_MAX, .required = true},
	{.name = "link", .type = FIELD_STRING, .offset = AT(link), .min = 1, .max = DEPLOY_PATH_MAX},
	{.name = "size", .type = FIELD_INTEGER, .offset = AT(size), .min = 0, .max = (double)CONTROL_BUNDLE_MAX},
	{.name = "executable", .type = FIELD_BOOL, .offset = AT(executable)},
};
/* clang-format on */
#define ENTRY_ROWS (sizeof(entry_rows) / sizeof(entry_rows[0]))

struct entry_list {
	struct entry *entries;
	size_t count;
};

static void entry_list_finish(struct entry_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		field_finish(entry_rows, ENTRY_ROWS, &list->entries[i]);
	free(list->entries);
}
#define AUTO_ENTRIES __attribute__((cleanup(entry_list_finish)))

/* Files stand in order of their paths, so that each is there once and one content has one digest.
 * The order of a walk: a directory's slash sorts before everything. */
static int compare_paths(const char *left, const char *right)
{
	for (; *left && *left == *right; left++)
		right++;
	if (*left == *right)
		return 0;
	if (*left == '/' || !*left)
		return *right == '/' ? 0 : -1;
	if (*right == '/' || !*right)
		return 1;
	return (unsigned char)*left < (unsigned char)*right ? -1 : 1;
}

static int check_entry(const struct entry_list *list, size_t index, struct berth_error *err)
{
	const struct entry *entry = &list->entries[index];

	if (!deploy_path_is_relative(entry->path))
		return berth_fail(err, BERTH_INVALID, 0, "%.160s: not a path inside the bundle",
				  entry->path);
	if (entry->link &&
	    (entry->size || entry->executable || !deploy_path_link_stays(entry->path, entry->link)))
		return berth_fail(err, BERTH_INVALID, 0, "%.160s: a link that leaves the bundle",
				  entry->path);
	if (index > 0 && compare_paths(list->entries[index - 1].path, entry->path) >= 0)
		return berth_fail(err, BERTH_INVALID, 0, "%.160s: there twice, or out of order",
				  entry->path);
	return 0;
}

static int parse_list(const json_t *array, struct entry_list *list, struct berth_error *err)
{
	size_t count = json_array_size(array);

	if (!json_is_array(array) || count > CONTROL_FILES_MAX)
		return berth_fail(err, BERTH_INVALID, 0, "files: not a list of at most %d",
				  CONTROL_FILES_MAX);
	list->entries = calloc(count + 1, sizeof(*list->entries));
	if (!list->entries)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "read a list of files");
	for (size_t i = 0; i < count; i++) {
		list->count++; /* so that a half-parsed one is freed too */
		if (field_parse_object(json_array_get(array, i), entry_rows, ENTRY_ROWS,
				       &list->entries[i], err) < 0)
			return berth_fail_context(err, "files: number %zu", i);
		if (check_entry(list, i, err) < 0)
			return -1;
	}
	return 0;
}

/* A memfd that cannot change: reading it never waits for anybody, and what is hashed is what is
 * written. F_GET_SEALS fails for any other kind of file. */
static int check_source(const struct entry_list *list, int source, struct berth_error *err)
{
	int seals = fcntl(source, F_GET_SEALS);
	struct stat status;
	int64_t total = 0;

	if (seals < 0 || (seals & NEEDED_SEALS) != NEEDED_SEALS)
		return berth_fail(err, BERTH_INVALID, 0,
				  "the descriptor is no memfd sealed against changes");
	if (fstat(source, &status) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "fstat");
	for (size_t i = 0; i < list->count; i++)
		total += list->entries[i].size;
	if (total > CONTROL_BUNDLE_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "the files have more than %lld MiB",
				  (long long)(CONTROL_BUNDLE_MAX >> 20));
	if (total != status.st_size)
		return berth_fail(err, BERTH_INVALID, 0,
				  "the files have %lld bytes, the descriptor %lld",
				  (long long)total, (long long)status.st_size);
	return 0;
}

static int read_at(int source, void *buffer, size_t length, int64_t offset, struct berth_error *err)
{
	ssize_t got = pread(source, buffer, length, offset);

	if (got < 0 || (size_t)got != length)
		return berth_fail(err, BERTH_SYSTEM, got < 0 ? errno : EIO, "read the files");
	return 0;
}

/* Lengths stand before what they are of, so that no two lists look alike. */
static void hash_entry(struct sha256 *hash, const struct entry *entry)
{
	char head[64];
	int length =
		snprintf(head, sizeof(head), "%c %zu %lld ",
			 entry->link         ? 'l'
			 : entry->executable ? 'x'
					     : 'f',
			 strlen(entry->path),
			 entry->link ? (long long)strlen(entry->link) : (long long)entry->size);

	sha256_update(hash, head, (size_t)length);
	sha256_update(hash, entry->path, strlen(entry->path));
	if (entry->link)
		sha256_update(hash, entry->link, strlen(entry->link));
}

static int hash_all(const struct entry_list *list, int source, char ret_digest[SHA256_TEXT_SIZE],
		    struct berth_error *err)
{
	AUTO_FREE char *buffer = malloc(COPY_BYTES);
	unsigned char digest[SHA256_SIZE];
	struct sha256 hash;
	int64_t offset = 0;

	if (!buffer)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "hash the files");
	sha256_init(&hash);
	for (size_t i = 0; i < list->count; i++) {
		int64_t end = offset + list->entries[i].size;

		hash_entry(&hash, &list->entries[i]);
		while (offset < end) {
			size_t part = end - offset < (int64_t)COPY_BYTES ? (size_t)(end - offset)
									 : COPY_BYTES;

			if (read_at(source, buffer, part, offset, err) < 0)
				return -1;
			sha256_update(&hash, buffer, part);
			offset += (int64_t)part;
		}
	}
	sha256_final(&hash, digest);
	for (size_t i = 0; i < SHA256_SIZE; i++)
		(void)snprintf(ret_digest + 2 * i, 3, "%02x", digest[i]);
	return 0;
}

/* A full disk is told from other trouble. */
static int fail_write(const char *path, struct berth_error *err)
{
	enum berth_code code = errno == ENOSPC || errno == EDQUOT ? BERTH_LIMIT : BERTH_SYSTEM;

	return berth_fail(err, code, errno, "write %.160s", path);
}

/* Makes the directories above a path. */
static int make_parents(int root, const char *path, struct berth_error *err)
{
	char parent[DEPLOY_PATH_MAX + 1];

	for (const char *slash = path; (slash = strchr(slash, '/')); slash++) {
		(void)snprintf(parent, sizeof(parent), "%.*s", (int)(slash - path), path);
		if (mkdirat(root, parent, 0755) < 0) {
			if (errno != EEXIST)
				return fail_write(parent, err);
		} else if (fchmodat(root, parent, 0755, 0) < 0) { /* whatever the umask is */
			return fail_write(parent, err);
		}
	}
	return 0;
}

/* openat2(2), 5.6: a link of the bundle's own is not followed on the way either. */
static int create_file(int root, const char *path)
{
	struct open_how how = {
		.flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
		.mode = 0600,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
	};

	return (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
}

static int write_file(int root, const struct entry *entry, int source, int64_t offset, char *buffer,
		      struct berth_error *err)
{
	AUTO_CLOSE int fd = create_file(root, entry->path);
	int64_t end = offset + entry->size;

	if (fd < 0)
		return fail_write(entry->path, err);
	while (offset < end) {
		size_t part =
			end - offset < (int64_t)COPY_BYTES ? (size_t)(end - offset) : COPY_BYTES;

		if (read_at(source, buffer, part, offset, err) < 0)
			return -1;
		if (descriptor_write_all(fd, buffer, part, err) < 0) {
			errno = err ? err->errnum : EIO;
			return fail_write(entry->path, err);
		}
		offset += (int64_t)part;
	}
	return fchmod(fd, entry->executable ? 0555 : 0444) < 0 ? fail_write(entry->path, err) : 0;
}

static int write_all(int root, const struct entry_list *list, int source, struct berth_error *err)
{
	AUTO_FREE char *buffer = malloc(COPY_BYTES);
	int64_t offset = 0;

	if (!buffer)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "write the files");
	for (size_t i = 0; i < list->count; i++) {
		const struct entry *entry = &list->entries[i];

		if (make_parents(root, entry->path, err) < 0)
			return -1;
		if (entry->link) {
			if (symlinkat(entry->link, root, entry->path) < 0)
				return fail_write(entry->path, err);
			continue;
		}
		if (write_file(root, entry, source, offset, buffer, err) < 0)
			return -1;
		offset += entry->size;
	}
	/* syncfs(2), 5.8: tells of what could not be written; thousands of fsync(2) do not */
	return syncfs(root) < 0 ? fail_write("the bundle", err) : 0;
}

static int write_beside(int bundles, const char *name, const struct entry_list *list, int source,
			struct berth_error *err)
{
	AUTO_CLOSE int root = -1;

	if (mkdirat(bundles, name, 0755) < 0)
		return fail_write(name, err);
	root = openat(bundles, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (root < 0 || fchmod(root, 0755) < 0)
		return fail_write(name, err);
	return write_all(root, list, source, err);
}

static int rename_into_place(int bundles, const char *name, const char *digest,
			     struct berth_error *err)
{
	if (renameat2(bundles, name, bundles, digest, RENAME_NOREPLACE) < 0) {
		if (errno != EEXIST)
			return fail_write(digest, err);
		/* somebody else wrote the same meanwhile */
		return deploy_bundle_remove(bundles, name, err);
	}
	return fsync(bundles) < 0 ? fail_write(digest, err) : 0;
}

bool deploy_bundle_exists(int bundles, const char *digest)
{
	return faccessat(bundles, digest, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int deploy_bundle_write(int bundles, const json_t *list, int source,
			char ret_digest[SHA256_TEXT_SIZE], struct berth_error *err)
{
	AUTO_ENTRIES struct entry_list entries = {0};
	char digest[SHA256_TEXT_SIZE], name[IDENTIFIER_SIZE];

	if (parse_list(list, &entries, err) < 0 || check_source(&entries, source, err) < 0 ||
	    hash_all(&entries, source, digest, err) < 0)
		return -1;
	memcpy(ret_digest, digest, sizeof(digest));
	if (deploy_bundle_exists(bundles, digest))
		return 0;
	if (identifier_create("new", name, err) < 0)
		return -1;
	if (write_beside(bundles, name, &entries, source, err) < 0 ||
	    rename_into_place(bundles, name, digest, err) < 0) {
		(void)deploy_bundle_remove(bundles, name, NULL); /* what failed is told already */
		return -1;
	}
	return 0;
}

static int remove_below(int dirfd, const char *name, struct berth_error *err);

static int empty_directory(int fd, struct berth_error *err)
{
	AUTO_DIRECTORY DIR *directory = NULL;
	const struct dirent *entry;
	int own = dup(fd);

	directory = own < 0 ? NULL : fdopendir(own);
	if (!directory) {
		close_fd(&own);
		return berth_fail(err, BERTH_SYSTEM, errno, "read a bundle");
	}
	while ((entry = readdir(directory))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (remove_below(fd, entry->d_name, err) < 0)
			return -1;
	}
	return 0;
}

/* The depth is bounded by that of a path. */
static int remove_below(int dirfd, const char *name, struct berth_error *err)
{
	AUTO_CLOSE int fd = -1;

	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR)
		return berth_fail(err, BERTH_SYSTEM, errno, "remove %.160s", name);
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "open %.160s", name);
	if (empty_directory(fd, err) < 0)
		return -1;
	if (unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return berth_fail(err, BERTH_SYSTEM, errno, "remove %.160s", name);
	return 0;
}

int deploy_bundle_remove(int bundles, const char *name, struct berth_error *err)
{
	if (!name[0] || name[0] == '.' || strchr(name, '/'))
		return berth_fail(err, BERTH_INVALID, 0, "%.64s is no bundle's name", name);
	return remove_below(bundles, name, err);
}

/* Another descriptor, so that each reading begins at the beginning. */
static DIR *open_bundles(int bundles, struct berth_error *err)
{
	int own = openat(bundles, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = own < 0 ? NULL : fdopendir(own);

	if (!directory) {
		close_fd(&own);
		(void)berth_fail(err, BERTH_SYSTEM, errno, "read the bundles");
	}
	return directory;
}

static int sweep(int bundles, const char *prefix, struct berth_error *err)
{
	AUTO_DIRECTORY DIR *directory = open_bundles(bundles, err);
	const struct dirent *entry;

	if (!directory)
		return -1;
	while ((entry = readdir(directory)))
		if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0 &&
		    deploy_bundle_remove(bundles, entry->d_name, err) < 0)
			return -1;
	return 0;
}

int deploy_bundle_sweep(int bundles, struct berth_error *err)
{
	return sweep(bundles, "new_", err);
}

int deploy_bundle_sweep_aside(int bundles, struct berth_error *err)
{
	return sweep(bundles, "old_", err);
}

static bool is_digest(const char *name)
{
	return strlen(name) == SHA256_TEXT_SIZE - 1 &&
	       name[strspn(name, "0123456789abcdef")] == '\0';
}

int deploy_bundle_set_aside(int bundles, deploy_bundle_keep keep, void *owner, size_t *ret_count,
			    struct berth_error *err)
{
	AUTO_DIRECTORY DIR *directory = open_bundles(bundles, err);
	const struct dirent *entry;
	char name[IDENTIFIER_SIZE];
	size_t count = 0;

	if (!directory)
		return -1;
	while ((entry = readdir(directory))) {
		if (!is_digest(entry->d_name) || keep(owner, entry->d_name))
			continue;
		if (identifier_create("old", name, err) < 0)
			return -1;
		if (renameat(bundles, entry->d_name, bundles, name) < 0)
			return berth_fail(err, BERTH_SYSTEM, errno, "set aside %.160s",
					  entry->d_name);
		count++;
	}
	*ret_count = count;
	return 0;
}
