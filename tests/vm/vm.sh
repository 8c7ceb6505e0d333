#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Boots a Debian 12 guest (systemd, cgroup v2, kernel 6.1) under QEMU and runs one script in it as root.
#   vm.sh build                  makes the disk image once and keeps it in the cache (needs root)
#   vm.sh run DIR SCRIPT [OUT]   DIR is copied to /bundle in the guest, where ./SCRIPT runs; what it leaves in
#                                /out comes back to OUT; the exit status is the script's
# Environment: BERTH_VM_CACHE, BERTH_VM_MEMORY (MiB), BERTH_VM_CPUS, BERTH_VM_TIMEOUT (seconds).
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
cache=${BERTH_VM_CACHE:-${XDG_CACHE_HOME:-/tmp}/berth-vm}
packages=systemd,systemd-sysv,dbus,udev,kmod,procps,util-linux,e2fsprogs
packages+=,libseccomp2,libcap2,libjansson4,libcmocka0,bubblewrap,python3
modules=(virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_blk)

# The image is made anew when anything that goes into it changes.
image_key() {
	cat "$here/vm.sh" "$here/initrd.c" "$here"/guest/* | sha256sum | cut -c1-16
}

die() {
	echo "vm.sh: $*" >&2
	exit 125
}

fetch_kernel() {
	local package
	package=$(apt-cache depends linux-image-cloud-amd64 | awk '/Depends:/ { print $2; exit }')
	[ -n "$package" ] || die "apt knows no linux-image-cloud-amd64; run apt-get update"
	(cd "$1" && apt-get download -q "$package" && dpkg-deb -x "$package"_*.deb kernel) >"$1/kernel.log" 2>&1 ||
		die "cannot fetch $package: $(tail -1 "$1/kernel.log")"
	mv "$1"/kernel/boot/vmlinuz-* "$1/vmlinuz"
}

build_initrd() {
	local tree=$1/initrd name
	mkdir -p "$tree/modules"
	for name in "${modules[@]}"; do
		find "$1/kernel/lib/modules" -name "$name.ko" -exec cp {} "$tree/modules/" \;
		[ -s "$tree/modules/$name.ko" ] || die "the kernel package has no module $name"
	done
	mkdir -p "$tree/dev"
	mknod "$tree/dev/console" c 5 1
	"${CC:-cc}" -O2 -static -o "$tree/init" "$here/initrd.c"
	(cd "$tree" && find . | cpio --quiet -o -H newc | gzip -1) >"$1/initrd.gz"
}

build_disk() {
	local work=$1 root=$1/root release name
	mmdebstrap --variant=minbase --include="$packages" \
		--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' bookworm "$work/root.tar" >"$work/disk.log" 2>&1 ||
		die "mmdebstrap failed: $(tail -3 "$work/disk.log")"
	mkdir -p "$root"
	tar -C "$root" -xf "$work/root.tar"
	release=$(ls "$work/kernel/lib/modules")
	mkdir -p "$root/usr/lib/modules/$release/kernel" "$root/bundle" "$root/out"
	cp -a "$work/kernel/lib/modules/$release/kernel/"{fs,net,crypto,lib} "$root/usr/lib/modules/$release/kernel/"
	mkdir -p "$root/usr/lib/modules/$release/kernel/drivers"
	cp -a "$work/kernel/lib/modules/$release/kernel/drivers/block" "$root/usr/lib/modules/$release/kernel/drivers/"
	cp "$work/kernel/lib/modules/$release/"modules.{order,builtin,builtin.modinfo} "$root/usr/lib/modules/$release/"
	chroot "$root" depmod "$release"
	install -m 755 "$here/guest/berth-vm-run" "$root/usr/local/sbin/"
	install -m 644 "$here"/guest/berth-vm.{service,target} "$root/etc/systemd/system/"
	ln -sf berth-vm.target "$root/etc/systemd/system/default.target"
	for name in systemd-networkd.service systemd-resolved.service apt-daily.timer apt-daily-upgrade.timer \
		e2scrub_all.timer fstrim.timer dpkg-db-backup.timer systemd-update-utmp.service \
		systemd-journal-flush.service getty@tty1.service serial-getty@ttyS0.service; do
		ln -sf /dev/null "$root/etc/systemd/system/$name"
	done
	chroot "$root" useradd --create-home --uid 1500 tester
	echo berth-vm >"$root/etc/hostname"
	: >"$root/etc/machine-id"
	: >"$root/etc/fstab"
	truncate -s 1500M "$work/disk.ext4"
	mke2fs -q -t ext4 -O ^has_journal -d "$root" "$work/disk.ext4"
}

build() {
	local image tool
	image=$cache/$(image_key)
	if [ -s "$image/disk.ext4" ]; then
		return 0
	fi
	[ "$(id -u)" = 0 ] || die "building the guest's disk needs root"
	for tool in mmdebstrap mke2fs qemu-system-x86_64 cpio apt-get; do
		PATH=$PATH:/usr/sbin:/sbin command -v "$tool" >/dev/null || die "$tool is not installed"
	done
	mkdir -p "$cache"
	find "$cache" -mindepth 1 -maxdepth 1 -mtime +7 -exec rm -rf {} + # images of older versions
	work=$(mktemp -d "$cache/building.XXXXXX") # global: the trap needs it
	trap 'rm -rf "$work"' EXIT
	fetch_kernel "$work"
	build_initrd "$work"
	build_disk "$work"
	rm -rf "${work:?}"/{root,root.tar,kernel,initrd,*.deb}
	mv -T "$work" "$image" 2>/dev/null || [ -s "$image/disk.ext4" ] # another one may have been faster
	trap - EXIT
}

run() {
	local directory=$1 script=$2 out=${3:-vm-out} image
	build
	image=$cache/$(image_key)
	work=$(mktemp -d) # global: the trap needs it
	trap 'rm -rf "$work"' EXIT
	echo "$script" >"$work/.script"
	tar -C "$directory" -chf "$work/in.img" . -C "$work" ./.script
	truncate -s %512 "$work/in.img"
	truncate -s 256M "$work/out.img"
	rm -rf "$out"
	mkdir -p "$out"
	timeout "${BERTH_VM_TIMEOUT:-280}" qemu-system-x86_64 -accel tcg,thread=multi -cpu max \
		-smp "${BERTH_VM_CPUS:-2}" -m "${BERTH_VM_MEMORY:-2048}" -nographic -no-reboot -nodefaults \
		-serial stdio -kernel "$image/vmlinuz" -initrd "$image/initrd.gz" \
		-append "console=ttyS0 quiet loglevel=3 panic=-1 systemd.show_status=0 mitigations=off" \
		-drive "file=$image/disk.ext4,format=raw,if=virtio,snapshot=on" \
		-drive "file=$work/in.img,format=raw,if=virtio,readonly=on" \
		-drive "file=$work/out.img,format=raw,if=virtio" </dev/null 2>&1 | sed -u 's|\r||g' |
		tee "$out/serial.log" | sed -un "/guest: up/,\$p" || true # judged by what it left
	tar -C "$out" -xf "$work/out.img" 2>/dev/null || true
	if ! [ -s "$out/.status" ]; then
		tail -20 "$out/serial.log" >&2
		die "the guest left no result within ${BERTH_VM_TIMEOUT:-280} s"
	fi
	return "$(cat "$out/.status")"
}

case ${1:-} in
build) build ;;
run)
	[ $# -ge 3 ] || die "run needs DIR and SCRIPT"
	shift
	run "$@"
	;;
*)
	sed -n 3,7p "$0"
	exit 2
	;;
esac
