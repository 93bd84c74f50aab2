/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/contacts.h"

#include "core/clock.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#define CAPACITY 64
#define START_NS (1700000000 * NS_PER_S)

static struct contacts *cs;

static int start(void **state)
{
	(void)state;
	cs = contacts_new(CAPACITY, 42);
	return cs ? 0 : -1;
}

static int done(void **state)
{
	(void)state;
	contacts_free(cs);
	return 0;
}

static const struct addr self = { 0, 0x0000ffffc000020a }; /* 192.0.2.10 */

static struct probe probe_of(uint32_t peer, uint16_t port, uint8_t kind)
{
	return (struct probe){ .peer = addr_from_v4(peer),
			       .self = self,
			       .peer_port = 40000,
			       .port = port,
			       .kind = kind };
}

static struct contact *add(uint32_t peer, uint16_t port, uint8_t kind, uint64_t t_ns)
{
	struct probe p = probe_of(peer, port, kind);

	return contacts_add(cs, &p, CONTACT_TCP, t_ns);
}

static struct contact *find(uint32_t peer, uint16_t port)
{
	return contacts_find(cs, addr_from_v4(peer), self, CONTACT_TCP, port);
}

static void test_capacity(void **state)
{
	struct contacts *other;

	(void)state;
	errno = 0;
	assert_null(contacts_new(15, 1));
	assert_int_equal(errno, EINVAL);
	errno = 0;
	assert_null(contacts_new(65536, 1));
	assert_int_equal(errno, EINVAL);
	other = contacts_new(65535, 1);
	assert_non_null(other);
	contacts_free(other);
	contacts_free(NULL);
}

/* Every part of the key tells contacts apart; the peer's port does not. */
static void test_key(void **state)
{
	struct addr other = addr_from_v4(0xc000020b);
	struct contact *c = add(0xcb007107, 23, PROBE_SYN, START_NS);

	(void)state;
	assert_ptr_equal(find(0xcb007107, 23), c);
	assert_null(find(0xcb007108, 23));
	assert_null(find(0xcb007107, 24));
	assert_null(contacts_find(cs, c->probe.peer, other, CONTACT_TCP, 23));
	assert_null(contacts_find(cs, c->probe.peer, self, CONTACT_UDP, 23));
	assert_null(contacts_find(cs, self, c->probe.peer, CONTACT_TCP, 23));
	assert_int_equal(c->probe.peer_port, 40000);
	assert_int_equal(c->t_ns, START_NS);
	assert_int_equal(c->isn, 0);
	assert_int_equal(c->weight, 0);
}

static void test_kinds_side_by_side(void **state)
{
	struct contact *syn = add(1, 23, PROBE_SYN, START_NS);
	struct contact *fin = add(1, 23, PROBE_FIN, START_NS + 1);

	(void)state;
	assert_ptr_equal(find(1, 23), fin); /* the newest */
	assert_ptr_equal(contacts_find_kind(cs, syn->probe.peer, self, CONTACT_TCP, 23, PROBE_SYN),
			 syn);
	assert_ptr_equal(contacts_find_kind(cs, syn->probe.peer, self, CONTACT_TCP, 23, PROBE_FIN),
			 fin);
	assert_null(contacts_find_kind(cs, syn->probe.peer, self, CONTACT_TCP, 23, CONTACT_OWN));
}

static struct contact *due(uint64_t now_ns)
{
	return contacts_oldest_due(cs, now_ns, CONTACTS_WAIT_NS);
}

/* Linux repeats a SYN after 1 and 3 s: until then an answer may come. */
static void test_due(void **state)
{
	(void)state;
	assert_null(contacts_oldest(cs));
	assert_null(due(UINT64_MAX));
	add(1, 23, PROBE_SYN, START_NS);
	add(2, 23, PROBE_SYN, START_NS + NS_PER_S);
	assert_null(due(START_NS));
	assert_null(due(START_NS + CONTACTS_WAIT_NS - 1));
	assert_ptr_equal(due(START_NS + CONTACTS_WAIT_NS), find(1, 23));
	contacts_drop_oldest(cs);
	assert_null(find(1, 23));
	assert_non_null(find(2, 23));
	assert_null(due(START_NS + CONTACTS_WAIT_NS));
	assert_non_null(due(START_NS + CONTACTS_WAIT_NS + NS_PER_S));
	contacts_drop_oldest(cs);
	assert_null(contacts_oldest(cs));
}

static void test_full(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < CAPACITY; i++) {
		assert_false(contacts_full(cs));
		assert_null(due(START_NS));
		add(i, 80, PROBE_SYN, START_NS);
	}
	assert_true(contacts_full(cs));
	/* However young: the oldest gives way. */
	assert_ptr_equal(due(START_NS), find(0, 80));
	contacts_drop_oldest(cs);
	assert_false(contacts_full(cs));
}

/* Many rounds against a model: the table is what the last CAPACITY additions were. */
static void test_against_a_model(void **state)
{
	const uint32_t rounds = 20000;

	(void)state;
	for (uint32_t i = 0; i < rounds; i++) {
		/* Few peers and ports, so that chains and doubles are common. */
		uint32_t peer = i * 2654435761u >> 28;
		uint16_t port = i % 7;
		struct contact *c;

		if (contacts_full(cs))
			contacts_drop_oldest(cs);
		c = add(peer, port, i % 3, START_NS + i);
		assert_ptr_equal(find(peer, port), c);
		if (i < CAPACITY)
			continue;
		for (uint32_t j = i - CAPACITY + 1; j <= i; j++) {
			c = contacts_find_kind(cs, addr_from_v4(j * 2654435761u >> 28), self,
					       CONTACT_TCP, j % 7, j % 3);
			assert_non_null(c);
			assert_true(c->t_ns >= START_NS + j); /* itself, or a newer double */
		}
		assert_int_equal(contacts_oldest(cs)->t_ns, START_NS + i - CAPACITY + 1);
	}
	for (uint32_t i = 0; i < CAPACITY; i++)
		contacts_drop_oldest(cs);
	assert_null(contacts_oldest(cs));
	for (uint32_t i = 0; i < 16 * 7; i++)
		assert_null(find(i / 7, i % 7));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, done)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_capacity),
		TEST(test_key),
		TEST(test_kinds_side_by_side),
		TEST(test_due),
		TEST(test_full),
		TEST(test_against_a_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
