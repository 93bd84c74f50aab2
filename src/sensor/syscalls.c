/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/syscalls.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/futex.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define E SYSCALLS_ENGINE
#define H SYSCALLS_HELPER
#define R SYSCALLS_REPLAY
#define REFUSED 0x80 /* with an error, and whoever asks lives on */
#define B SYSCALLS_HELPER_BPF

enum known { SELF, THE_ENGINE };

#define EQ(n, v)                                           \
	{                                                  \
		SYSCALL_EQ, (n), UINT32_MAX, (uint32_t)(v) \
	}
#define BITS(n, m, v)                                         \
	{                                                     \
		SYSCALL_EQ, (n), (uint32_t)(m), (uint32_t)(v) \
	}
/* Without a mask the value is one of enum known. */
#define IS(n, v)                        \
	{                               \
		SYSCALL_EQ, (n), 0, (v) \
	}
/* A descriptor that may speak, and one that may not (syscalls.h). */
#define VOICE(n)                                                     \
	{                                                            \
		SYSCALL_EQ, (n), ~(uint32_t)(SYSCALLS_VOICES - 1), 0 \
	}
#define MUTE(n)                                                      \
	{                                                            \
		SYSCALL_NE, (n), ~(uint32_t)(SYSCALLS_VOICES - 1), 0 \
	}

