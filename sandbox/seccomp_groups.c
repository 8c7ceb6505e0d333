/* SPDX-License-Identifier: Apache-2.0 */
/* The allow-list as data. What is in no row is refused: EPERM when libseccomp knows the call,
 * ENOSYS when the call is newer than this list. */
#include "sandbox/seccomp_groups.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>

/* clang-format off */
static const char *const basic_calls[] = {
	"arch_prctl", "brk", "close", "close_range", "dup", "dup2", "dup3", "exit", "exit_group",
	"execve", "execveat", "fcntl", "futex", "futex_waitv", "getcpu", "getrandom",
	"get_robust_list", "set_robust_list", "set_tid_address", "set_thread_area",
	"get_thread_area", "restart_syscall", "rseq", "rt_sigaction", "rt_sigpending",
	"rt_sigprocmask", "rt_sigqueueinfo", "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait",
	"rt_tgsigqueueinfo", "sigaltstack", "pause", "alarm", "membarrier", "sched_yield",
	"uname", "sysinfo", "ioctl", "prctl", NULL,
};
static const char *const memory_calls[] = {
	"madvise", "mincore", "mlock", "mlock2", "mlockall", "mprotect", "mremap", "msync",
	"munlock", "munlockall", "munmap", "pkey_alloc", "pkey_free",
	"pkey_mprotect", "mseal", "get_mempolicy", "mbind", "set_mempolicy", NULL,
};
static const char *const file_calls[] = {
	"access", "chdir", "chown", "copy_file_range", "faccessat", "faccessat2", "fadvise64",
	"fallocate", "fchdir", "fchown", "fchownat", "fdatasync", "flock", "fstat", "fstatfs",
	"fsync", "ftruncate", "futimesat", "getcwd", "getdents", "getdents64", "lchown", "link",
	"linkat", "lseek", "lstat", "mkdir", "mkdirat", "newfstatat", "pread64",
	"preadv", "preadv2", "pwrite64", "pwritev", "pwritev2", "read", "readahead", "readlink",
	"readlinkat", "readv", "rename", "renameat", "renameat2", "rmdir", "sendfile", "splice",
	"stat", "statfs", "statx", "symlink", "symlinkat", "sync_file_range", "tee",
	"truncate", "umask", "unlink", "unlinkat", "utime", "utimensat", "utimes",
	"write", "writev", "getxattr", "lgetxattr", "fgetxattr", "listxattr", "llistxattr",
	"flistxattr", "setxattr", "lsetxattr", "fsetxattr", "removexattr", "lremovexattr",
	"fremovexattr", "cachestat", NULL,
};
static const char *const event_calls[] = {
	"epoll_create", "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_wait",
	"eventfd", "eventfd2", "inotify_add_watch", "inotify_init", "inotify_init1",
	"inotify_rm_watch", "pipe", "pipe2", "poll", "ppoll", "pselect6", "select", "signalfd",
	"signalfd4", "timerfd_create", "timerfd_gettime", "timerfd_settime", NULL,
};
static const char *const network_calls[] = {
	"accept", "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt",
	"listen", "recvfrom", "recvmmsg", "recvmsg", "sendmmsg", "sendmsg", "sendto", "setsockopt",
	"shutdown", NULL,
};
static const char *const process_calls[] = {
	"capget", "fork", "vfork", "getegid", "geteuid", "getgid", "getgroups", "getpgid", "getpgrp",
	"getpid", "getppid", "getpriority", "getresgid", "getresuid", "getrlimit", "getrusage",
	"getsid", "gettid", "getuid", "ioprio_get", "ioprio_set", "kill", "pidfd_open",
	"pidfd_send_signal", "prlimit64", "process_mrelease", "sched_get_priority_max",
	"sched_get_priority_min", "sched_getaffinity", "sched_getattr", "sched_getparam",
	"sched_getscheduler", "sched_rr_get_interval", "sched_setaffinity", "sched_setattr",
	"sched_setparam", "sched_setscheduler", "setfsgid", "setfsuid", "setgid", "setgroups",
	"setpgid", "setpriority", "setregid", "setresgid", "setresuid", "setreuid", "setrlimit",
	"setsid", "setuid", "tgkill", "times", "tkill", "wait4", "waitid", "capset",
	"landlock_add_rule", "landlock_create_ruleset", "landlock_restrict_self", "seccomp", NULL,
};
static const char *const time_calls[] = {
	"clock_getres", "clock_gettime", "clock_nanosleep", "getitimer", "gettimeofday",
	"nanosleep", "setitimer", "time", "timer_create", "timer_delete", "timer_getoverrun",
	"timer_gettime", "timer_settime", NULL,
};
static const char *const ipc_calls[] = {
	"mq_getsetattr", "mq_notify", "mq_open", "mq_timedreceive", "mq_timedsend", "mq_unlink",
	"msgctl", "msgget", "msgrcv", "msgsnd", "semctl", "semget", "semop", "semtimedop", "shmat",
	"shmctl", "shmdt", NULL,
};

