/* SPDX-License-Identifier: BSD-3-Clause */
/* SYSTIM at given times and under two threads; which frames are stamped, and that once. */
#include "test_i82576_pf.h"

#include <pthread.h>

#include "net_eth.h"
#include "net_parse.h"

#define EN	   0x10u
#define VALID	   0x01u
#define L2_V2	   (EN | 0 << 1)
#define L4_V1	   (EN | 1 << 1)
#define V2	   (EN | 2 << 1)
#define ALL	   (EN | 4 << 1)
#define EVENT_V2   (EN | 5 << 1)
#define TS	   0x10000u
#define IGB_VALUE  (16u << 19) /* what igb adds each 16 ns */
#define IGB_RATE   (1u << 24 | IGB_VALUE)
#define FTQF_IGB   0x68008011u /* UDP, source port compared, addresses not, time stamp */
#define PTP_PORT   0x3f01u     /* 319 as it lies in the frame */
#define ETH_P_1588 0x88f7u

static uint64_t pf_rd64(uint32_t low)
{
	uint64_t v = pf_rd(low);

	return v | (uint64_t)pf_rd(low + 4) << 32;
}

/* ---- SYSTIM at a given time ---- */

static void time_stands_still_without_a_rate(void **state)
{
	(void)state;
	i82576_ptp_set_time(&pf->ptp, 5, 1000);
	assert_int_equal(i82576_ptp_time(&pf->ptp, 1000), 5);
	assert_int_equal(i82576_ptp_time(&pf->ptp, UINT64_MAX), 5);
}

static void time_runs_at_igbs_rate(void **state)
{
	struct i82576_ptp *p = &pf->ptp;

	(void)state;
	i82576_ptp_set_time(p, 0, 1000);
	i82576_ptp_set_rate(p, IGB_RATE, 1000);
	assert_int_equal(i82576_ptp_time(p, 1000), 0);
	assert_int_equal(i82576_ptp_time(p, 1015), 0);
	assert_int_equal(i82576_ptp_time(p, 1016), IGB_VALUE);
	/* 19 bits are fractions of a nanosecond. */
	assert_int_equal(i82576_ptp_time(p, 1000 + 1600000000) >> 19, 1600000000);
	assert_int_equal(i82576_ptp_time(p, 999), 0);
	assert_int_equal(i82576_ptp_time(p, 0), 0);
}

static void the_period_is_in_ticks_of_16_ns(void **state)
{
	struct i82576_ptp *p = &pf->ptp;

	(void)state;
	i82576_ptp_set_time(p, 100, 0);
	i82576_ptp_set_rate(p, 5u << 24 | 7, 0);
	assert_int_equal(i82576_ptp_time(p, 79), 100);
	assert_int_equal(i82576_ptp_time(p, 80), 107);
	assert_int_equal(i82576_ptp_time(p, 800), 170);
	i82576_ptp_set_time(p, 100, 0);
	i82576_ptp_set_rate(p, 7, 0); /* no period counts as one */
	assert_int_equal(i82576_ptp_time(p, 32), 114);
	i82576_ptp_set_rate(p, 0xffffffff, 0);
	assert_int_equal(i82576_ptp_time(p, 255 * 16), 100 + 0xffffff);
}

/* igb_ptp_adjfine_82576: the time does not jump, and no piece of a tick is lost. */
static void a_new_rate_goes_on_where_the_old_one_was(void **state)
{
	struct i82576_ptp *p = &pf->ptp;

	(void)state;
	i82576_ptp_set_time(p, 0, 0);
	i82576_ptp_set_rate(p, IGB_RATE, 0);
	for (uint64_t t = 0; t < 16000; t += 25)
		i82576_ptp_set_rate(p, IGB_RATE, t);
	assert_int_equal(i82576_ptp_time(p, 16000) >> 19, 16000);
	i82576_ptp_set_rate(p, IGB_RATE + 100, 16007);
	assert_int_equal(i82576_ptp_time(p, 16000 + 16 * 50),
			 1000ull * IGB_VALUE + 50ull * (IGB_VALUE + 100));
}