static const struct call {
	uint8_t who;
	struct {
		int nr;
		struct syscall_test test[SYSCALL_MAX_TESTS];
	} rule;
} calls[] = {
	/* Reading and writing what is open. */
	{ E | H | R, { SYS_read, { { 0 } } } }, /* timer, signals, captures, tables of /proc */
	{ R, { SYS_readv, { { 0 } } } }, /* musl's stdio */
	{ E | H, { SYS_pread64, { { 0 } } } }, /* switches of /proc/sys; a torn last line */
	{ E | H | R, { SYS_write, { { 0 } } } }, /* events, the log */
	{ E | H | R, { SYS_writev, { { 0 } } } }, /* musl's stdio; glibc's last words at an abort */
	{ E | H | R,
	  { SYS_lseek, { { 0 } } } }, /* where a partial line begins; a table read anew */
#ifdef SYS__llseek
	{ E | H | R, { SYS__llseek, { { 0 } } } }, /* the same on 32 bits */
#endif
	{ E, { SYS_ftruncate, { { 0 } } } }, /* a partial line is cut off: the disk was full */
#ifdef SYS_ftruncate64
	{ E, { SYS_ftruncate64, { { 0 } } } },
#endif
	{ E, { SYS_close, { MUTE(0) } } }, /* the old event file, a source that died; the end */
	{ E | REFUSED, { SYS_close, { VOICE(0) } } }, /* its number must not be had by another */
	{ H | R, { SYS_close, { { 0 } } } },
	{ E | R, { SYS_fcntl, { EQ(1, F_GETFL) } } }, /* a terminal, non-blocking for a write */
	{ E | R, { SYS_fcntl, { EQ(1, F_SETFL) } } },
#ifdef SYS_fcntl64
	{ E | R, { SYS_fcntl64, { EQ(1, F_GETFL) } } },
	{ E | R, { SYS_fcntl64, { EQ(1, F_SETFL) } } },
#endif
	{ E | R, { SYS_ioctl, { EQ(1, TIOCGWINSZ) } } }, /* the terminal's width; musl's isatty() */
	{ E | R, { SYS_ioctl, { EQ(1, TCGETS) } } }, /* stdio: is this a terminal? */

	/* Examining files: sizes; whether /proc/net/sctp is there. libc chooses among these. */
	{ E | H | R, { SYS_fstat, { { 0 } } } },
#ifdef SYS_stat
	{ E | H | R, { SYS_stat, { { 0 } } } }, /* musl */
#endif
#ifdef SYS_newfstatat
	{ E | H | R, { SYS_newfstatat, { { 0 } } } },
#endif
#ifdef SYS_stat64
	{ E | H | R, { SYS_stat64, { { 0 } } } }, /* 32 bits */
	{ E | H | R, { SYS_fstat64, { { 0 } } } },
#endif
#ifdef SYS_fstatat64
	{ E | H | R, { SYS_fstatat64, { { 0 } } } },
#endif
	{ E | H | R, { SYS_statx, { { 0 } } } }, /* 32 bits with 64-bit times */

/* Waiting. */
#ifdef SYS_epoll_wait
	{ E, { SYS_epoll_wait, { { 0 } } } },
#endif
	{ E, { SYS_epoll_pwait, { { 0 } } } }, /* architectures without epoll_wait */
#ifdef SYS_epoll_pwait2
	{ E, { SYS_epoll_pwait2, { { 0 } } } },
#endif
	{ E, { SYS_epoll_ctl, { { 0 } } } }, /* a descriptor that comes or goes while it runs */
#ifdef SYS_poll
	{ E | H | R, { SYS_poll, { { 0 } } } }, /* a listing's rest; a reader that is slow */
#endif
	{ E | H | R, { SYS_ppoll, { { 0 } } } }, /* architectures without poll */
#ifdef SYS_ppoll_time64
	{ E | H | R, { SYS_ppoll_time64, { { 0 } } } }, /* 32 bits with 64-bit times */
#endif
#ifdef SYS_timerfd_settime
	{ E, { SYS_timerfd_settime, { { 0 } } } }, /* a finding's end */
#endif
#ifdef SYS_timerfd_settime32
	{ E, { SYS_timerfd_settime32, { { 0 } } } }, /* musl's name of it on 32 bits */
#endif
#ifdef SYS_timerfd_settime64
	{ E, { SYS_timerfd_settime64, { { 0 } } } },
#endif
#ifdef SYS_clock_gettime /* where the vDSO cannot tell the time */
	{ E | H | R, { SYS_clock_gettime, { { 0 } } } },
#endif
#ifdef SYS_clock_gettime32
	{ E | H | R, { SYS_clock_gettime32, { { 0 } } } },
#endif
#ifdef SYS_clock_gettime64
	{ E | H | R, { SYS_clock_gettime64, { { 0 } } } },
#endif
	{ E | H | R,
	  { SYS_restart_syscall, { { 0 } } } }, /* a wait goes on after SIGSTOP, SIGCONT */

	/*
	 * Sockets that are open. Never towards the network by a packet socket: sources have numbers
	 * that cannot speak, nothing can be duplicated or bound, and numbers that can are never free. Who
	 * has the engine can listen, not send. Without an address the kernel refuses write() there.
	 * No sendmsg(): it would pass a socket that hears to another process.
	 */
	/* Requests to the helper, syslog, the listing of sockets, standard output. */
	{ E, { SYS_sendto, { VOICE(0) } } },
	{ H, { SYS_sendto, { { 0 } } } }, /* the log, the service manager */
	{ H, { SYS_sendmsg, { { 0 } } } }, /* replies */
	{ E | H, { SYS_recvmsg, { { 0 } } } }, /* listings; the helper's replies and descriptors */
#ifdef SYS_send
	{ E, { SYS_send, { VOICE(0) } } }, /* libc on arm, mips */
	{ H, { SYS_send, { { 0 } } } },
	{ E, { SYS_recv, { { 0 } } } },
#endif
	{ E, { SYS_recvfrom, { { 0 } } } },
	{ E | H, { SYS_connect, { { 0 } } } }, /* syslog's new socket, after its daemon restarted */
	/* The filter follows interfaces, listeners and floods; SO_ERROR, packets lost. */
	{ E | H, { SYS_setsockopt, { EQ(1, SOL_SOCKET), EQ(2, SO_ATTACH_FILTER) } } },
	{ E, { SYS_getsockopt, { { 0 } } } },
#ifdef __i386__
	{ E | H,
	  { SYS_socketcall, { { 0 } } } }, /* libc's only way to some of them: tests see no more */
#endif

	/* The helper opens the packet ring and the event file. */
	{ H, { SYS_socket, { EQ(0, AF_PACKET) } } },
	{ H, { SYS_setsockopt, { EQ(1, SOL_PACKET) } } }, /* version, ring */
	{ H, { SYS_bind, { EQ(2, sizeof(struct sockaddr_ll)) } } }, /* its filter is closed */
#ifdef SYS_open
	{ H, { SYS_open, { { 0 } } } }, /* musl; glibc never */
	{ R, { SYS_open, { BITS(1, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY) } } },
#endif
	{ H, { SYS_openat, { { 0 } } } },
	{ R, { SYS_openat, { BITS(2, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY) } } }, /* captures */
#ifdef SYS_mkdir
	{ H, { SYS_mkdir, { { 0 } } } }, /* the event file's directory */
#endif
	{ H, { SYS_mkdirat, { { 0 } } } },
#ifdef SYS_renameat
	{ H, { SYS_renameat, { { 0 } } } }, /* rotation */
#endif
	{ H, { SYS_renameat2, { { 0 } } } }, /* architectures without renameat */
	{ H, { SYS_unlinkat, { { 0 } } } },

	/* The BPF source: maps, programs, links; interfaces and filters by rtnetlink. */
	{ SYSCALLS_ENGINE_BPF,
	  { SYS_epoll_create1,
	    { { 0 } } } }, /* its ring, polled by edges, when it is opened anew */
	{ B, { SYS_bpf, { EQ(0, BPF_MAP_CREATE) } } },
	{ B, { SYS_bpf, { EQ(0, BPF_PROG_LOAD) } } },
	{ B, { SYS_bpf, { EQ(0, BPF_LINK_CREATE) } } },
	{ B, { SYS_bpf, { EQ(0, BPF_OBJ_GET_INFO_BY_FD) } } }, /* is a link still attached? */
	{ B, { SYS_socket, { EQ(0, AF_NETLINK) } } },
	{ B, { SYS_bind, { EQ(2, sizeof(struct sockaddr_nl)) } } },

	/* The record of logins: watched for the engine, which gets a copy of the descriptor. */
	{ H, { SYS_inotify_init1, { { 0 } } } },
	{ H, { SYS_inotify_add_watch, { { 0 } } } },
	{ H, { SYS_inotify_rm_watch, { { 0 } } } },
	{ H, { SYS_fcntl, { EQ(1, F_DUPFD_CLOEXEC) } } },
	{ H,
	  { SYS_fcntl, { EQ(1, F_SETFD) } } }, /* musl's F_DUPFD_CLOEXEC sets the flag once more */
#ifdef SYS_fcntl64
	{ H, { SYS_fcntl64, { EQ(1, F_DUPFD_CLOEXEC) } } },
	{ H, { SYS_fcntl64, { EQ(1, F_SETFD) } } },
#endif

/* The terminal is let go of once the engine watches. */
#ifdef SYS_dup2
	{ H, { SYS_dup2, { { 0 } } } },
#endif
	{ H, { SYS_dup3, { { 0 } } } }, /* architectures without dup2 */

	/* Its own signals and its one child. */
	{ H, { SYS_rt_sigprocmask, { { 0 } } } },
	{ H, { SYS_signalfd4, { { 0 } } } },
	{ H, { SYS_kill, { IS(0, THE_ENGINE) } } },
	{ H, { SYS_waitid, { { 0 } } } },
	{ H, { SYS_wait4, { { 0 } } } },
	{ H, { SYS_getpgid, { { 0 } } } }, /* did the terminal signal both? */
#ifdef SYS_getpgrp
	{ H, { SYS_getpgrp, { { 0 } } } },
#endif

	/* Memory: what stdio and a listing take and give back; nothing that could be executed. */
	{ E | H | R, { SYS_brk, { { 0 } } } },
#ifdef SYS_mmap
	{ E | H | R, { SYS_mmap, { BITS(2, PROT_EXEC, 0) } } },
#endif
#ifdef SYS_mmap2
	{ E | H | R, { SYS_mmap2, { BITS(2, PROT_EXEC, 0) } } },
#endif
	{ E | H | R, { SYS_munmap, { { 0 } } } },
	{ R, { SYS_mremap, { { 0 } } } }, /* libpcap's buffer grows with its packets */
	{ E | H | R, { SYS_madvise, { EQ(2, MADV_DONTNEED) } } }, /* footprint.c, free() */
	{ E, { SYS_getrandom, { { 0 } } } }, /* seeds; libc's arc4random() */

/* libc's locks, should one ever be held. */
#ifdef SYS_futex
	{ E | H | R, { SYS_futex, { BITS(1, ~FUTEX_PRIVATE_FLAG, FUTEX_WAIT) } } },
	{ E | H | R, { SYS_futex, { BITS(1, ~FUTEX_PRIVATE_FLAG, FUTEX_WAKE) } } },
#endif
#ifdef SYS_futex_time64
	{ E | H | R, { SYS_futex_time64, { BITS(1, ~FUTEX_PRIVATE_FLAG, FUTEX_WAIT) } } },
	{ E | H | R, { SYS_futex_time64, { BITS(1, ~FUTEX_PRIVATE_FLAG, FUTEX_WAKE) } } },
#endif

	/* Ends: a plain one; an assertion's, which is to be known as such. */
	{ E | H | R, { SYS_exit_group, { { 0 } } } },
	{ E | H | R, { SYS_exit, { { 0 } } } },
	{ E | H | R, { SYS_getpid, { { 0 } } } }, /* syslog's header */
	{ E | H | R, { SYS_gettid, { { 0 } } } },
	{ E | R, { SYS_rt_sigprocmask, { { 0 } } } }, /* abort() */
	{ E | H | R, { SYS_rt_sigaction, { { 0 } } } }, /* abort() */
	{ E | H | R, { SYS_rt_sigreturn, { { 0 } } } },
#ifdef SYS_sigreturn
	{ E | H | R, { SYS_sigreturn, { { 0 } } } }, /* arm, i386, mips */
#endif
	{ E | H | R, { SYS_tgkill, { IS(0, SELF), EQ(2, SIGABRT) } } },
	{ E | H | R, { SYS_tkill, { IS(0, SELF), EQ(1, SIGABRT) } } }, /* musl */
};

