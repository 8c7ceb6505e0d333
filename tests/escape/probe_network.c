/* SPDX-License-Identifier: Apache-2.0 */
/* Attempts to open sockets that are not namespaced or not needed, or to reach the host's own. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tests/escape/probe.h"

/* arguments: family, type, protocol. */
static int open_socket(const struct probe_row *row)
{
	AUTO_CLOSE int fd = socket((int)row->arguments[0], (int)row->arguments[1] | SOCK_CLOEXEC,
				   (int)row->arguments[2]);

	return fd < 0 ? errno : PROBE_LEAK;
}

/* The call that makes sockets of a family without socket(2). */
static int open_pair(const struct probe_row *row)
{
	int ends[2];

	if (socketpair((int)row->arguments[0], (int)row->arguments[1] | SOCK_CLOEXEC, 0, ends) < 0)
		return errno;
	(void)close(ends[0]);
	(void)close(ends[1]);
	return PROBE_LEAK;
}

static int connect_abstract(const struct probe_row *row)
{
	AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const char *name = probe_host("abstract");
	size_t length;

	(void)row;
	if (!name)
		return PROBE_SKIPPED;
	length = strnlen(name, sizeof(address.sun_path) - 1);
	memcpy(address.sun_path + 1, name, length);
	if (connect(fd, (struct sockaddr *)&address,
		    (socklen_t)(sizeof(sa_family_t) + 1 + length)) < 0)
		return errno;
	return PROBE_LEAK;
}

static int connect_host_loopback(const struct probe_row *row)
{
	AUTO_CLOSE int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	long port = probe_host_number("port");

	(void)row;
	if (port < 0)
		return PROBE_SKIPPED;
	address.sin_port = htons((uint16_t)port);
	return connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? errno : PROBE_LEAK;
}

static int connect_address(const struct probe_row *row)
{
	AUTO_CLOSE int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(80)};

	if (inet_pton(AF_INET, row->path, &address.sin_addr) != 1)
		return EINVAL;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) >= 0 || errno == EINPROGRESS)
		return PROBE_LEAK; /* on its way: there is a route */
	return errno;
}

static int connect_path(const struct probe_row *row)
{
	AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", row->path);
	return connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? errno : PROBE_LEAK;
}

static int inspect_interfaces(const struct probe_row *row)
{
	AUTO_FILE FILE *stream = fopen("/proc/self/net/dev", "re");
	char line[512], name[64];

	(void)row;
	if (!stream)
		return errno;
	while (fgets(line, sizeof(line), stream))
		if (!strchr(line, '|') && sscanf(line, " %63[^:]:", name) == 1 &&
		    strcmp(name, "lo") != 0 && strncmp(name, "tunl", 4) != 0) {
			probe_note("%s", name);
			return PROBE_LEAK;
		}
	return PROBE_HELD;
}

/* Sets the loopback's MTU to what it is: the permission without the change. */
static int configure_interface(const struct probe_row *row)
{
	AUTO_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {.ifr_name = "lo"};

	(void)row;
	if (ioctl(fd, SIOCGIFMTU, &request) < 0)
		return errno;
	return ioctl(fd, SIOCSIFMTU, &request) < 0 ? errno : PROBE_LEAK;
}

/* arguments: level, option; value 1. */
static int set_option(const struct probe_row *row)
{
	AUTO_CLOSE int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int value = 1;

	if (setsockopt(fd, (int)row->arguments[0], (int)row->arguments[1], &value, sizeof(value)) <
	    0)
		return errno;
	return PROBE_LEAK;
}

/* Claims to be root of pid 1 to whoever reads the message. */
static int forge_credentials(const struct probe_row *row)
{
	struct ucred claim = {.pid = 1, .uid = 0, .gid = 0};
	union {
		char bytes[CMSG_SPACE(sizeof(claim))];
		struct cmsghdr align;
	} control = {0};
	struct iovec data = {(char[]){"x"}, 1};
	struct msghdr message = {.msg_iov = &data,
				 .msg_iovlen = 1,
				 .msg_control = control.bytes,
				 .msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	int ends[2];

	(void)row;
	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends) < 0)
		return errno;
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_CREDENTIALS;
	header->cmsg_len = CMSG_LEN(sizeof(claim));
	memcpy(CMSG_DATA(header), &claim, sizeof(claim));
	return sendmsg(ends[0], &message, 0) < 0 ? errno : PROBE_LEAK;
}

#define FAMILY(text, what, why, family, type, protocol)                                            \
	{                                                                                          \
		.name = (text), .protection = "seccomp", .history = (why), .tries = (what),        \
		.attempt = open_socket, .arguments = {(family), (type), (protocol)}, .expected = { \
			EPERM,                                                                     \
			EAFNOSUPPORT                                                               \
		}                                                                                  \
	}
#define PAIR(text, what, family, type)                                                             \
	{                                                                                          \
		.name = (text), .protection = "seccomp", .history = "filters of socket(2) alone",  \
		.tries = (what), .attempt = open_pair, .arguments = {(family), (type)},            \
		.expected = {                                                                      \
			EPERM                                                                      \
		}                                                                                  \
	}
#define REACH(text, what, address)                                                                 \
	{                                                                                          \
		.name = (text), .protection = "network_namespace", .tries = (what),                \
		.attempt = connect_address, .path = (address), .expected = {                       \
			ENETUNREACH,                                                               \
			EHOSTUNREACH                                                               \
		}                                                                                  \
	}
#define HOST_SOCKET(text, where)                                                                   \
	{                                                                                          \
		.name = (text), .protection = "mount_namespace", .tries = "connect to " where,     \
		.attempt = connect_path, .path = (where), .expected = {                            \
			ENOENT,                                                                    \
			EACCES                                                                     \
		}                                                                                  \
	}