static void time_wraps_at_64_bits(void **state)
{
	struct i82576_ptp *p = &pf->ptp;

	(void)state;
	i82576_ptp_set_rate(p, 1u << 24 | 2, 0);
	i82576_ptp_set_time(p, UINT64_MAX, 0);
	assert_int_equal(i82576_ptp_time(p, 16), 1);
}

/* ---- SYSTIM registers ---- */

static void both_halves_are_of_one_time(void **state)
{
	(void)state;
	pf_wr(I82576_SYSTIML, 0xffffffff);
	pf_wr(I82576_SYSTIMH, 0x7);
	assert_int_equal(pf_rd(I82576_SYSTIML), 0xffffffff);
	i82576_ptp_set_time(&pf->ptp, 0x900000000, 0);
	assert_int_equal(pf_rd(I82576_SYSTIMH), 0x7); /* kept by the read of the lower half */
	assert_int_equal(pf_rd(I82576_SYSTIMH), 0x9);
	assert_int_equal(pf_rd(I82576_SYSTIML), 0);
}

static void halves_are_written_one_by_one(void **state)
{
	(void)state;
	pf_wr(I82576_SYSTIML, 0x11223344);
	assert_int_equal(i82576_ptp_time(&pf->ptp, 0), 0x11223344);
	pf_wr(I82576_SYSTIMH, 0x55667788);
	assert_true(pf_rd64(I82576_SYSTIML) == 0x5566778811223344);
	pf_wr(I82576_SYSTIML, 1);
	assert_true(pf_rd64(I82576_SYSTIML) == 0x5566778800000001);
}

static void time_can_be_moved(void **state)
{
	(void)state;
	i82576_ptp_set_time(&pf->ptp, 0x100000000, 0);
	pf_wr(I82576_TIMADJL, 0xffffffff);
	pf_wr(I82576_TIMADJH, 1);
	assert_true(pf_rd64(I82576_SYSTIML) == 0x2ffffffff);
	pf_wr(I82576_TIMADJH, 0x80000000);
	assert_true(pf_rd64(I82576_SYSTIML) == 0x200000000);
}

static void registers_follow_the_clock(void **state)
{
	uint64_t before = clock_ns(), after, t;

	(void)state;
	pf_wr(I82576_SYSTIMH, 0);
	pf_wr(I82576_SYSTIML, 0);
	pf_wr(I82576_TIMINCA, IGB_RATE);
	do
		after = clock_ns();
	while (after - before < NSEC_PER_MSEC);
	t = pf_rd64(I82576_SYSTIML) >> 19;
	assert_true(t <= clock_ns() - before);
	assert_true(t > 0);
	assert_int_equal(pf_rd(I82576_TIMINCA), IGB_RATE);
	pf_wr(I82576_CTRL, I82576_CTRL_RST);
	assert_int_equal(pf_rd64(I82576_SYSTIML), 0);
	assert_int_equal(pf_rd(I82576_TIMINCA), 0);
}

static _Atomic bool stop;

static void *change_all_the_time(void *arg)
{
	(void)arg;
	/* All of them say the same of the readers' now; base of one and base_ns of another do
	 * not.
	 */
	for (uint64_t i = 0; !atomic_load(&stop); i++)
		i82576_ptp_set_time(&pf->ptp, i, 16 * i);
	return NULL;
}

static void no_reader_sees_half_a_change(void **state)
{
	pthread_t thread;

	(void)state;
	atomic_store(&stop, false);
	i82576_ptp_set_rate(&pf->ptp, 1u << 24 | 1, 0);
	i82576_ptp_set_time(&pf->ptp, 0, 0);
	assert_int_equal(pthread_create(&thread, NULL, change_all_the_time, NULL), 0);
	for (unsigned i = 0; i < 3000000; i++)
		assert_int_equal(i82576_ptp_time(&pf->ptp, 16ull << 40), 1ull << 40);
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
}

/* ---- transmit ---- */