/* What no program that an operator lets a finding start has any business with. */
static const int refused[] = {
	/* Code in the kernel, and looking into it. */
	SYS_init_module,
	SYS_finit_module,
	SYS_delete_module,
	SYS_kexec_load,
#ifdef SYS_kexec_file_load
	SYS_kexec_file_load,
#endif
	SYS_bpf,
	SYS_perf_event_open,
	SYS_userfaultfd,
	SYS_keyctl,
	SYS_add_key,
	SYS_request_key,
#ifdef SYS_io_uring_setup
	SYS_io_uring_setup,
	SYS_io_uring_enter,
	SYS_io_uring_register,
#endif
	/* Other processes. */
	SYS_ptrace,
	SYS_process_vm_readv,
	SYS_process_vm_writev,
	SYS_kcmp,
#ifdef SYS_pidfd_getfd
	SYS_pidfd_getfd,
#endif
	/* The machine. */
	SYS_mount,
	SYS_umount2,
	SYS_pivot_root,
	SYS_chroot,
#ifdef SYS_move_mount
	SYS_move_mount,
	SYS_open_tree,
	SYS_fsopen,
	SYS_fsmount,
	SYS_fspick,
	SYS_fsconfig,
#endif
#ifdef SYS_mount_setattr
	SYS_mount_setattr,
#endif
	SYS_setns,
	SYS_swapon,
	SYS_swapoff,
	SYS_reboot,
	SYS_acct,
	SYS_quotactl,
#ifdef SYS_settimeofday
	SYS_settimeofday,
#endif
#ifdef SYS_settimeofday_time32
	SYS_settimeofday_time32, /* musl's names on 32 bits */
#endif
#ifdef SYS_clock_settime
	SYS_clock_settime,
#endif
#ifdef SYS_clock_settime32
	SYS_clock_settime32,
#endif
#ifdef SYS_clock_settime64
	SYS_clock_settime64,
#endif
	SYS_adjtimex,
	SYS_clock_adjtime,
#ifdef SYS_clock_adjtime64
	SYS_clock_adjtime64,
#endif
	SYS_sethostname,
	SYS_setdomainname,
	SYS_open_by_handle_at,
#ifdef SYS_iopl
	SYS_iopl,
	SYS_ioperm,
#endif
};

