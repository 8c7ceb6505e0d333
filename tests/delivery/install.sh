#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What `make install` lays down is complete and works from where it lies.
set -euo pipefail
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
DESTDIR=$root cmake --install "$BERTH_BUILD_DIR" --prefix /usr >"$root/install.log"

for file in bin/berth bin/berth-task lib/libberth-task.a include/berth/task.h \
	lib/berth/extensions/ffmpeg/extension.json lib/berth/extensions/ffmpeg/video-probe \
	lib/berth/extensions/ffmpeg/video.probe.json lib/berth/extensions/ffmpeg/video-transcode \
	lib/berth/extensions/ffmpeg/video-thumbnail \
	bin/berth-launcher bin/berth-supervisor lib/berth/extensions/vips/extension.json lib/berth/extensions/vips/image-variants \
	share/man/man1/berth.1 share/man/man1/berth-run.1 share/man/man1/berth-serve.1 share/man/man1/berth-task.1 \
	share/man/man5/berth-result.5 share/bash-completion/completions/berth \
	share/zsh/site-functions/_berth share/fish/vendor_completions.d/berth.fish \
	lib/systemd/system/berth.service lib/systemd/system/berth.socket lib/sysusers.d/berth.conf \
	share/doc/berth/LICENSE; do
	[ -s "$root/usr/$file" ] || {
		echo "not installed: $file"
		exit 1
	}
done
# Nothing may point back to the build.
if grep -rlF "$BERTH_BUILD_DIR" "$root/usr/share" "$root/usr/lib/berth" "$root/usr/include" \
	"$root/usr/lib/systemd" --include='*.json' --include='*.h' --include='*.1' --include='*.service'; then
	echo "an installed file names the build directory"
	exit 1
fi
# The unit names what was installed beside it, for whatever prefix.
grep -qx 'ExecStart=/usr/bin/berth serve' "$root/usr/lib/systemd/system/berth.service"
DESTDIR=$root cmake --install "$BERTH_BUILD_DIR" --prefix /opt/berth >"$root/install.log"
grep -qx 'ExecReload=/opt/berth/bin/berth reload' "$root/opt/berth/lib/systemd/system/berth.service"

PATH=$root/usr/bin:$PATH
cd "$root"
berth run -- true
berth run -- sh -c 'exit 7' && status=0 || status=$?
[ "$status" -eq 7 ]
for task in video.probe video.transcode video.thumbnail image.variants; do
	berth tasks | grep -qw "$task"
done
berth machines | grep -qw small-1x
berth run -- berth-task info >/dev/null

# The SDK as somebody outside the tree uses it.
cat >"$root/hello.c" <<'C'
#include <berth/task.h>
#include <stddef.h>

int main(void)
{
	struct berth_task *task = NULL;

	if (berth_task_open(&task, NULL) < 0)
		return 1;
	if (berth_task_output(task, "{\"hello\":true}", NULL) < 0)
		return 1;
	berth_task_close(task);
	return 0;
}
C
${CC:-cc} -Wall -Werror -I"$root/usr/include" -o "$root/hello" "$root/hello.c" \
	"$root/usr/lib/libberth-task.a" -ljansson -lm
berth run --result "$root/result.json" --mount "$root/hello:/opt/hello" -- /opt/hello
grep -q '"hello": *true' "$root/result.json"