static void a_sent_frame_is_stamped_once(void **state)
{
	(void)state;
	i82576_ptp_set_time(&pf->ptp, 0x1122334455667788, 0);
	i82576_ptp_sending(pf);
	assert_int_equal(pf_rd(I82576_TSYNCTXCTL), 0);
	pf_wr(I82576_TSYNCTXCTL, EN);
	assert_int_equal(pf_rd(I82576_TSYNCTXCTL), EN);
	i82576_ptp_sending(pf);
	assert_int_equal(pf_rd(I82576_TSYNCTXCTL), EN | VALID);
	i82576_ptp_set_time(&pf->ptp, 0x99, 0);
	i82576_ptp_sending(pf);
	assert_int_equal(pf_rd(I82576_TXSTMPL), 0x55667788);
	assert_int_equal(pf_rd(I82576_TSYNCTXCTL), EN | VALID);
	assert_int_equal(pf_rd(I82576_TXSTMPH), 0x11223344);
	assert_int_equal(pf_rd(I82576_TSYNCTXCTL), EN);
	i82576_ptp_sending(pf);
	assert_true(pf_rd64(I82576_TXSTMPL) == 0x99);
	assert_int_equal(pf_rd(I82576_TSYNCRXCTL), 0);
}

/* igb_ptp_tx_hang: only the upper half is read. */
static void reading_the_upper_half_makes_room(void **state)
{
	(void)state;
	pf_wr(I82576_TSYNCTXCTL, EN);
	i82576_ptp_set_time(&pf->ptp, 0x500000000, 0);
	i82576_ptp_sending(pf);
	assert_int_equal(pf_rd(I82576_TXSTMPH), 5);
	assert_int_equal(pf_rd(I82576_TSYNCTXCTL), EN);
}

static void valid_is_not_the_drivers_to_write(void **state)
{
	(void)state;
	pf_wr(I82576_TSYNCTXCTL, 0xffffffff);
	pf_wr(I82576_TSYNCRXCTL, 0xffffffff);
	assert_int_equal(pf_rd(I82576_TSYNCTXCTL), EN);
	assert_int_equal(pf_rd(I82576_TSYNCRXCTL), EN | 0xe);
	i82576_ptp_sending(pf);
	pf_wr(I82576_TSYNCTXCTL, 0);
	assert_int_equal(pf_rd(I82576_TSYNCTXCTL), VALID);
}

/* ---- receive ---- */

static uint8_t frame[256];

static struct {
	uint32_t split;	   /* bytes in the first buffer; 0 = one buffer */
	bool tag_in_bytes; /* of the frame as stored */
} store;

/* A PTP message of 44 bytes, sequence id 0x1234, source 00 1b 21 ab cd ef. */
static void put_message(uint8_t *m, unsigned version, unsigned kind)
{
	static const uint8_t source[] = {0x00, 0x1b, 0x21, 0xab, 0xcd, 0xef};

	memset(m, 0, 44);
	m[1] = (uint8_t)version;
	m[version == 1 ? 32 : 0] = (uint8_t)kind;
	memcpy(m + 22, source, sizeof(source));
	put_be16(m + 30, 0x1234);
}

static uint32_t l2_frame(unsigned kind)
{
	memset(frame, 0, sizeof(frame));
	put_be16(frame + 12, ETH_P_1588);
	put_message(frame + 14, 2, kind);
	return 60;
}

static uint32_t udp_frame(unsigned version, unsigned kind)
{
	uint8_t *ip = frame + 14, *udp = ip + 20;

	memset(frame, 0, sizeof(frame));
	put_be16(frame + 12, NET_ETH_P_IPV4);
	ip[0] = 0x45;
	put_be16(ip + 2, 20 + 8 + 44);
	ip[9] = 17;
	put_be16(udp, 319);
	put_be16(udp + 2, 319);
	put_be16(udp + 4, 8 + 44);
	put_message(udp + 8, version, kind);
	return 14 + 20 + 8 + 44;
}