_Static_assert(sizeof(calls) / sizeof(calls[0]) <= SYSCALLS_MAX, "room for all calls");
_Static_assert(sizeof(refused) / sizeof(refused[0]) <= SYSCALLS_MAX, "room for all refused calls");

static void resolve(struct syscall_test *t, const struct syscalls_known *known)
{
	const int values[] = {
		[SELF] = known->self,
		[THE_ENGINE] = known->engine,
	};

	if (t->op == SYSCALL_ANY || t->mask)
		return;
	t->mask = UINT32_MAX;
	t->value = (uint32_t)values[t->value];
}

size_t syscalls_list(struct syscall_rule out[SYSCALLS_MAX], unsigned int process,
		     const struct syscalls_known *known)
{
	size_t n = 0;

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (!(calls[i].who & process))
			continue;
		out[n] = (struct syscall_rule){ .nr = calls[i].rule.nr,
						.refuse = calls[i].who & REFUSED };
		memcpy(out[n].test, calls[i].rule.test, sizeof(out[n].test));
		for (unsigned int j = 0; j < SYSCALL_MAX_TESTS; j++)
			resolve(&out[n].test[j], known);
		n++;
	}
	return n;
}

size_t syscalls_list_refused(struct syscall_rule out[SYSCALLS_MAX], bool loads_bpf)
{
	size_t n = 0;

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (!loads_bpf || refused[i] != SYS_bpf)
			out[n++] = (struct syscall_rule){ .nr = refused[i] };
	return n;
}

enum syscall_fate syscalls_otherwise(void)
{
#ifdef MIMAMORI_INSTRUMENTED
	return SYSCALL_ALLOW;
#else
	return SYSCALL_KILL;
#endif
}
