/* SPDX-License-Identifier: BSD-3-Clause */
/* Two cards back to back: the ring between two threads, and how ends find and lose each other.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "clock.h"
#include "net_eth.h"
#include "nic_card.h"
#include "uplink_impl.h"
#include "uplink_ring.h"

#define FRAMES	 100000u
#define CROSSING 5000u

/* ---- the ring ---- */

static struct uplink_ring *ring;

static int setup_ring(void **state)
{
	(void)state;
	ring = aligned_alloc(CACHE_LINE, sizeof(*ring));
	if (!ring)
		return -1;
	memset(ring, 0xff, sizeof(*ring));
	uplink_ring_reset(ring);
	return 0;
}

static int teardown_ring(void **state)
{
	(void)state;
	free(ring);
	return 0;
}

static uint32_t next_rand(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

/* Lengths that wrap everywhere; most are short. */
static uint32_t length_of(uint32_t *seed)
{
	uint32_t r = next_rand(seed);

	return 14 + next_rand(seed) % (r % 16 ? 200 : 9700);
}

static void *write_all(void *arg)
{
	uint32_t seed = 1;

	(void)arg;
	for (uint32_t i = 0; i < FRAMES; i++) {
		uint32_t len = length_of(&seed);
		uint8_t *at;

		while (!(at = uplink_ring_room(ring, len)))
			sched_yield();
		memset(at, (uint8_t)i, len);
		put_be32(at, i);
		uplink_ring_push(ring, len);
	}
	return NULL;
}

static bool is_filled(const uint8_t *at, uint32_t len, uint8_t with)
{
	return at[4] == with && !memcmp(at + 4, at + 5, len - 5);
}

static void frames_cross_threads_in_order_and_whole(void **state)
{
	uint32_t seed = 1, len;
	pthread_t writer;

	(void)state;
	assert_int_equal(pthread_create(&writer, NULL, write_all, NULL), 0);
	for (uint32_t i = 0; i < FRAMES; i++) {
		uint32_t want = length_of(&seed);
		const uint8_t *at;

		while (!(at = uplink_ring_next(ring, &len))) {
			uplink_ring_release(ring);
			sched_yield();
		}
		assert_int_equal(len, want);
		assert_int_equal(get_be32(at), i);
		assert_true(is_filled(at, len, (uint8_t)i));
		if (i % 7 == 0)
			uplink_ring_release(ring);
	}
	pthread_join(writer, NULL);
	assert_null(uplink_ring_next(ring, &len));
}

static unsigned fill_with(uint32_t len)
{
	unsigned n = 0;

	while (uplink_ring_room(ring, len)) {
		uplink_ring_push(ring, len);
		n++;
	}
	return n;
}

static void what_was_read_is_kept_until_it_is_given_back(void **state)
{
	uint32_t len;
	unsigned n = fill_with(1000);

	(void)state;
	assert_int_equal(n, UPLINK_RING_SIZE / 1008);
	assert_non_null(uplink_ring_next(ring, &len));
	assert_non_null(uplink_ring_next(ring, &len));
	assert_null(uplink_ring_room(ring, 1000));
	uplink_ring_release(ring);
	assert_int_equal(fill_with(1000), 2);
	for (unsigned i = 0; i < n; i++) {
		assert_non_null(uplink_ring_next(ring, &len));
		assert_int_equal(len, 1000);
	}
	assert_null(uplink_ring_next(ring, &len));
}

/* It ends with its end: 8 x 131,072 bytes. */
static void a_frame_may_fit_exactly(void **state)
{
	const uint32_t len = UPLINK_RING_SIZE / 128 - 8;
	uint32_t got;

	(void)state;
	for (int turn = 0; turn < 3; turn++) {
		assert_int_equal(fill_with(len), 128);
		for (int i = 0; i < 128; i++)
			assert_non_null(uplink_ring_next(ring, &got));
		uplink_ring_release(ring);
	}
	assert_int_equal(ring->next, 3 * UPLINK_RING_SIZE);
}

/* What is left at the end is lost for a frame that begins anew, and is not room. */
static void room_at_both_ends_is_not_room(void **state)
{
	const uint32_t len = 300000; /* three, and 148,552 bytes are left */
	uint32_t got;

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_non_null(uplink_ring_room(ring, len));
		uplink_ring_push(ring, len);
	}
	assert_non_null(uplink_ring_next(ring, &got));
	uplink_ring_release(ring);
	assert_null(uplink_ring_room(ring, len + 8));
	assert_ptr_equal(uplink_ring_room(ring, len), ring->bytes + 8);
}

/* ---- the cards ---- */

struct end {
	const char *name, *other;
	struct nic_card *card;
	struct uplink *up;
};

static struct end ends[2] = {{.name = "nic0", .other = "link:nic1"},
			     {.name = "nic1", .other = "link:nic0"}};

static bool find(void *arg, const char *name, struct uplink **ret_uplink)
{
	(void)arg;
	*ret_uplink = NULL;
	for (unsigned i = 0; i < 2; i++) {
		if (strcmp(ends[i].name, name) || !ends[i].card)
			continue;
		*ret_uplink = ends[i].up;
		return true;
	}
	return false;
}

static int open_end(struct end *end, const char *spec, const char **ret_why)
{
	const struct uplink_env env = {.mtu = 1500, .card = end->name, .find = find};

	return uplink_open(spec, &env, &end->up, ret_why);
}

static bool service(struct end *end)
{
	uint64_t wait;

	return uplink_service(end->up, clock_ns(), &wait);
}