/* The frame is written to buffers as store says, and received. */
static uint32_t receive(uint32_t len)
{
	static uint8_t stored[256];
	struct net_parsed parsed;
	struct nic_rx_meta meta = {.len = len, .parsed = &parsed};
	struct nic_sink sink = {.n = 1};
	uint32_t split = store.split;

	net_parse(frame, len, &parsed);
	memcpy(stored, frame, len);
	if (store.tag_in_bytes) {
		meta.tagged = meta.tag_in_bytes = true;
		meta.tags_len = NET_VLAN_HLEN;
		meta.len += NET_VLAN_HLEN;
		memmove(stored + 16, stored + 12, len - 12);
	}
	sink.iov[0].ptr = stored;
	sink.iov[0].len = 2048; /* buffers are longer than what they hold */
	if (split) {
		sink.n = 2;
		sink.iov[0].len = split;
		sink.iov[1].ptr = stored + split;
		sink.iov[1].len = meta.len - split;
	}
	return i82576_ptp_received(pf, &meta, &sink);
}

/* Was it stamped? Leaves room for the next. */
static bool stamped(uint32_t len)
{
	uint32_t ts = receive(len);
	bool valid = pf_rd(I82576_TSYNCRXCTL) & VALID;

	assert_int_equal(ts, valid ? TS : 0);
	pf_rd(I82576_RXSTMPH);
	assert_false(pf_rd(I82576_TSYNCRXCTL) & VALID);
	return valid;
}

/* As igb_ptp_set_timestamp_mode does it. */
static void listen(uint32_t type, uint32_t cfg)
{
	store.split = 0;
	store.tag_in_bytes = false;
	pf_wr(I82576_TSYNCRXCTL, type);
	pf_wr(I82576_TSYNCRXCFG, cfg);
	pf_wr(I82576_ETQF + 3 * 4, 1u << 26 | 1u << 30 | ETH_P_1588);
	pf_wr(I82576_IMIR + 3 * 4, PTP_PORT);
	pf_wr(I82576_IMIREXT + 3 * 4, 0x81000);
	pf_wr(I82576_SPQF + 3 * 4, PTP_PORT);
	pf_wr(I82576_FTQF + 3 * 4, FTQF_IGB);
}

static void events_of_version_2_are_stamped(void **state)
{
	(void)state;
	listen(EVENT_V2, 0);
	for (unsigned kind = 0; kind < 16; kind++) {
		assert_int_equal(stamped(l2_frame(kind)), kind < 8);
		assert_int_equal(stamped(udp_frame(2, kind)), kind < 8);
	}
	assert_true(stamped(l2_frame(0x10))); /* whatever the transport says */
	assert_false(stamped(udp_frame(1, 0)));
}

static void one_kind_of_version_2_is_stamped(void **state)
{
	(void)state;
	listen(L2_V2, 0x0100);
	for (unsigned kind = 0; kind < 16; kind++) {
		assert_int_equal(stamped(l2_frame(kind)), kind >= 1 && kind <= 3);
		assert_false(stamped(udp_frame(2, kind)));
	}
	listen(V2, 0x0000);
	for (unsigned kind = 0; kind < 16; kind++) {
		bool want = kind == 0 || kind == 2 || kind == 3;

		assert_int_equal(stamped(l2_frame(kind)), want);
		assert_int_equal(stamped(udp_frame(2, kind)), want);
	}
}

static void one_kind_of_version_1_is_stamped(void **state)
{
	(void)state;
	listen(L4_V1, 1);
	assert_true(stamped(udp_frame(1, 1)));
	assert_false(stamped(udp_frame(1, 0)));
	assert_false(stamped(udp_frame(2, 1)));
	assert_false(stamped(l2_frame(1)));
	listen(L4_V1, 0);
	assert_true(stamped(udp_frame(1, 0)));
}

static void unknown_types_stamp_nothing(void **state)
{
	static const uint32_t type[] = {3, 6, 7};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(type); i++) {
		listen(EN | type[i] << 1, 0);
		assert_false(stamped(l2_frame(0)));
		assert_false(stamped(udp_frame(2, 0)));
		assert_false(stamped(udp_frame(1, 0)));
	}
	listen(EVENT_V2 & ~EN, 0);
	assert_false(stamped(l2_frame(0)));
}

