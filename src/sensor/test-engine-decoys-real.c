/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which of a scanner's addresses is its own: it is named only once that is proven, and who is forged is never
 * accused.
 */
#include "sensor/decoys-fixture.h"

/* Open ports among closed ones, and only they were asked at first; the real one's kernel resets. */
static void test_named_by_resets(void **state)
{
	struct run r = run_of(six, 6, 2);
	const struct finding *end;

	(void)state;
	r.link = MAC_ROUTER;
	for (unsigned int i = 0; i < 2; i++) {
		open_port(&r, i ? 80 : 22);
		pass_ms(&x, 20);
		reset(&r, 2, i ? 80 : 22, MAC_ROUTER);
	}
	for (uint16_t port = 1000; port < 1010; port++)
		closed(&r, port);
	assert_int_equal(told_phase(&x, FINDING_UPDATE), 0);
	sleep_s(&x, 3);
	assert_int_equal(told_phase(&x, FINDING_UPDATE), 1);
	end = the_one(PROBE_SYN);
	assert_true(end->real_known);
	assert_true(addr_eq(end->peer.addr, ip(ATTACKER)));
	assert_int_equal(end->peer.len, ADDR_BITS);
	/* A RST proves that the address lives, not that it sent the SYN. */
	assert_true(end->spoofable);
}

/* Two that react, and nothing tells them apart: none is named. */
static void test_two_react(void **state)
{
	struct run r = run_of(six, 6, 2);

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		open_port(&r, i ? 80 : 22);
		reset(&r, 2, i ? 80 : 22, MAC_ROUTER);
		reset(&r, 4, i ? 80 : 22, MAC_ROUTER);
	}
	for (uint16_t port = 1000; port < 1010; port++)
		closed(&r, port);
	sleep_s(&x, 3);
	assert_false(the_one(PROBE_SYN)->real_known);
}

/* One port alone is too little. */
static void test_one_reset_is_no_proof(void **state)
{
	struct run r = run_of(six, 6, 2);

	(void)state;
	open_port(&r, 22);
	reset(&r, 2, 22, MAC_ROUTER);
	for (uint16_t port = 1000; port < 1010; port++)
		closed(&r, port);
	sleep_s(&x, 3);
	assert_false(the_one(PROBE_SYN)->real_known);
}

/* The neighbours whose addresses are forged live and reset as well: the link address tells. */
static void test_named_by_link(void **state)
{
	static const char *const from[] = { CLIENT, NEAR_ATTACKER, "192.0.2.78" };
	struct run r = run_of(from, 3, 1);
	const struct finding *end;

	(void)state;
	r.link = MAC_ATTACKER;
	for (uint16_t port = 1000; port < 1005; port++)
		closed(&r, port);
	open_port(&r, 22);
	reset(&r, 0, 22, MAC_CLIENT);
	reset(&r, 1, 22, MAC_ATTACKER);
	reset(&r, 2, 22, MAC_CLIENT + 1);
	sleep_s(&x, 3);
	end = the_one(PROBE_SYN);
	assert_true(end->real_known);
	assert_true(addr_eq(end->peer.addr, ip(NEAR_ATTACKER)));
	assert_false(end->spoofable);
}

/* A neighbour in another subnet answers by way of the router, from whose beyond the scanner forges it. */
static void test_answers_through_the_router(void **state)
{
	static const char *const from[] = { ATTACKER, "10.99.0.3", "10.99.0.9" };

	(void)state;
	for (unsigned int silent = 0; silent < 2; silent++) {
		struct run r = run_of(from, 3, 0);
		const struct finding *end;

		again();
		fixture_own(&x, "10.99.0.1", "10.99.0.0/24");
		r.link = MAC_ROUTER;
		for (uint16_t port = 1000; port < 1005; port++)
			closed(&r, port);
		for (unsigned int i = 0; i < 2; i++) {
			open_port(&r, i ? 80 : 22);
			reset(&r, 1, i ? 80 : 22, MAC_ROUTER);
			if (!silent)
				reset(&r, 0, i ? 80 : 22, MAC_ROUTER);
		}
		sleep_s(&x, 3);
		end = the_one(PROBE_SYN);
		assert_true(silent ? !end->real_known : addr_eq(end->peer.addr, ip(ATTACKER)));
	}
}

/* Behind one repeater all neighbours have its link address. */
static void test_shared_link(void **state)
{
	static const char *const from[] = { CLIENT, NEAR_ATTACKER, "192.0.2.78" };
	struct run r = run_of(from, 3, 1);

	(void)state;
	r.link = MAC_ATTACKER;
	for (uint16_t port = 1000; port < 1005; port++)
		closed(&r, port);
	for (unsigned int i = 0; i < 2; i++) {
		open_port(&r, i ? 80 : 22);
		reset(&r, 0, i ? 80 : 22, MAC_ATTACKER);
		reset(&r, 1, i ? 80 : 22, MAC_ATTACKER);
	}
	sleep_s(&x, 3);
	assert_false(the_one(PROBE_SYN)->real_known);
}

/* Somebody connects during the scan who never did before, and he is one of the addresses. */
static void test_named_by_handshake(void **state)
{
	struct run r = run_of(six, 6, 2);
	const struct finding *end;

	(void)state;
	connect_served(&x, ip(six[0]), ip(DEVICE), 443);
	for (uint16_t port = 1000; port < 1010; port++)
		closed(&r, port);
	connect_served(&x, ip(six[0]), ip(DEVICE), 443); /* a client of old, as long as it likes */
	connect_served(&x, ip(ATTACKER), ip(DEVICE), 80);
	sleep_s(&x, 3);
	end = the_one(PROBE_SYN);
	assert_true(end->real_known);
	assert_true(addr_eq(end->peer.addr, ip(ATTACKER)));
	assert_false(end->spoofable);
}