const struct seccomp_group seccomp_groups[] = {
	{"basic",   "what the C library and every loader call",                basic_calls},
	{"memory",  "allocation and mapping",                                  memory_calls},
	{"file",    "files by path and descriptor, without changing modes",    file_calls},
	{"event",   "waiting for descriptors, signals and timers",             event_calls},
	{"network", "traffic on sockets; which kinds exist is in conditions",  network_calls},
	{"process", "processes, identities within the range, scheduling",      process_calls},
	{"time",    "reading clocks and sleeping; never setting a clock",      time_calls},
	{"ipc",     "System V and POSIX IPC of the run's own namespace",       ipc_calls},
};
const size_t seccomp_group_count = sizeof(seccomp_groups) / sizeof(seccomp_groups[0]);

#define NAMESPACE_FLAGS                                                                            \
	(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | \
	 CLONE_NEWCGROUP)
#define SET_ID_BITS  (S_ISUID | S_ISGID)
#define CREATE_FLAGS (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))
#define DEVICE_BIT   S_IFCHR /* set in block devices too */
#define LOW_WORD     0xffffffffU
#define NONE         {0, 0, 0}

const struct seccomp_condition seccomp_conditions[] = {
	{"clone", {0, NAMESPACE_FLAGS, 0}, NONE, "threads and processes, no nested namespace"},
	{"socket", {0, LOW_WORD, AF_UNIX}, NONE, "Unix sockets; abstract names end at the namespace"},
	{"socket", {0, LOW_WORD, AF_INET}, NONE, "IPv4, raw ones need a capability nobody has"},
	{"socket", {0, LOW_WORD, AF_INET6}, NONE, "IPv6, likewise"},
	{"socket", {0, LOW_WORD, AF_NETLINK}, {2, LOW_WORD, NETLINK_ROUTE},
	 "addresses and routes; netfilter, xfrm and audit are not namespaced well enough"},
	{"socketpair", {0, LOW_WORD, AF_UNIX}, NONE, "pairs of Unix sockets; it makes sockets of any family"},
	{"personality", {0, LOW_WORD, PER_LINUX}, NONE, "the default; never ADDR_NO_RANDOMIZE"},
	{"personality", {0, LOW_WORD, 0xffffffff}, NONE, "asking which one it is"},
	{"chmod", {1, SET_ID_BITS, 0}, NONE, "a set-uid file could be left in an output"},
	{"fchmod", {1, SET_ID_BITS, 0}, NONE, "likewise"},
	{"fchmodat", {2, SET_ID_BITS, 0}, NONE, "likewise"},
	{"fchmodat2", {2, SET_ID_BITS, 0}, NONE, "likewise; newer C libraries do not try fchmodat after EPERM"},
	{"creat", {1, SET_ID_BITS, 0}, NONE, "likewise"},
	{"open", {1, CREATE_FLAGS, 0}, NONE, "opening what exists"},
	{"open", {2, SET_ID_BITS, 0}, NONE, "creating without set-uid"},
	{"openat", {2, CREATE_FLAGS, 0}, NONE, "opening what exists"},
	{"openat", {3, SET_ID_BITS, 0}, NONE, "creating without set-uid"},
	{"mmap", {3, MAP_HUGETLB, 0}, NONE, "huge pages are the host's pool, no memory limit counts them"},
	{"memfd_create", {1, MFD_HUGETLB, 0}, NONE, "likewise"},
	{"shmget", {2, SHM_HUGETLB, 0}, NONE, "likewise"},
	{"mknod", {1, DEVICE_BIT | SET_ID_BITS, 0}, NONE, "fifos, sockets and files only"},
	{"mknodat", {2, DEVICE_BIT | SET_ID_BITS, 0}, NONE, "fifos, sockets and files only"},
};
const size_t seccomp_condition_count = sizeof(seccomp_conditions) / sizeof(seccomp_conditions[0]);

const struct seccomp_answer seccomp_answers[] = {
	{"clone3",  ENOSYS, "its flags are behind a pointer; the C library falls back to clone"},
	{"io_setup", ENOSYS, "its contexts count against one number of the host (fs.aio-max-nr)"},
	{"openat2", ENOSYS, "its mode is behind a pointer; callers fall back to openat"},
};
const size_t seccomp_answer_count = sizeof(seccomp_answers) / sizeof(seccomp_answers[0]);

const struct seccomp_request seccomp_refused_ioctls[] = {
	{TIOCSTI,   "pushes input into a terminal (CVE-2017-5226)"},
	{TIOCLINUX, "likewise on a console (CVE-2023-1523)"},
};
const size_t seccomp_refused_ioctl_count =
	sizeof(seccomp_refused_ioctls) / sizeof(seccomp_refused_ioctls[0]);
/* clang-format on */