static void filters_say_what_may_be_ptp(void **state)
{
	(void)state;
	listen(EVENT_V2, 0);
	pf_wr(I82576_ETQF + 3 * 4, 1u << 26 | ETH_P_1588); /* not for time stamps */
	assert_false(stamped(l2_frame(0)));
	pf_wr(I82576_ETQF + 3 * 4, 1u << 30 | ETH_P_1588); /* not enabled */
	assert_false(stamped(l2_frame(0)));
	pf_wr(I82576_ETQF, 1u << 26 | 1u << 30 | ETH_P_1588);
	assert_true(stamped(l2_frame(0)));
	pf_wr(I82576_SPQF + 3 * 4, 0x4001);
	assert_false(stamped(udp_frame(2, 0)));
	pf_wr(I82576_FTQF + 3 * 4, FTQF_IGB | 1u << 31); /* any source port */
	assert_true(stamped(udp_frame(2, 0)));
	pf_wr(I82576_IMIR + 3 * 4, 0x4001);
	assert_false(stamped(udp_frame(2, 0)));
	pf_wr(I82576_IMIR + 3 * 4, 0x4001 | 1u << 17); /* any destination port */
	assert_true(stamped(udp_frame(2, 0)));
	pf_wr(I82576_FTQF + 3 * 4, 0x88008006); /* TCP */
	assert_false(stamped(udp_frame(2, 0)));
	pf_wr(I82576_FTQF + 3 * 4, 0xf0000000); /* igb's way to switch it off */
	assert_false(stamped(udp_frame(2, 0)));
}

static void the_message_is_found_wherever_it_lies(void **state)
{
	uint32_t len;

	(void)state;
	listen(EVENT_V2, 0);
	for (unsigned kind = 0; kind < 16; kind += 8) {
		for (store.split = 1; store.split < 60; store.split++) {
			assert_int_equal(stamped(l2_frame(kind)), kind == 0);
			assert_int_equal(stamped(udp_frame(2, kind)), kind == 0);
		}
	}
	store.split = 30;
	store.tag_in_bytes = true;
	assert_true(stamped(l2_frame(0)));
	assert_false(stamped(l2_frame(8)));
	assert_true(stamped(udp_frame(2, 0)));
	store.tag_in_bytes = false;
	/* An inner tag. */
	len = l2_frame(0);
	memmove(frame + 16, frame + 12, len - 12);
	put_be16(frame + 12, NET_ETH_P_VLAN);
	put_be16(frame + 14, 100);
	assert_true(stamped(len + 4));
}

static void a_message_cut_short_is_none(void **state)
{
	(void)state;
	listen(EVENT_V2, 0);
	l2_frame(0);
	assert_false(stamped(14 + 35));
	assert_true(stamped(14 + 36));
	udp_frame(2, 0);
	for (uint32_t len = 14; len < 14 + 20 + 8 + 36; len++)
		assert_false(stamped(len));
	assert_true(stamped(14 + 20 + 8 + 36));
}

static void a_received_frame_is_stamped_once(void **state)
{
	(void)state;
	listen(EVENT_V2, 0);
	i82576_ptp_set_time(&pf->ptp, 0x1122334455667788, 0);
	assert_int_equal(receive(l2_frame(0)), TS);
	i82576_ptp_set_time(&pf->ptp, 0x99, 0);
	frame[14 + 22] = 0x77;
	assert_int_equal(receive(60), 0);
	assert_int_equal(pf_rd(I82576_RXSATRL), 0xab211b00);
	assert_int_equal(pf_rd(I82576_RXSATRH), 0x3412efcd);
	assert_int_equal(pf_rd(I82576_RXSTMPL), 0x55667788);
	assert_int_equal(receive(60), 0);
	assert_int_equal(pf_rd(I82576_RXSTMPH), 0x11223344);
	assert_int_equal(receive(60), TS);
	assert_true(pf_rd64(I82576_RXSTMPL) == 0x99);
	assert_int_equal(pf_rd(I82576_RXSATRL), 0xab211b77);
	assert_int_equal(pf_rd(I82576_TSYNCTXCTL), 0);
}

