/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Several workers do what one does. The threads are stopped, and their rounds made by hand, one
 * worker after the other: what is under way between two rounds is the same in every run. (With
 * threads: the test programs *_workers.)
 */
#include "test_port.h"

#include "clock.h"
#include "nic_capture.h"
#include "nic_dp.h"
#include "nic_fdb.h"
#include "nic_mirror.h"

#define VFS    6u
#define UPLINK VFS
#define PORTS  (VFS + 1)
#define FRAMES 100u
#define LEN    120u

/* A card, and who is on it. */
struct world {
	struct nic_dp *dp;
	struct test_port port[PORTS];
};

static const uint8_t wide[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
static const uint8_t group[6] = {0x01, 0x00, 0x5e, 0x01, 0x02, 0x03};

static void publish(struct world *w, unsigned n)
{
	struct test_port *p = &w->port[n];

	nic_dp_set_policy(w->dp, &p->port,
			  memcpy(malloc(sizeof(p->policy)), &p->policy, sizeof(p->policy)));
}

static void add(struct world *w, unsigned n)
{
	struct test_port *p = &w->port[n];

	test_port_init(p, (uint8_t)n);
	atomic_store(&p->port.policy, NULL);
	p->port.ops = n == UPLINK ? &test_port_ops : &test_port_run_ops;
	p->port.is_uplink = n == UPLINK;
	if (n == UPLINK)
		p->policy = (struct nic_policy){.link_up = true,
						.untagged = true,
						.broadcast = true,
						.allmulti = true,
						.any_vlan = true,
						.rx_on = true,
						.tx_on = true,
						.max_frame = NIC_JUMBO_MAX};
	publish(w, n);
	assert_int_equal(nic_dp_add_port_at(w->dp, &p->port, n), 0);
}

static void learn(struct world *w)
{
	struct nic_fdb *fdb;

	assert_int_equal(nic_fdb_new(64, &fdb), 0);
	for (unsigned n = 0; n < VFS; n++)
		nic_fdb_add_port(fdb, &w->port[n].policy, n);
	nic_dp_set_fdb(w->dp, fdb);
}

static struct world *world_new(unsigned workers)
{
	struct nic_dp_params params = {.workers = workers};
	struct world *w = calloc(1, sizeof(*w));

	assert_int_equal(nic_dp_new(&params, &w->dp), 0);
	nic_dp_stop(w->dp);
	for (unsigned n = 0; n < PORTS; n++)
		add(w, n);
	learn(w);
	return w;
}

static void world_free(struct world *w)
{
	for (unsigned n = 0; n < PORTS; n++) {
		nic_dp_del_port(w->dp, &w->port[n].port);
		nic_dp_set_policy(w->dp, &w->port[n].port, NULL);
		test_port_done(&w->port[n]);
	}
	nic_dp_free(w->dp);
	free(w);
}

/* Makes in bytes a frame from VF src, the seq-th. */
static struct test_tx frame(uint8_t *bytes, unsigned src, const uint8_t *to, unsigned seq)
{
	const uint8_t from[6] = {2, 0, 0, 0, 0, (uint8_t)src};

	memset(bytes, 0, LEN);
	memcpy(bytes, to, 6);
	memcpy(bytes + 6, from, 6);
	put_be16(bytes + 12, 0x88b5);
	bytes[LEN - 2] = (uint8_t)src;
	bytes[LEN - 1] = (uint8_t)seq;
	return (struct test_tx){.bytes = bytes, .len = LEN, .hdr_len = 64};
}

static const uint8_t *address(unsigned n)
{
	static _Thread_local uint8_t mac[6];

	memcpy(mac, (uint8_t[]){2, 0, 0, 0, 0, (uint8_t)n}, 6);
	return mac;
}

static void send(struct test_port *p, const struct test_tx *tx)
{
	p->tx[p->num_tx++] = *tx;
}

static void rounds(struct world *w, unsigned num)
{
	for (unsigned i = 0; i < num; i++)
		nic_dp_round(w->dp, 1000 + i);
}

/* ---- the same comes of it ---- */

static uint8_t bytes[PORTS][FRAMES][LEN];

/* One of those that lead everywhere: to VFs (in runs, often), to itself, to all, to nobody. */
static struct test_tx random_frame(unsigned src, unsigned seq, unsigned usual)
{
	static const uint8_t nobody[6] = {2, 0, 0, 0, 9, 9};
	const uint8_t *const to[] = {wide, group, nobody};
	unsigned kind = test_below(20);
	struct test_tx tx = frame(bytes[src][seq], src,
				  kind < 12   ? address(usual)
				  : kind < 17 ? address(test_below(VFS))
					      : to[kind - 17],
				  seq);

	if (test_below(16) == 0)
		bytes[src][seq][11] ^= 0x40; /* an address that is not its own */
	tx.tagged = test_below(12) == 0;
	tx.tci = (uint16_t)(100 + test_below(2));
	return tx;
}

static void random_policy(struct nic_policy *p)
{
	p->promisc = test_below(8) == 0;
	p->allmulti = test_below(3) == 0;
	p->unknown_uc = test_below(8) == 0;
	p->spoof_mac = test_below(2);
	p->spoof_vlan = test_below(2);
	p->pvid = test_below(6) ? 0 : 100;
	p->untagged = !p->pvid;
	p->rx_on = test_below(12);
	p->link_up = test_below(16);
	p->max_frame = test_below(8) ? 1518 : 100;
	p->mtu = test_below(8) ? 0 : 80;
	nic_bitmap_assign(p->vlans, 100, test_below(2));
}

/* The same in both, as far as chance goes. */
static void same_lot(struct world *a, struct world *b)
{
	for (unsigned n = 0; n < VFS; n++) {
		random_policy(&a->port[n].policy);
		b->port[n].policy = a->port[n].policy;
		publish(a, n);
		publish(b, n);
	}
	learn(a);
	learn(b);
	for (unsigned n = 0; n < PORTS; n++) {
		unsigned usual = test_below(VFS), burst = 1 + test_below(NIC_BURST);

		a->port[n].max_burst = b->port[n].max_burst = burst;
		for (unsigned i = 0; i < FRAMES; i++) {
			struct test_tx tx = random_frame(n, i, usual);

			send(&a->port[n], &tx);
			send(&b->port[n], &tx);
		}
	}
}

/* The k-th frame that p has of src, or NULL. */
static const struct test_rx *received(const struct test_port *p, unsigned src, unsigned k)
{
	for (unsigned i = 0; i < p->num_rx; i++) {
		/* The last bytes are where they were, whatever tag is before them. */
		if (p->rx[i].bytes[p->rx[i].len - 2] == src && k-- == 0)
			return &p->rx[i];
	}
	return NULL;
}

/* From each source the same frames in the same order; those of two may be mixed otherwise. */
static void assert_received_alike(const struct test_port *a, const struct test_port *b)
{
	assert_int_equal(a->num_rx, b->num_rx);
	for (unsigned src = 0; src < PORTS; src++) {
		const struct test_rx *x, *y;

		for (unsigned k = 0; (x = received(a, src, k)); k++) {
			y = received(b, src, k);
			assert_non_null(y);
			assert_int_equal(x->len, y->len);
			assert_memory_equal(x->bytes, y->bytes, x->len);
			assert_int_equal(x->meta.tagged, y->meta.tagged);
			if (x->meta.tagged)
				assert_int_equal(x->meta.tci, y->meta.tci);
		}
	}
}

static void assert_counted_alike(const struct nic_port_stats *a, const struct nic_port_stats *b)
{
	const _Atomic uint64_t *x = (const void *)a, *y = (const void *)b;

	for (unsigned i = 0; i < sizeof(*a) / sizeof(*x); i++)
		assert_int_equal(nic_counter(&x[i]), nic_counter(&y[i]));
}

static void three_do_what_one_does(void **state)
{
	struct nic_dp_stats stats;
	uint64_t handed = 0, run = 0;

	(void)state;
	for (unsigned i = 0; i < 60; i++) {
		struct world *one = world_new(1), *three = world_new(3);

		same_lot(one, three);
		rounds(one, FRAMES + 10);
		rounds(three, 4 * FRAMES);
		nic_dp_stats(three->dp, &stats);
		handed += stats.handed;
		for (unsigned n = 0; n < PORTS; n++) {
			assert_int_equal(three->port[n].tx_at, FRAMES);
			assert_received_alike(&one->port[n], &three->port[n]);
			assert_counted_alike(&one->port[n].port.stats,
					     &three->port[n].port.stats);
			run += three->port[n].num_run;
		}
		world_free(one);
		world_free(three);
	}
	assert_in_range(handed, 1000, UINT64_MAX);
	assert_in_range(run, 1000, UINT64_MAX);
}

/* ---- one burst ---- */

static struct world *world;

static int set_up(void **state)
{
	(void)state;
	world = world_new(3);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	world_free(world);
	return 0;
}

/* VF 0 is worker 0's, VF 1 worker 1's; in a round worker 0 is first. */
static void queue(unsigned num)
{
	for (unsigned i = 0; i < num; i++) {
		struct test_tx tx = frame(bytes[0][i], 0, address(1), i);

		send(&world->port[0], &tx);
	}
}

static uint64_t handed(void)
{
	struct nic_dp_stats stats;

	nic_dp_stats(world->dp, &stats);
	return stats.handed;
}

static void a_sender_is_told_when_all_is_done(void **state)
{
	(void)state;
	queue(8);
	world->port[0].max_burst = 4;
	rounds(world, 1);
	assert_int_equal(world->port[1].num_rx, 4);
	assert_int_equal(world->port[1].rx_done, 1);
	assert_int_equal(world->port[0].tx_done, 0);
	assert_int_equal(world->port[0].tx_at, 4);
	assert_int_equal(nic_counter(&world->port[0].port.stats.tx_packets), 0);
	rounds(world, 1); /* the next burst is fetched after the first has landed */
	assert_int_equal(world->port[0].tx_done, 1);
	assert_int_equal(nic_counter(&world->port[0].port.stats.tx_packets), 4);
	assert_int_equal(nic_counter(&world->port[0].port.stats.tx_local_packets), 4);
	assert_int_equal(world->port[0].tx_at, 8);
	rounds(world, 1);
	assert_int_equal(world->port[0].tx_done, 2);
	assert_int_equal(world->port[1].num_rx, 8);
	assert_int_equal(handed(), 8);
}

static void a_run_is_handed_as_one(void **state)
{
	(void)state;
	queue(20);
	rounds(world, 2);
	assert_int_equal(world->port[1].num_rx, 20);
	assert_int_equal(world->port[1].num_run, 19);
}

/* A run that stops at the receiver goes on frame by frame, and what has no room is lost. */
static void a_receiver_may_run_dry(void **state)
{
	(void)state;
	queue(20);
	world->port[1].credits = 7;
	rounds(world, 3);
	assert_int_equal(world->port[1].num_rx, 7);
	assert_int_equal(test_rx_drop(&world->port[1], NIC_DROP_NODESC), 13);
	assert_int_equal(nic_counter(&world->port[0].port.stats.tx_packets), 20);
	assert_int_equal(nic_counter(&world->port[0].port.stats.tx_local_packets), 7);
}

/* Between neighbours of one worker there is nothing to hand over. */
static void what_stays_is_not_handed(void **state)
{
	struct test_tx tx = frame(bytes[0][0], 0, address(3), 0);

	(void)state;
	send(&world->port[0], &tx);
	rounds(world, 1);
	assert_int_equal(world->port[3].num_rx, 1);
	assert_int_equal(world->port[0].tx_done, 1);
	assert_int_equal(handed(), 0);
}

static void note_tx_done(void *arg)
{
	*(unsigned *)arg = world->port[0].tx_done;
}

static void a_call_finds_nothing_under_way(void **state)
{
	unsigned done = 0;

	(void)state;
	queue(1);
	rounds(world, 1);
	assert_int_equal(world->port[0].tx_done, 0);
	nic_dp_call(world->dp, note_tx_done, &done);
	assert_int_equal(done, 1);
}

static void nor_does_a_quiesce(void **state)
{
	(void)state;
	queue(2);
	world->port[0].max_burst = 1;
	rounds(world, 1);
	nic_dp_quiesce(world->dp);
	assert_int_equal(world->port[0].tx_done, 1);
	assert_int_equal(world->port[0].tx_at, 1); /* and nothing was begun meanwhile */
	rounds(world, 2);
	assert_int_equal(world->port[0].tx_done, 2);
}

/* ---- what takes one mind ---- */

static void assert_alone(bool alone)
{
	assert_int_equal(nic_dp_alone(world->dp), alone);
	for (unsigned n = 0; n < PORTS; n++)
		assert_int_equal(world->port[n].port.worker, alone || n == UPLINK ? 0 : n % 3);
}

static void what_takes_one_mind_gets_it(void **state)
{
	const struct nic_flow_params on = {.mode = NIC_FLOW_RX}, off = {0};
	const struct nic_mirror_set mirrors = {0};
	const struct nic_capture_params params = {0};
	struct nic_capture *capture;

	(void)state;
	assert_alone(false);
	world->port[2].policy.min_tx_mbps = 100;
	publish(world, 2);
	assert_alone(true);
	queue(3);
	rounds(world, 5);
	assert_int_equal(world->port[0].tx_done, 1);
	assert_int_equal(handed(), 0);
	world->port[2].policy.min_tx_mbps = 0;
	publish(world, 2);
	assert_alone(false);
	nic_dp_set_mirrors(world->dp, &world->port[1].port, &mirrors);
	assert_alone(true);
	nic_dp_set_mirrors(world->dp, &world->port[1].port, NULL);
	assert_alone(false);
	assert_int_equal(nic_dp_set_flow(world->dp, &on), 0);
	assert_alone(true);
	assert_int_equal(nic_dp_set_flow(world->dp, &off), 0);
	assert_alone(false);
	assert_int_equal(nic_capture_new(&params, &capture), 0);
	assert_int_equal(nic_dp_capture_add(world->dp, capture), 0);
	assert_alone(true);
	nic_dp_capture_del(world->dp, capture);
	assert_alone(false);
	nic_capture_free(capture);
}

/* ---- places ---- */

/* Who talks to each other comes to one worker, when the control thread looks. */
static void come_together(void)
{
	for (unsigned k = 0; k < 11; k++) {
		world->port[0].num_tx = world->port[0].tx_at = 0;
		queue(FRAMES);
		rounds(world, 20);
		test_port_flush(&world->port[1]);
	}
	nic_dp_round(world->dp, NSEC_PER_SEC);
	assert_int_equal(handed(), 11 * FRAMES);
	assert_int_not_equal(world->port[0].port.worker, world->port[1].port.worker);
	nic_dp_event_drain(world->dp);
	assert_int_equal(world->port[0].port.worker, world->port[1].port.worker);
	world->port[0].num_tx = world->port[0].tx_at = 0;
	queue(10);
	rounds(world, 1);
	assert_int_equal(world->port[1].num_rx, 10);
	assert_int_equal(handed(), 11 * FRAMES);
	for (unsigned n = 2; n < VFS; n++)
		assert_int_equal(world->port[n].port.worker, n % 3);
}

static void neighbours_come_together(void **state)
{
	(void)state;
	come_together();
}

/* Frames that are asked for one by one, as those of TSO and of VLANs are. */
static void so_do_those_without_runs(void **state)
{
	(void)state;
	world->port[1].port.ops = &test_port_ops;
	come_together();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(three_do_what_one_does),
		TEST(a_sender_is_told_when_all_is_done),
		TEST(a_run_is_handed_as_one),
		TEST(a_receiver_may_run_dry),
		TEST(what_stays_is_not_handed),
		TEST(a_call_finds_nothing_under_way),
		TEST(nor_does_a_quiesce),
		TEST(what_takes_one_mind_gets_it),
		TEST(neighbours_come_together),
		TEST(so_do_those_without_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
