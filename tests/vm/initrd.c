/* SPDX-License-Identifier: Apache-2.0 */
/* The first process of the test guest: loads the disk driver, mounts the disk, becomes systemd. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* In the order of their dependencies; Debian's cloud kernel has ext4 built in. */
static const char *const modules[] = {
	"virtio_ring",           "virtio",     "virtio_pci_modern_dev",
	"virtio_pci_legacy_dev", "virtio_pci", "virtio_blk",
};

static void load_module(const char *name)
{
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "/modules/%s.ko", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || syscall(SYS_finit_module, fd, "", 0) < 0)
		perror(path);
	if (fd >= 0)
		(void)close(fd);
}

int main(void)
{
	static const char root[] = "/disk";
	char *const arguments[] = {(char[]){"/sbin/init"}, NULL};

	for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]); i++)
		load_module(modules[i]);
	(void)mkdir("/dev", 0755);
	(void)mkdir(root, 0755);
	if (mount("devtmpfs", "/dev", "devtmpfs", 0, NULL) < 0)
		perror("mount /dev");
	for (int tries = 0; mount("/dev/vda", root, "ext4", 0, NULL) < 0; tries++) {
		if (tries == 100) {
			perror("mount /dev/vda");
			return 1;
		}
		(void)usleep(50 * 1000);
	}
	/* The switch_root(8) dance: the root file system itself cannot be pivoted away. */
	if (chdir(root) < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 ||
	    chdir("/") < 0) {
		perror("switch root");
		return 1;
	}
	(void)execv(arguments[0], arguments);
	perror(arguments[0]);
	return 1;
}