/* No lock, and nothing in the descriptor. */
static void all_frames_can_be_stamped(void **state)
{
	(void)state;
	pf_wr(I82576_TSYNCRXCTL, ALL);
	memset(frame, 0, sizeof(frame));
	for (uint64_t t = 1; t < 4; t++) {
		i82576_ptp_set_time(&pf->ptp, t << 32 | t, 0);
		assert_int_equal(receive(60), 0);
		assert_int_equal(pf_rd(I82576_RXSTMPL), t);
		i82576_ptp_set_time(&pf->ptp, 77, 0);
		assert_int_equal(receive(60), 0);
		assert_int_equal(pf_rd(I82576_RXSTMPH), t); /* belongs to the lower half */
	}
}

static void a_reset_forgets_stamps_and_filters(void **state)
{
	(void)state;
	listen(EVENT_V2, 0);
	pf_wr(I82576_TSYNCTXCTL, EN);
	i82576_ptp_set_time(&pf->ptp, 0x1122334455667788, 0);
	i82576_ptp_sending(pf);
	assert_int_equal(receive(l2_frame(0)), TS);
	pf_wr(I82576_CTRL, I82576_CTRL_RST);
	assert_int_equal(pf_rd(I82576_TSYNCRXCTL), 0);
	assert_int_equal(pf_rd(I82576_TSYNCTXCTL), 0);
	assert_int_equal(pf_rd64(I82576_TXSTMPL), 0);
	assert_int_equal(pf_rd64(I82576_RXSTMPL), 0);
	assert_int_equal(pf_rd(I82576_RXSATRL), 0);
	pf_wr(I82576_TSYNCRXCTL, EVENT_V2);
	assert_false(stamped(l2_frame(0)));
	assert_false(stamped(udp_frame(2, 0)));
}

static void *send_all_the_time(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop))
		i82576_ptp_sending(pf);
	return NULL;
}

/* The data path stamps while control switches, reads, and sets the time: what is read with
 * VALID is one stamp, whole. */
static void stamps_are_whole(void **state)
{
	pthread_t thread;

	(void)state;
	atomic_store(&stop, false);
	i82576_ptp_set_time(&pf->ptp, 0, 0);
	pf_wr(I82576_TSYNCTXCTL, EN);
	assert_int_equal(pthread_create(&thread, NULL, send_all_the_time, NULL), 0);
	for (uint32_t i = 0; i < 20000; i++) {
		i82576_ptp_set_time(&pf->ptp, (uint64_t)i << 32 | i, 0);
		if (pf_rd(I82576_TSYNCTXCTL) & VALID) {
			uint64_t t = pf_rd64(I82576_TXSTMPL);

			assert_int_equal(t >> 32, t & 0xffffffff);
		}
		if (i % 16 == 0) {
			pf_wr(I82576_TSYNCTXCTL, 0);
			pf_rd(I82576_TXSTMPH);
			assert_int_equal(pf_rd(I82576_TSYNCTXCTL), 0);
			pf_wr(I82576_TSYNCTXCTL, EN);
		}
	}
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, pf_set_up, pf_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(time_stands_still_without_a_rate),
		TEST(time_runs_at_igbs_rate),
		TEST(the_period_is_in_ticks_of_16_ns),
		TEST(a_new_rate_goes_on_where_the_old_one_was),
		TEST(time_wraps_at_64_bits),
		TEST(both_halves_are_of_one_time),
		TEST(halves_are_written_one_by_one),
		TEST(time_can_be_moved),
		TEST(registers_follow_the_clock),
		TEST(no_reader_sees_half_a_change),
		TEST(a_sent_frame_is_stamped_once),
		TEST(reading_the_upper_half_makes_room),
		TEST(valid_is_not_the_drivers_to_write),
		TEST(events_of_version_2_are_stamped),
		TEST(one_kind_of_version_2_is_stamped),
		TEST(one_kind_of_version_1_is_stamped),
		TEST(unknown_types_stamp_nothing),
		TEST(filters_say_what_may_be_ptp),
		TEST(the_message_is_found_wherever_it_lies),
		TEST(a_message_cut_short_is_none),
		TEST(a_received_frame_is_stamped_once),
		TEST(all_frames_can_be_stamped),
		TEST(a_reset_forgets_stamps_and_filters),
		TEST(stamps_are_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