static bool plug(struct end *end)
{
	const struct nic_dp_params params = {0};
	const char *why;
	bool carrier;

	assert_int_equal(nic_card_new(end->name, 1, &params, &end->card), 0);
	assert_int_equal(open_end(end, end->other, &why), 0);
	assert_int_equal(uplink_attach(end->up, end->card), 0);
	carrier = service(end);
	nic_card_uplink_state(end->card, carrier);
	return carrier;
}

static void unplug(struct end *end)
{
	if (!end->card)
		return;
	if (end->up)
		uplink_detach(end->up);
	uplink_close(end->up);
	end->up = NULL;
	nic_card_free(end->card);
	end->card = NULL;
}

static int teardown(void **state)
{
	(void)state;
	unplug(&ends[0]);
	unplug(&ends[1]);
	return 0;
}

/* As the card's data path does; it has nothing to do with this port here. */
static enum nic_drop give(struct end *end, uint32_t len)
{
	struct nic_port *port = &end->up->port;
	struct nic_rx_meta meta = {.len = len};
	struct nic_sink sink;
	enum nic_drop why = port->ops->rx_buffers(port, &meta, &sink);

	if (why != NIC_DROP_NONE)
		return why;
	memset(sink.iov[0].ptr, 2, len);
	port->ops->rx_commit(port, &meta);
	port->ops->rx_done(port, 0);
	return NIC_DROP_NONE;
}

/* Nobody there owns the address: that is where the frames are counted. */
static void wait_for_frames(struct end *end, uint64_t n)
{
	const struct nic_port_stats *stats = &end->up->port.stats;
	uint64_t until = clock_ns() + 20 * NSEC_PER_SEC, got;

	do {
		got = nic_counter(&stats->tx_drops[NIC_DROP_NODEST]);
		sched_yield();
	} while (got != n && clock_ns() < until);
	assert_int_equal(got, n);
}

static void cross(struct end *from, struct end *to)
{
	uint64_t before = nic_counter(&to->up->port.stats.tx_drops[NIC_DROP_NODEST]);

	for (uint32_t i = 0; i < CROSSING; i++) {
		while (give(from, 60 + i % 1400) != NIC_DROP_NONE)
			sched_yield();
	}
	wait_for_frames(to, before + CROSSING);
}

static void ends_find_each_other_whoever_comes_first(void **state)
{
	(void)state;
	assert_false(plug(&ends[0]));
	assert_int_equal(give(&ends[0], 60), NIC_DROP_UPLINK);
	for (int turn = 0; turn < 3; turn++) {
		struct end *first = &ends[turn & 1], *second = &ends[!(turn & 1)];

		assert_true(plug(second));
		assert_true(uplink_wants_service(first->up));
		assert_true(service(first));
		assert_false(uplink_wants_service(first->up));
		nic_card_uplink_state(first->card, true);
		cross(first, second);
		cross(second, first);
		unplug(first);
		assert_true(uplink_wants_service(second->up));
		assert_false(service(second));
		nic_card_uplink_state(second->card, false);
		assert_int_equal(give(second, 60), NIC_DROP_UPLINK);
	}
}

static uint64_t wakeups(const struct end *end)
{
	struct nic_dp_stats stats;

	nic_dp_stats(end->card->dp, &stats);
	return stats.wakeups;
}

static void a_card_that_sleeps_is_woken(void **state)
{
	uint64_t before;

	(void)state;
	plug(&ends[0]);
	plug(&ends[1]);
	before = wakeups(&ends[1]);
	for (int i = 0; i < 100; i++) {
		usleep(3000); /* it has nothing to do, and sleeps */
		assert_int_equal(give(&ends[0], 60), NIC_DROP_NONE);
	}
	wait_for_frames(&ends[1], 100);
	assert_true(wakeups(&ends[1]) > before + 10);
}

static void too_long_a_frame_is_refused(void **state)
{
	(void)state;
	plug(&ends[0]);
	plug(&ends[1]);
	assert_int_equal(give(&ends[0], NIC_JUMBO_MAX + 65), NIC_DROP_SIZE);
}

static void wrong_ends_are_named(void **state)
{
	struct end third = {.name = "nic2"};
	const char *why = NULL;

	(void)state;
	assert_int_equal(open_end(&ends[0], "link:nic0", &why), -EINVAL);
	assert_non_null(strstr(why, "one end"));
	assert_int_equal(open_end(&ends[0], "link:", &why), -EINVAL);
	assert_int_equal(open_end(&ends[0], "link:sixteen-letters-", &why), -EINVAL);
	assert_non_null(strstr(why, "link:CARD"));
	plug(&ends[0]);
	assert_int_equal(open_end(&third, "link:nic0", &why), -EBUSY);
	assert_non_null(strstr(why, "nic0 has uplink link:nic1, not link:nic2"));
	uplink_detach(ends[0].up);
	uplink_close(ends[0].up);
	ends[0].up = NULL;
	assert_int_equal(open_end(&ends[1], "link:nic0", &why), -EBUSY);
	assert_non_null(strstr(why, "nic0 has uplink none"));
	assert_null(ends[1].up);
}

#define RING(name) cmocka_unit_test_setup_teardown(name, setup_ring, teardown_ring)
#define T(name)	   cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RING(frames_cross_threads_in_order_and_whole),
		RING(what_was_read_is_kept_until_it_is_given_back),
		RING(a_frame_may_fit_exactly),
		RING(room_at_both_ends_is_not_room),
		T(ends_find_each_other_whoever_comes_first),
		T(a_card_that_sleeps_is_woken),
		T(too_long_a_frame_is_refused),
		T(wrong_ends_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
