/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The helper and an engine in wrong hands: messages made at random, requests out of order, the
 * service manager told what is so. The helper is a real process under its own list of system calls.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/clock.h"
#include "core/test-random.h"
#include "sensor/helper-fixture.h"
#include "sensor/source.h"

#include <errno.h>
#include <sys/un.h>

#define ROUNDS 60
#define MESSAGE_BYTES 64

static int open_good(const struct sensor_config *config, char *error, size_t error_len)
{
	(void)config, (void)error, (void)error_len;
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static const struct source_ops good = { .name = "good", .open_privileged = open_good };
static const struct source_ops *const sources[] = { &good, NULL };

static int setup(void **state)
{
	struct fixture *f = malloc(sizeof(*f));

	if (!f)
		return -1;
	alarm(50);
	fixture_open(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	unsetenv("NOTIFY_SOCKET");
	fixture_close(*state);
	free(*state);
	return 0;
}

static int call(struct fixture *f, enum helper_request request, uint32_t arg)
{
	return helper_call(&f->client, request, arg, NULL, 0, NULL);
}

/* What is in order: head and length agree, no payload, a request that exists, its argument. */
static bool is_honest(const struct helper_message *h, size_t len)
{
	if (len != sizeof(*h) || h->magic != HELPER_MAGIC || h->length != 0)
		return false;
	switch (h->type) {
	case HELPER_OPEN_SOURCE:
	case HELPER_OPEN_EVENTS:
	case HELPER_ROTATE_EVENTS:
	case HELPER_READY:
	case HELPER_ALIVE:
	case HELPER_LOST:
		return h->arg == 0;
	default:
		return false;
	}
}

static void make_message(uint8_t bytes[MESSAGE_BYTES], size_t *len)
{
	struct helper_message h = {
		.magic = random_u64() % 8 ? HELPER_MAGIC : (uint16_t)random_u64(),
		.type = (uint16_t)(random_u64() % 12),
		.arg = random_u64() % 3 ? (uint32_t)(random_u64() % 4) : (uint32_t)random_u64(),
	};

	*len = random_u64() % 3 ? sizeof(h) : random_u64() % MESSAGE_BYTES;
	if (*len == 0) /* the end, for this kind of socket */
		*len = 1;
	h.length = random_u64() % 4 ? (uint32_t)(*len - sizeof(h)) : (uint32_t)random_u64();
	for (size_t i = 0; i < MESSAGE_BYTES; i++)
		bytes[i] = (uint8_t)random_u64();
	memcpy(bytes, &h, sizeof(h));
}

/* The reply's result; a descriptor that came with it is closed. */
static int exchange(struct fixture *f, const uint8_t *bytes, size_t len)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	struct helper_message reply = { 0 };
	char sentence[HELPER_ERROR_LEN];
	struct iovec iov[2] = { { &reply, sizeof(reply) }, { sentence, sizeof(sentence) } };
	struct msghdr m = { .msg_iov = iov,
			    .msg_iovlen = 2,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };
	int fd;

	assert_int_equal(send(f->client.fd, bytes, len, MSG_NOSIGNAL), len);
	assert_true(recvmsg(f->client.fd, &m, MSG_CMSG_CLOEXEC) >= (ssize_t)sizeof(reply));
	if (CMSG_FIRSTHDR(&m)) {
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
		close(fd);
		assert_int_equal(reply.arg, 0);
	}
	return (int)reply.arg;
}

static void test_random_messages(void **state)
{
	struct fixture *f = *state;
	unsigned int refused = 0, served = 0;

	random_seed();
	for (unsigned int round = 0; round < ROUNDS; round++) {
		unsigned int bad = 0, reopened = 0;
		bool ready = false;

		fixture_serve(f, sources);
		while (bad <= HELPER_MAX_REFUSED) {
			uint8_t bytes[MESSAGE_BYTES];
			struct helper_message h;
			size_t len;
			bool honest;
			int result;

			make_message(bytes, &len);
			memcpy(&h, bytes, sizeof(h));
			honest = is_honest(&h, len);
			result = exchange(f, bytes, len);
			if (honest && ready && h.type == HELPER_OPEN_SOURCE &&
			    reopened++ >= HELPER_REOPENS)
				assert_true(result == 0 || result == -EAGAIN);
			else
				assert_int_equal(result, honest ? 0 : -EPROTO);
			ready |= honest && h.type == HELPER_READY;
			bad += !honest;
			served += honest;
		}
		refused += bad;
		assert_true(fixture_wait(f) > 0); /* one too many: it ended the engine */
	}
	assert_true(refused == ROUNDS * (HELPER_MAX_REFUSED + 1) && served > 0);
}

/* One that died may be opened again, but not in a circle; what is not configured never. */
static void test_source_again(void **state)
{
	struct fixture *f = *state;
	int fd;

	fixture_serve(f, sources);
	fd = call(f, HELPER_OPEN_SOURCE, 0);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(call(f, HELPER_READY, 1), -EPROTO); /* no such source */
	assert_int_equal(call(f, HELPER_READY, 0), 0);
	for (unsigned int i = 0; i < HELPER_REOPENS; i++) {
		fd = call(f, HELPER_OPEN_SOURCE, 0);
		assert_true(fd >= 0);
		close(fd);
	}
	for (unsigned int i = 0; i < 2 * HELPER_MAX_REFUSED; i++) /* no misuse: it lives on */
		assert_int_equal(call(f, HELPER_OPEN_SOURCE, 0), -EAGAIN);
	assert_int_equal(call(f, HELPER_OPEN_SOURCE, 1), -EPROTO);
	assert_int_equal(call(f, HELPER_LOST, 1), -EPROTO);
	assert_int_equal(call(f, HELPER_LOST, 0), 0);
	assert_int_equal(call(f, HELPER_READY, 0), 0); /* after HUP, or with a new source */
	assert_int_equal(call(f, HELPER_ALIVE, 7), -EPROTO);
	assert_int_equal(fixture_end(f, 0), 0);
}

static uint64_t status_hex(pid_t pid, const char *name)
{
	char path[64], line[256];
	uint64_t value = UINT64_MAX;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	file = fopen(path, "re");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, name, strlen(name)) && line[strlen(name)] == ':')
			value = strtoull(line + strlen(name) + 1, NULL, 16);
	fclose(file);
	return value;
}

