// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A harmless program, built as malware for devices is built: one static file without a C library, that asks
 * the kernel by itself, in the ways of its architecture's old C libraries. It tries what such programs
 * live on, takes itself off the disk, and prints one line:
 *
 *	mimamori-probe ARCH ABI ok pid=N machine=NAME raw=yes|no nanosleep=MS select=MS poll=MS
 *	mimamori-probe ARCH ABI failed WHAT N
 *
 * N is what the call gave: -errno, or a value that is not the right one. MS is how long a wait of 200 ms took; a
 * kernel without COMPAT_32BIT_TIME refuses them all, and programs then never wait. Raw sockets are for root alone.
 * With the argument "aligned" it leaves out words at odd addresses, which MIPS kernels mend and qemu-user does not.
 *
 * Theory of operation: HEADER of the architecture has the entry point, which gives probe_main() the stack as
 * the kernel left it, and sys(), which returns -errno. Division is left out: not every processor can, and the
 * compiler's library might be for another ABI.
 */
#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/signal.h>
#include <asm/socket.h>
#include <asm/unistd.h>

/* Ends the program with what failed and the value that was wrong. */
static _Noreturn void fail(const char *what, long n);

#include HEADER

#define WAIT_MS 200
#define PATIENCE_S 10 /* of a wait for what has to come */

#ifdef __mips__
enum { SOCK_DGRAM = 1, SOCK_STREAM = 2, SOCK_RAW = 3, SIGNALS_BYTES = 16 };
#else
enum { SOCK_STREAM = 1, SOCK_DGRAM = 2, SOCK_RAW = 3, SIGNALS_BYTES = 8 };
#endif
enum { AF_INET = 2, IPPROTO_TCP = 6 };
enum { LOOPBACK = 0x7f000001 };
enum { PR_SET_NAME = 15, PR_GET_NAME = 16 };
enum { POLLIN = 1 };

struct address {
	unsigned short family, port; /* network order */
	unsigned int host;
	char zero[8];
};

struct interval {
	long s, fraction; /* microseconds or nanoseconds */
};

struct polled {
	int fd;
	short events, revents;
};

struct descriptors {
	unsigned int bits[32]; /* 1,024; long has 32 bits everywhere here */
};

static char line[256];
static unsigned int used;

static void say(const char *text)
{
	while (*text && used < sizeof(line) - 1)
		line[used++] = *text++;
}

static void say_number(long n)
{
	static const unsigned int powers[] = {
		1000000000, 100000000, 10000000, 1000000, 100000, 10000, 1000, 100, 10, 1,
	};
	unsigned int left = n < 0 ? -n : n, i, digit, begun = 0;
	char one[2] = { 0, 0 };

	if (n < 0)
		say("-");
	for (i = 0; i < sizeof(powers) / sizeof(powers[0]); i++) {
		for (digit = 0; left >= powers[i]; digit++)
			left -= powers[i];
		begun |= digit || powers[i] == 1;
		one[0] = '0' + digit;
		if (begun)
			say(one);
	}
}

static void say_named(const char *name, long n)
{
	say(name);
	say_number(n);
}

static _Noreturn void leave(int status)
{
	for (;;)
		sys(__NR_exit, status, 0, 0, 0, 0);
}

static void tell(void)
{
	say("\n");
	sys(__NR_write, 1, (long)line, used, 0, 0);
}

static _Noreturn void fail(const char *what, long n)
{
	used = 0;
	say("mimamori-probe " ARCH " " ABI " failed ");
	say(what);
	say_named(" ", n);
	tell();
	leave(1);
}

static long must(const char *what, long n)
{
	if (n < 0)
		fail(what, n);
	return n;
}

static void must_be(const char *what, long n, long right)
{
	if (n != right)
		fail(what, n);
}

static int same(const char *a, const char *b, unsigned int n)
{
	while (n && *a == *b)
		n--, a++, b++;
	return n == 0;
}

