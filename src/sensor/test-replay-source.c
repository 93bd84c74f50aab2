/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Captures as files: pcap and pcapng (draft-ietf-opsawg-pcapng), their times, and those that are damaged.
 */
#include "sensor/replay-fixture.h"

static void test_times(void **state)
{
	(void)state;
	begin(MAGIC_MICROS, LINKTYPE_RAW);
	record(1700000000, 123456, NULL, 0, syn4, sizeof(syn4));
	record(1699999999, 0, NULL, 0, syn4, sizeof(syn4));
	record(1700000001, 5000000, NULL, 0, syn4, sizeof(syn4)); /* no fraction of a second */
	record(1700000002, 0, NULL, 0, syn4, sizeof(syn4));
	assert_int_equal(replay(), 0);
	assert_int_equal(n_seen, 3);
	assert_int_equal(stats.malformed, 1);
	assert_true(seen[0].t_ns == 1700000000123456000ULL);
	assert_true(seen[1].t_ns == seen[0].t_ns); /* never backwards */
	assert_true(seen[2].t_ns == 1700000002000000000ULL);
	assert_true(test_clock.now_ns == seen[2].t_ns);

	begin(MAGIC_NANOS, LINKTYPE_RAW);
	record(1700000000, 123456789, NULL, 0, syn4, sizeof(syn4));
	assert_int_equal(replay(), 0);
	assert_true(seen[0].t_ns == 1700000000123456789ULL);
}

static void test_big_endian_file(void **state)
{
	static const uint8_t head[] = { 0xa1, 0xb2, 0xc3, 0xd4, 0, 2,  0, 4, 0,	   0,
					0,    0,    0,	  0,	0, 0,  0, 0, 0xff, 0xff,
					0,    0,    0,	  101,	0, 0,  0, 9, 0,	   0,
					0,    1,    0,	  0,	0, 40, 0, 0, 0,	   40 };

	(void)state;
	file_len = 0;
	put(head, sizeof(head));
	put(syn4, sizeof(syn4));
	assert_int_equal(replay(), 0);
	assert_int_equal(n_seen, 1);
	expect_syn(&seen[0], false);
	assert_true(seen[0].t_ns == 9000001000ULL);
}

static void test_lengths_that_contradict(void **state)
{
	uint32_t small = 20, absurd = 0x7fffffff;

	(void)state;
	begin(MAGIC_MICROS, LINKTYPE_RAW);
	record(1, 0, NULL, 0, syn4, sizeof(syn4));
	record(2, 0, NULL, 0, syn4, sizeof(syn4));
	memcpy(file + 24 + 12, &small, sizeof(small)); /* more captured than there was */
	assert_int_equal(replay(), 0);
	assert_int_equal(stats.packets, 2);
	assert_int_equal(stats.malformed, 1);
	assert_int_equal(n_seen, 1);

	memcpy(file + 24 + 56 + 8, &absurd, sizeof(absurd));
	assert_int_equal(replay(), -EBADMSG);
	assert_int_equal(stats.packets, 1);
	assert_non_null(strstr(error, "capture: damaged after packet 1: "));
}

static void test_cut_at_every_byte(void **state)
{
	enum { PACKETS = 5, RECORD = 16 + sizeof(syn4), HEAD = 24 };
	char want[64];
	size_t cut;

	(void)state;
	begin(MAGIC_NANOS, LINKTYPE_RAW);
	for (uint32_t i = 0; i < PACKETS; i++)
		record(100 + i, 0, NULL, 0, syn4, sizeof(syn4));
	for (cut = 0; cut <= file_len; cut++) {
		int err = replay_cut(cut);

		if (cut < HEAD) {
			assert_int_equal(err, -EINVAL);
			assert_int_equal(stats.packets, 0);
			assert_non_null(strstr(error, "capture: not a readable capture: "));
			continue;
		}
		assert_int_equal(n_seen, (cut - HEAD) / RECORD);
		assert_int_equal(stats.parsed, n_seen);
		assert_int_equal(err, (cut - HEAD) % RECORD ? -EBADMSG : 0);
		snprintf(want, sizeof(want), "damaged after packet %u: ", n_seen);
		assert_int_equal(strstr(error, want) != NULL, err != 0);
		assert_int_equal(strstr(error, "the packets before it were processed") != NULL,
				 err != 0);
	}
}

static void put_section(void)
{
	put32(0x0a0d0d0a);
	put32(28);
	put32(0x1a2b3c4d);
	put16(1);
	put16(0);
	put32(0xffffffff);
	put32(0xffffffff);
	put32(28);
}