/* helper_serve() as it ships: restricted before it reads its first message, and able to work. */
static void test_restricted(void **state)
{
	struct fixture *f = *state;
	char *old = fixture_path(f, "eve.json");
	FILE *big;
	int fd;

	fixture_serve(f, NULL);
	fd = call(f, HELPER_OPEN_EVENTS, 0);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(status_hex(f->helper, "NoNewPrivs"), 1);
	if (status_hex(f->helper, "Seccomp") != 2) {
		print_message("skipped: this kernel has no seccomp\n");
		skip();
	}
	big = fopen(old, "we");
	assert_non_null(big);
	for (int i = 0; i < 1000; i++)
		fputs("0123456789012345678\n", big);
	fclose(big);
	fd = call(f, HELPER_ROTATE_EVENTS, 0);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(access(fixture_path(f, "eve.json.1"), F_OK), 0);
	kill(f->helper, SIGHUP); /* goes on to the engine, whose death it is */
	assert_int_equal(fixture_wait(f), 128 + SIGHUP);
}

static void expect(int manager, const char *text)
{
	char said[256];
	ssize_t n = recv(manager, said, sizeof(said) - 1, 0);

	assert_true(n > 0);
	said[n] = '\0';
	if (strncmp(said, text, strlen(text)) != 0)
		fail_msg("\"%s\" and not \"%s\"", said, text);
}

static void test_service_manager(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char text[128];

	strcpy(addr.sun_path, fixture_path(f, "notify"));
	assert_return_code(bind(manager, (struct sockaddr *)&addr, sizeof(addr)), errno);
	setenv("NOTIFY_SOCKET", addr.sun_path, 1);
	fixture_serve(f, NULL);
	assert_int_equal(call(f, HELPER_READY, 0), 0);
	snprintf(text, sizeof(text), "READY=1\nSTATUS=watching, source %s", source_table[0]->name);
	expect(manager, text);
	assert_int_equal(call(f, HELPER_ALIVE, 0), 0);
	expect(manager, "WATCHDOG=1");
	assert_int_equal(call(f, HELPER_LOST, 0), 0);
	snprintf(text, sizeof(text), "STATUS=nothing is watched: source %s was lost",
		 source_table[0]->name);
	expect(manager, text);
	kill(f->helper, SIGTERM);
	expect(manager, "STOPPING=1");
	assert_int_equal(fixture_wait(f), 128 + SIGTERM);
	close(manager);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_random_messages),
		CASE(test_source_again),
		CASE(test_restricted),
		CASE(test_service_manager),
	};

	return cmocka_run_group_tests_name("helper-trust", tests, NULL, NULL);
}