/* The old C libraries go through socketcall(2) wherever there is one, but for MIPS. */
#if defined(__NR_socketcall) && !defined(__mips__)
enum { SOCKET = 1, BIND, CONNECT, LISTEN, ACCEPT, GETSOCKNAME, SETSOCKOPT = 14, GETSOCKOPT };

static long net(int call, long a, long b, long c, long d, long e)
{
	long arguments[] = { a, b, c, d, e };

	return sys(__NR_socketcall, call, (long)arguments, 0, 0, 0);
}
#else
enum {
	SOCKET = __NR_socket,
	BIND = __NR_bind,
	CONNECT = __NR_connect,
	LISTEN = __NR_listen,
	ACCEPT = __NR_accept,
	GETSOCKNAME = __NR_getsockname,
	SETSOCKOPT = __NR_setsockopt,
	GETSOCKOPT = __NR_getsockopt,
};

static long net(int call, long a, long b, long c, long d, long e)
{
	return sys(call, a, b, c, d, e);
}
#endif

static unsigned int network_order(unsigned int n)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	return n;
#else
	return n >> 24 | (n >> 8 & 0xff00) | (n << 8 & 0xff0000) | n << 24;
#endif
}

/* Milliseconds of the clock of day, modulo a million seconds. */
static unsigned long now_ms(void)
{
	struct interval now = { 0, 0 };
	unsigned long ms = 0;
	long us;

	must("gettimeofday", sys(__NR_gettimeofday, (long)&now, 0, 0, 0, 0));
	for (us = now.fraction; us >= 1000; us -= 1000)
		ms++;
	return (now.s & 0xfffff) * 1000UL + ms;
}

/* select(2) for one descriptor, or for none (-1): the number of those ready. */
static long select_one(int fd, int writing, long s, long us)
{
	struct descriptors set;
	struct interval timeout = { s, us };
	long in = fd >= 0 && !writing ? (long)&set : 0, out = fd >= 0 && writing ? (long)&set : 0;
	unsigned int i;

	for (i = 0; i < 32; i++)
		set.bits[i] = 0;
	if (fd >= 0)
		set.bits[fd >> 5] = 1U << (fd & 31);
	return must("select", sys(__NR__newselect, fd + 1, in, out, 0, (long)&timeout));
}

static void try_waits(void)
{
	struct interval nap = { 0, WAIT_MS * 1000000L };
	unsigned long begun = now_ms(), took;

	must("nanosleep", sys(__NR_nanosleep, (long)&nap, 0, 0, 0, 0));
	took = now_ms() - begun;
	if (took < WAIT_MS - 1)
		fail("nanosleep-too-short", took);
	say_named(" nanosleep=", took);

	begun = now_ms();
	must_be("select-of-nothing", select_one(-1, 0, 0, WAIT_MS * 1000L), 0);
	took = now_ms() - begun;
	if (took < WAIT_MS - 1)
		fail("select-too-short", took);
	say_named(" select=", took);

	begun = now_ms();
	must_be("poll-of-nothing", sys(__NR_poll, 0, 0, WAIT_MS, 0, 0), 0);
	took = now_ms() - begun;
	if (took < WAIT_MS - 1)
		fail("poll-too-short", took);
	say_named(" poll=", took);
}

static void try_clocks(void)
{
	struct interval now, clock;

	must("gettimeofday", sys(__NR_gettimeofday, (long)&now, 0, 0, 0, 0));
	must("clock_gettime", sys(__NR_clock_gettime, 0, (long)&clock, 0, 0, 0));
	if (clock.s < now.s || clock.s > now.s + 1)
		fail("clock_gettime-differs", clock.s - now.s);
#ifdef __NR_time
	now.fraction = sys(__NR_time, 0, 0, 0, 0, 0);
	if (now.fraction < now.s || now.fraction > now.s + 1)
		fail("time-differs", now.fraction - now.s);
#endif
}