/* With if_tsresol 9: nanoseconds. */
static void put_interface(uint16_t linktype)
{
	static const uint8_t options[] = { 9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0 };

	put32(1);
	put32(32);
	put16(linktype);
	put16(0);
	put32(65535);
	if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__) {
		put16(9);
		put16(1);
		put32(0x09000000);
		put32(0);
	} else {
		put(options, sizeof(options));
	}
	put32(32);
}

static void put_enhanced(uint32_t interface, uint64_t t_ns)
{
	static const uint8_t ethernet[] = { MACS, 0x08, 0x00 };
	const uint32_t length = sizeof(ethernet) + sizeof(syn4), padding = 2;

	put32(6);
	put32(32 + length + padding);
	put32(interface);
	put32((uint32_t)(t_ns >> 32));
	put32((uint32_t)t_ns);
	put32(length);
	put32(length);
	put(ethernet, sizeof(ethernet));
	put(syn4, sizeof(syn4));
	put("\0", padding);
	put32(32 + length + padding);
}

static void test_pcapng(void **state)
{
	size_t ends[4];
	unsigned int whole = 0;
	size_t cut;

	(void)state;
	file_len = 0;
	put_section();
	put_interface(LINKTYPE_ETHERNET);
	put_interface(LINKTYPE_ETHERNET);
	ends[0] = file_len;
	put_enhanced(0, 1700000000123456789ULL);
	ends[1] = file_len;
	put_enhanced(1, 1700000001000000000ULL);
	ends[2] = file_len;
	assert_int_equal(replay(), 0);
	assert_int_equal(n_seen, 2);
	assert_true(seen[0].t_ns == 1700000000123456789ULL);
	expect_syn(&seen[1], false);

	for (cut = ends[0]; cut <= file_len; cut++) {
		int err = replay_cut(cut);

		whole = cut >= ends[2] ? 2 : cut >= ends[1] ? 1 : 0;
		assert_int_equal(n_seen, whole);
		assert_int_equal(err, cut == ends[whole] ? 0 : -EBADMSG);
	}
}

static void test_pcapng_of_two_link_types(void **state)
{
	(void)state;
	file_len = 0;
	put_section();
	put_interface(LINKTYPE_ETHERNET);
	put_enhanced(0, NS_PER_S);
	put_interface(LINKTYPE_IEEE802_11);
	put_enhanced(1, NS_PER_S);
	assert_int_equal(replay(), -EPROTONOSUPPORT);
	assert_int_equal(n_seen, 1);
	assert_non_null(strstr(error, "capture: cannot be read on after packet 1: "));
}

static void test_files(void **state)
{
	char path[] = "/tmp/mimamori-test-XXXXXX", want[128];
	int fd = mkstemp(path), saved;

	(void)state;
	assert_true(fd >= 0);
	begin(MAGIC_MICROS, LINKTYPE_RAW);
	record(1, 0, NULL, 0, syn4, sizeof(syn4));
	record(2, 0, NULL, 0, syn6, sizeof(syn6));
	assert_int_equal(write(fd, file, file_len), file_len);
	assert_int_equal(replay_cut(0), -EINVAL); /* resets what is counted */
	assert_int_equal(replay_file(path, NULL, &test_clock, &stats, error), 0);
	assert_int_equal(n_seen, 2);

	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	saved = dup(STDIN_FILENO);
	assert_int_equal(dup2(fd, STDIN_FILENO), STDIN_FILENO);
	assert_int_equal(replay_file("-", NULL, &test_clock, &stats, error), 0);
	assert_int_equal(n_seen, 4);
	assert_int_equal(stats.packets, 4); /* counts add up over files */
	dup2(saved, STDIN_FILENO);
	close(saved);

	assert_int_equal(ftruncate(fd, (off_t)file_len - 1), 0);
	assert_int_equal(replay_file(path, NULL, &test_clock, &stats, error), -EBADMSG);
	snprintf(want, sizeof(want), "%s: damaged after packet 1: ", path);
	assert_int_equal(strncmp(error, want, strlen(want)), 0);
	close(fd);
	unlink(path);

	assert_int_equal(replay_file(path, NULL, &test_clock, &stats, error), -ENOENT);
	snprintf(want, sizeof(want), "%s: No such file or directory", path);
	assert_string_equal(error, want);
	assert_int_equal(replay_file("/tmp", NULL, &test_clock, &stats, error), -EINVAL);
	assert_non_null(strstr(error, "Is a directory"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_big_endian_file),
		cmocka_unit_test(test_lengths_that_contradict),
		cmocka_unit_test(test_cut_at_every_byte),
		cmocka_unit_test(test_pcapng),
		cmocka_unit_test(test_pcapng_of_two_link_types),
		cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