/* A client of the device whose address is forged goes on as before, dead service and all. */
static void test_client_as_decoy(void **state)
{
	static const char *const from[] = { CLIENT, NEAR_ATTACKER, "192.0.2.78" };

	(void)state;
	for (unsigned int order = 0; order < 2; order++) {
		const char *const turned[] = { NEAR_ATTACKER, "192.0.2.78", CLIENT };
		struct run r = run_of(order ? turned : from, 3, !order);

		again();
		r.link = MAC_ATTACKER;
		for (uint16_t port = 1000; port < 1060; port++) {
			if (port % 10 == 0)
				connect_refused(&x, ip(CLIENT), ip(DEVICE), 7777);
			if (port % 10 == 5)
				connect_served(&x, ip(CLIENT), ip(DEVICE), 80);
			closed(&r, port);
			open_port(&r, 22);
			reset(&r, order ? 2 : 0, 22, MAC_CLIENT);
		}
		the_one(PROBE_SYN);
	}
}

/* Three contacts in vain of its own, as a client may have; the forged fourth does not accuse it. */
static void test_client_at_the_brink(void **state)
{
	static const char *const from[] = { CLIENT, NEAR_ATTACKER, "192.0.2.78" };
	struct run r = run_of(from, 3, 1);

	(void)state;
	connect_served(&x, ip(CLIENT), ip(DEVICE), 80);
	for (uint16_t port = 7777; port < 7780; port++)
		connect_refused(&x, ip(CLIENT), ip(DEVICE), port);
	for (uint16_t port = 1000; port < 1010; port++)
		closed(&r, port);
	for (unsigned int i = 0; i < x.n_told; i++)
		assert_int_equal(x.told[i].f.scope, FINDING_DECOYS);
	assert_int_equal(told_phase(&x, FINDING_START), 1);
}

/* Scan after scan forges an address that has tried more than its evidence remembers exactly. */
static void test_busy_client(void **state)
{
	static const char *const from[] = { CLIENT, NEAR_ATTACKER, "192.0.2.78" };
	static const uint16_t lan[] = { 445, 139, 5357, 631, 9100 };
	static const uint16_t lan_udp[] = { 137, 1900, 3702, 5353 };

	(void)state;
	connect_served(&x, ip(CLIENT), ip(DEVICE), 80);
	connect_refused(&x, ip(CLIENT), ip(DEVICE), 7777);
	for (unsigned int i = 0; i < 5; i++)
		connect_refused(&x, ip(CLIENT), ip(DEVICE), lan[i]);
	for (unsigned int i = 0; i < 4; i++)
		udp(&x, ip(CLIENT), x.next_port++, ip(DEVICE), lan_udp[i]);
	for (uint16_t i = 0; i < 20; i++) {
		struct run r = run_of(from, 3, 1);

		r.seq += i * 1000u;
		r.sport = (uint16_t)(r.sport + i);
		for (uint16_t port = 0; port < 10; port++)
			closed(&r, (uint16_t)(1000 + 10 * i + port));
		connect_refused(&x, ip(CLIENT), ip(DEVICE), 7777);
		sleep_s(&x, 1);
	}
	for (unsigned int i = 0; i < x.n_told; i++)
		assert_int_equal(x.told[i].f.scope, FINDING_DECOYS);
}

/* It ends a connection to a port that the scanner asked in its name: that SYN's link is not its own. */
static void test_forged_contact_proves_nothing(void **state)
{
	static const char *const from[] = { CLIENT, NEAR_ATTACKER, "192.0.2.78" };
	struct run r = run_of(from, 3, 1);

	(void)state;
	r.link = MAC_ATTACKER;
	for (uint16_t port = 1000; port < 1010; port++)
		closed(&r, port);
	open_port(&r, 80);
	connect_served(&x, ip(CLIENT), ip(DEVICE), 80);
	tcp(&x, ip(DEVICE), 80, ip(CLIENT), 40000, TCP_FIN | TCP_ACK, 0x1003);
	sleep_s(&x, 3);
	assert_false(the_one(PROBE_SYN)->real_known);
}

/* What an address does by itself counts against itself: the client scans, with a mark of its own. */
static void test_member_scans_itself(void **state)
{
	struct run r = run_of(six, 6, 2);

	(void)state;
	for (uint16_t port = 1000; port < 1010; port++)
		closed(&r, port);
	for (uint16_t port = 2000; port < 2005; port++)
		connect_refused(&x, ip(six[0]), ip(DEVICE), port);
	assert_int_equal(told_of(&x, ip(six[0]), FINDING_START), 1);
	assert_int_equal(told_phase(&x, FINDING_START), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_named_by_resets),
		TEST(test_two_react),
		TEST(test_one_reset_is_no_proof),
		TEST(test_named_by_link),
		TEST(test_answers_through_the_router),
		TEST(test_shared_link),
		TEST(test_named_by_handshake),
		TEST(test_client_as_decoy),
		TEST(test_client_at_the_brink),
		TEST(test_busy_client),
		TEST(test_forged_contact_proves_nothing),
		TEST(test_member_scans_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
