/* SPDX-License-Identifier: Apache-2.0 */
/* The host image: the host's own /usr read-only with a generated /etc. One row a layer. */
#include "images/host_image_table.h"

/* clang-format off */
#define BIND(path)          {.kind = IMAGE_LAYER_BIND, .source = (path), .target = (path)}
#define OPTIONAL_BIND(path) {.kind = IMAGE_LAYER_BIND, .source = (path), .target = (path), .optional = true}
#define LINK(path, text)    {.kind = IMAGE_LAYER_SYMLINK, .source = (text), .target = (path)}
#define CONTENT(path, text) {.kind = IMAGE_LAYER_FILE, .target = (path), .content = (text)}
#define DIRECTORY(path)     {.kind = IMAGE_LAYER_DIRECTORY, .target = (path)}
/* clang-format on */

#define PASSWD                                                                                     \
	"root:x:0:0:root:/nonexistent:/usr/sbin/nologin\n"                                         \
	"task:x:1000:1000:task:/work:/bin/sh\n"                                                    \
	"nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
#define GROUP "root:x:0:\ntask:x:1000:\nnogroup:x:65534:\n"
#define HOSTS "127.0.0.1 localhost berth\n::1 localhost ip6-localhost ip6-loopback\n"
#define NSSWITCH                                                                                   \
	"passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n"                           \
	"networks: files\nprotocols: files\nservices: files\nrpc: files\n"

/* Each bind costs every launch some ten microseconds: a row needs a user. Nothing of /etc/ssl but
 * the public certificates: /etc/ssl/private holds keys. */
/* clang-format off */
const struct image_layer host_image_layers[] = {
	BIND("/usr"),
	/* on a merged /usr these are links and stay links (image.c) */
	OPTIONAL_BIND("/bin"),
	OPTIONAL_BIND("/sbin"),
	OPTIONAL_BIND("/lib"),
	OPTIONAL_BIND("/lib32"),
	OPTIONAL_BIND("/lib64"),
	OPTIONAL_BIND("/libx32"),

	CONTENT("/etc/passwd", PASSWD),
	CONTENT("/etc/group", GROUP),
	CONTENT("/etc/hosts", HOSTS),
	CONTENT("/etc/nsswitch.conf", NSSWITCH),
	CONTENT("/etc/resolv.conf", ""),                             /* no network by default; tools want the file */
	CONTENT("/etc/timezone", "Etc/UTC\n"),
	LINK("/etc/localtime", "../usr/share/zoneinfo/Etc/UTC"),     /* dangling without tzdata, which is UTC too */
	LINK("/etc/os-release", "../usr/lib/os-release"),
	LINK("/etc/mtab", "../proc/self/mounts"),                    /* df, mount */
	OPTIONAL_BIND("/etc/ld.so.cache"),                           /* libraries outside the default directories */
	OPTIONAL_BIND("/etc/alternatives"),                          /* awk, editor, java: links of /usr/bin lead here */
	OPTIONAL_BIND("/etc/ssl/certs"),                             /* whom TLS clients trust */
	OPTIONAL_BIND("/etc/fonts"),                                 /* fontconfig: text in images and subtitles */

	LINK("/var/run", "../run"),
	LINK("/var/tmp", "../tmp"),
	DIRECTORY("/var/lib"),
	DIRECTORY("/home"),
};
/* clang-format on */

const size_t host_image_layer_count = sizeof(host_image_layers) / sizeof(host_image_layers[0]);