static void try_names(void)
{
	static char names[6][65];
	char name[16];

	must("uname", sys(__NR_uname, (long)names, 0, 0, 0, 0));
	must_be("uname-is-Linux", same(names[0], "Linux", 6), 1);
	say(" machine=");
	say(names[4]);
	must("prctl-set-name", sys(__NR_prctl, PR_SET_NAME, (long)"probe-renamed", 0, 0, 0));
	must("prctl-get-name", sys(__NR_prctl, PR_GET_NAME, (long)name, 0, 0, 0));
	must_be("prctl-name-kept", same(name, "probe-renamed", 14), 1);
}

/* Its file: where it is, and that it can be taken away while it runs. */
static void try_files(const char *path)
{
	static char buffer[1024];
	long fd = must("open-/dev/null", sys(__NR_open, (long)"/dev/null", O_WRONLY, 0, 0, 0));

	must_be("write-/dev/null", sys(__NR_write, fd, (long)"nothing", 7, 0, 0), 7);
	must("close", sys(__NR_close, fd, 0, 0, 0, 0));
	must("readlink-/proc/self/exe",
	     sys(__NR_readlink, (long)"/proc/self/exe", (long)buffer, sizeof(buffer), 0, 0));
	fd = must("open-/proc", sys(__NR_open, (long)"/proc", O_RDONLY, 0, 0, 0));
	if (must("getdents-/proc", sys(__NR_getdents, fd, (long)buffer, sizeof(buffer), 0, 0)) == 0)
		fail("getdents-/proc-is-empty", 0);
	must("close", sys(__NR_close, fd, 0, 0, 0, 0));
	must("unlink-itself", sys(__NR_unlink, (long)path, 0, 0, 0, 0));
	must_be("open-itself", sys(__NR_open, (long)path, O_RDONLY, 0, 0, 0), -ENOENT);
}

static void try_memory(void)
{
	long end = sys(__NR_brk, 0, 0, 0, 0, 0), i;

	must_be("brk", sys(__NR_brk, end + 0x20000, 0, 0, 0, 0), end + 0x20000);
	for (i = 0; i < 0x20000; i += 0x1000)
		*(volatile char *)(end + i) = 1;
}

/* What careless programs rely on: the processor, or its kernel, reads words at odd addresses. */
static void try_unaligned(void)
{
#if UNALIGNED
	static volatile unsigned char bytes[8] __attribute__((aligned(4))) = { 0, 1, 1, 1, 1 };

	must_be("unaligned-word", read_word((const void *)(bytes + 1)), 0x01010101);
#endif
}

static long child_of(const char *what)
{
	return must(what, fork_process());
}

static void end_of(const char *what, long pid, int right)
{
	int status = -1;

	must_be(what, sys(__NR_wait4, pid, (long)&status, 0, 0, 0), pid);
	must_be(what, status, right);
}

static void try_processes(void)
{
	unsigned long mask[4] = { 1UL << (SIGTERM - 1), 0, 0, 0 };
	long parent = must("getpid", sys(__NR_getpid, 0, 0, 0, 0, 0)), pid = child_of("fork");

	if (pid == 0) {
		pid = sys(__NR_getpid, 0, 0, 0, 0, 0);
		if (pid == parent || sys(__NR_getppid, 0, 0, 0, 0, 0) != parent)
			leave(2);
		leave(sys(__NR_setsid, 0, 0, 0, 0, 0) == pid ? 7 : 3);
	}
	end_of("fork-setsid-wait4", pid, 7 << 8);
	/* How it blocks what would end it. */
	must("rt_sigprocmask",
	     sys(__NR_rt_sigprocmask, SIG_BLOCK, (long)mask, 0, SIGNALS_BYTES, 0));
	must("kill-itself-blocked", sys(__NR_kill, parent, SIGTERM, 0, 0, 0));
	pid = child_of("fork-to-kill");
	if (pid == 0) {
		sys(__NR_poll, 0, 0, PATIENCE_S * 1000, 0, 0);
		leave(4);
	}
	must("kill", sys(__NR_kill, pid, SIGKILL, 0, 0, 0));
	end_of("kill-wait4", pid, SIGKILL);
}