#define OPTION(text, what, level, option)                                                          \
	{                                                                                          \
		.name = (text), .protection = "no_capabilities", .tries = (what),                  \
		.attempt = set_option, .arguments = {(level), (option)}, .expected = {             \
			EPERM                                                                      \
		}                                                                                  \
	}

static const struct probe_row rows[] = {
	FAMILY("af_vsock", "talk to the hypervisor", "not namespaced; nearly all leak it", AF_VSOCK,
	       SOCK_STREAM, 0),
	FAMILY("af_packet", "read raw frames", "CVE-2017-7308, CVE-2020-14386", AF_PACKET, SOCK_RAW,
	       0),
	FAMILY("af_alg", "reach the kernel's crypto", "CVE-2016-8646", AF_ALG, SOCK_SEQPACKET, 0),
	FAMILY("af_key", "reach IPsec", "CVE-2017-15649's kin", AF_KEY, SOCK_RAW, 2),
	FAMILY("af_bluetooth", "reach Bluetooth", "CVE-2020-12351", AF_BLUETOOTH, SOCK_RAW, 1),
	FAMILY("af_tipc", "reach TIPC", "CVE-2021-43267", AF_TIPC, SOCK_STREAM, 0),
	FAMILY("af_rds", "reach RDS", "CVE-2010-3904", AF_RDS, SOCK_SEQPACKET, 0),
	FAMILY("af_can", "reach CAN", "CVE-2021-3609", AF_CAN, SOCK_RAW, 1),
	FAMILY("af_xdp", "reach XDP", "CVE-2022-2585's kin", AF_XDP, SOCK_RAW, 0),
	PAIR("af_tipc_pair", "reach TIPC by socketpair", AF_TIPC, SOCK_SEQPACKET),
	PAIR("af_vsock_pair", "reach the hypervisor by socketpair", AF_VSOCK, SOCK_STREAM),
	FAMILY("af_x25", "reach X.25", NULL, AF_X25, SOCK_SEQPACKET, 0),
	FAMILY("raw_socket", "send raw IP", NULL, AF_INET, SOCK_RAW, IPPROTO_ICMP),
	FAMILY("netlink_netfilter", "reach nf_tables", "CVE-2022-34918, CVE-2024-1086", AF_NETLINK,
	       SOCK_RAW, NETLINK_NETFILTER),
	FAMILY("netlink_xfrm", "reach xfrm", "CVE-2017-7184", AF_NETLINK, SOCK_RAW, NETLINK_XFRM),
	FAMILY("netlink_audit", "reach audit", "not namespaced", AF_NETLINK, SOCK_RAW,
	       NETLINK_AUDIT),
	FAMILY("netlink_uevent", "hear the host's devices", NULL, AF_NETLINK, SOCK_DGRAM,
	       NETLINK_KOBJECT_UEVENT),
	FAMILY("netlink_connector", "hear the host's processes", NULL, AF_NETLINK, SOCK_DGRAM,
	       NETLINK_CONNECTOR),
	FAMILY("netlink_generic", "reach generic netlink", NULL, AF_NETLINK, SOCK_RAW,
	       NETLINK_GENERIC),
	FAMILY("netlink_sock_diag", "list the host's sockets", "CVE-2013-1763", AF_NETLINK,
	       SOCK_RAW, NETLINK_SOCK_DIAG),
	PROBE_CALL("socket_high_bits", "seccomp", "CVE-2019-7303",
		   "open AF_VSOCK with garbage in the upper half of the family", SYS_socket, 0,
		   EPERM, 0xdeadbeef00000000UL | AF_VSOCK, SOCK_STREAM, 0),
	PROBE_TRY("abstract_socket", "network_namespace", "CVE-2020-15257",
		  "connect to an abstract socket of the host", connect_abstract, NULL,
		  ECONNREFUSED),
	PROBE_TRY("host_loopback", "network_namespace", NULL,
		  "connect to a port of the host's 127.0.0.1", connect_host_loopback, NULL,
		  ECONNREFUSED),
	REACH("internet", "connect to an address of the Internet", "192.0.2.1"),
	REACH("cloud_metadata", "connect to the cloud's metadata", "169.254.169.254"),
	REACH("private_range", "connect to a neighbour", "10.0.0.1"),
	PROBE_TRY("interfaces", "network_namespace", NULL,
		  "find a network interface beyond the loopback", inspect_interfaces, NULL,
		  PROBE_HELD),
	PROBE_TRY("configure_interface", "no_capabilities", NULL, "configure the loopback",
		  configure_interface, NULL, EPERM),
	OPTION("so_mark", "mark packets to pass a firewall", SOL_SOCKET, SO_MARK),
	OPTION("so_rcvbufforce", "take kernel memory beyond the limit", SOL_SOCKET, SO_RCVBUFFORCE),
	OPTION("tcp_repair", "forge TCP connections", IPPROTO_TCP, TCP_REPAIR),
	PROBE_TRY("forge_credentials", "no_capabilities", NULL,
		  "claim to be root in a socket message", forge_credentials, NULL, EPERM, EINVAL),
	HOST_SOCKET("dbus_socket", "/run/dbus/system_bus_socket"),
	HOST_SOCKET("systemd_socket", "/run/systemd/private"),
	HOST_SOCKET("docker_socket", "/var/run/docker.sock"),
	HOST_SOCKET("journal_socket", "/run/systemd/journal/stdout"),
};

const struct probe_group probe_network = PROBE_GROUP("network", rows);