/* As a scanner connects: without blocking, select() for writing, SO_ERROR. */
static _Noreturn void connect_and_knock(const struct address *to)
{
	int fd = must("socket", net(SOCKET, AF_INET, SOCK_STREAM, 0, 0, 0)), error = -1, size = 4;
	long n = sys(__NR_fcntl, fd, F_SETFL, O_NONBLOCK, 0, 0);

	must("fcntl", n);
	n = net(CONNECT, fd, (long)to, sizeof(*to), 0, 0);
	if (n != 0 && n != -EINPROGRESS)
		fail("connect", n);
	must_be("select-to-write", select_one(fd, 1, PATIENCE_S, 0), 1);
	must("getsockopt", net(GETSOCKOPT, fd, SOL_SOCKET, SO_ERROR, (long)&error, (long)&size));
	must_be("connect-so-error", error, 0);
	must_be("write-socket", sys(__NR_write, fd, (long)"knock", 5, 0, 0), 5);
	leave(0);
}

static void try_tcp(void)
{
	static struct address self = { .family = AF_INET };
	int one = 1, size = sizeof(self);
	long listener = must("socket", net(SOCKET, AF_INET, SOCK_STREAM, 0, 0, 0)), fd, pid;
	struct polled polled = { -1, POLLIN, 0 };
	char knock[8];

	self.host = network_order(LOOPBACK);
	must("setsockopt",
	     net(SETSOCKOPT, listener, SOL_SOCKET, SO_REUSEADDR, (long)&one, sizeof(one)));
	must("bind", net(BIND, listener, (long)&self, sizeof(self), 0, 0));
	must("listen", net(LISTEN, listener, 1, 0, 0, 0));
	must("getsockname", net(GETSOCKNAME, listener, (long)&self, (long)&size, 0, 0));
	if (self.port == 0)
		fail("bind-chose-no-port", 0);
	pid = child_of("fork-to-connect");
	if (pid == 0)
		connect_and_knock(&self);
	must_be("select-to-accept", select_one(listener, 0, PATIENCE_S, 0), 1);
	fd = must("accept", net(ACCEPT, listener, 0, 0, 0, 0));
	polled.fd = fd;
	must_be("poll-to-read", sys(__NR_poll, (long)&polled, 1, PATIENCE_S * 1000, 0, 0), 1);
	must_be("read-socket", sys(__NR_read, fd, (long)knock, sizeof(knock), 0, 0), 5);
	must_be("read-socket-text", same(knock, "knock", 5), 1);
	end_of("connect-wait4", pid, 0);
}

/* How a program learns its own address; and the socket that a scanner makes its SYNs with. */
static void try_udp_and_raw(void)
{
	static struct address peer = { .family = AF_INET };
	int size = sizeof(peer);
	long fd = must("socket-udp", net(SOCKET, AF_INET, SOCK_DGRAM, 0, 0, 0));

	peer.host = network_order(LOOPBACK);
	peer.port = network_order(53) >> (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 0 : 16);
	must("connect-udp", net(CONNECT, fd, (long)&peer, sizeof(peer), 0, 0));
	must("getsockname-udp", net(GETSOCKNAME, fd, (long)&peer, (long)&size, 0, 0));
	must_be("getsockname-udp-is-loopback", network_order(peer.host), LOOPBACK);
	fd = net(SOCKET, AF_INET, SOCK_RAW, IPPROTO_TCP, 0, 0);
	if (fd < 0 && fd != -EPERM && fd != -EACCES)
		fail("socket-raw", fd);
	say(fd < 0 ? " raw=no" : " raw=yes");
}

__attribute__((used)) _Noreturn void probe_main(long *stack);

_Noreturn void probe_main(long *stack)
{
	const char *path = (const char *)stack[1];

	say("mimamori-probe " ARCH " " ABI " ok");
	say_named(" pid=", must("getpid", sys(__NR_getpid, 0, 0, 0, 0, 0)));
	try_names();
	try_memory();
	try_clocks();
	try_architecture();
	if (stack[0] < 2)
		try_unaligned();
	try_processes();
	try_tcp();
	try_udp_and_raw();
	try_waits();
	try_files(path);
	tell();
	leave(0);
}
