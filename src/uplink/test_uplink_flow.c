/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Flow control between two cards back to back, with their data paths running: a PAUSE frame of
 * one card's VF stops the other's priority and no more, and with both sides obeying nothing is
 * lost to a receiver that is slow. No test depends on how long anything takes: a pause that
 * must not end lasts seconds, and what must come is waited for.
 */
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
#include "uplink.h"

#define PATIENCE 100u /* seconds */
#define SLOW	 1u   /* Mb/s: the longest pause lasts 33 s */
#define LEN	 1400u
#define VFS	 2u

/* Threads that meet rarely make few. */
#ifdef __SANITIZE_THREAD__
#define NUM 5000u
#else
#define NUM 50000u
#endif

/* A VF in memory: sends what the test says, counts and checks what it gets. */
struct vf {
	struct nic_port port; /* first */
	_Atomic uint32_t send, sent;
	uint32_t stingy; /* every so many frames it is asked twice; 0 = never */
	uint32_t asked;
	_Atomic bool starved;
	_Atomic uint32_t received, disorder;
	uint8_t to[6], from[6];
	uint16_t type, tci;
	uint8_t body[32];
	uint8_t buf[NIC_JUMBO_MAX];
};

struct end {
	const char *name, *other;
	struct nic_card *card;
	struct uplink *up;
	struct vf vf[VFS];
};

static struct end ends[2] = {{.name = "nic0", .other = "link:nic1"},
			     {.name = "nic1", .other = "link:nic0"}};

static bool vf_poll(struct nic_port *port, struct nic_burst *burst, uint64_t now_ns)
{
	struct vf *vf = (struct vf *)port;

	(void)now_ns;
	while (burst->n < NIC_BURST && vf->sent < vf->send) {
		struct nic_frame *f = &burst->frame[burst->n++];

		memset(f, 0, offsetof(struct nic_frame, hdr) + 64);
		memcpy(f->hdr, vf->to, 6);
		memcpy(f->hdr + 6, vf->from, 6);
		put_be16(f->hdr + 12, vf->type);
		memcpy(f->hdr + 14, vf->body, sizeof(vf->body));
		put_be32(f->hdr + 60, vf->sent);
		f->hdr_len = 64;
		f->len = 64;
		f->local = true;
		f->tagged = vf->tci != 0;
		f->tci = vf->tci;
		if (vf->type != NET_ETH_P_CONTROL) {
			f->len = LEN;
			f->segs = &burst->seg[burst->num_segs];
			f->num_segs = 1;
			burst->seg[burst->num_segs++] =
				(struct nic_seg){vf->buf, LEN - f->hdr_len};
		}
		vf->sent++; /* the frame's words may be changed now */
	}
	return burst->n;
}

static void vf_done(struct nic_port *port, uint64_t now_ns)
{
	(void)port, (void)now_ns;
}

static bool vf_strips(const struct nic_port *port)
{
	(void)port;
	return true;
}

static enum nic_drop vf_buffers(struct nic_port *port, const struct nic_rx_meta *meta,
				struct nic_sink *sink)
{
	struct vf *vf = (struct vf *)port;

	if (vf->starved || (vf->stingy && ++vf->asked % vf->stingy == 0))
		return NIC_DROP_NODESC;
	sink->n = 1;
	sink->iov[0].ptr = vf->buf;
	sink->iov[0].len = meta->len;
	return NIC_DROP_NONE;
}

static enum nic_drop vf_commit(struct nic_port *port, const struct nic_rx_meta *meta)
{
	struct vf *vf = (struct vf *)port;

	(void)meta;
	vf->disorder += get_be32(vf->buf + 60) != vf->received;
	vf->received++;
	return NIC_DROP_NONE;
}

static const struct nic_port_ops vf_ops = {
	.tx_poll = vf_poll,
	.tx_done = vf_done,
	.rx_strips_tag = vf_strips,
	.rx_buffers = vf_buffers,
	.rx_commit = vf_commit,
	.rx_done = vf_done,
};

/* ---- two cards ---- */

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

static void plug(struct end *end, uint32_t mbps)
{
	const struct nic_dp_params params = {.link_mbps = mbps};
	const struct uplink_env env = {.mtu = 1500, .card = end->name, .find = find};
	const char *why;
	uint64_t wait;

	assert_int_equal(nic_card_new(end->name, VFS, &params, &end->card), 0);
	for (unsigned n = 0; n < VFS; n++) {
		struct vf *vf = &end->vf[n];

		memset(vf, 0, sizeof(*vf));
		vf->port.ops = &vf_ops;
		vf->type = 0x88b5;
		memcpy(vf->from, end->card->vf[n].guest.mac, 6);
		assert_int_equal(nic_card_attach_vf(end->card, n, &vf->port, NULL, NULL), 0);
		nic_card_guest_active(end->card, n, true);
	}
	assert_int_equal(uplink_open(end->other, &env, &end->up, &why), 0);
	assert_int_equal(uplink_attach(end->up, end->card), 0);
	nic_card_uplink_state(end->card, uplink_service(end->up, clock_ns(), &wait));
}

static void plug_both(uint32_t mbps)
{
	alarm(PATIENCE);
	plug(&ends[0], mbps);
	plug(&ends[1], mbps);
	nic_card_uplink_state(ends[0].card, true);
	for (unsigned n = 0; n < VFS; n++) { /* n talks to n */
		memcpy(ends[0].vf[n].to, ends[1].vf[n].from, 6);
		memcpy(ends[1].vf[n].to, ends[0].vf[n].from, 6);
	}
}

static void unplug(struct end *end)
{
	if (!end->card)
		return;
	uplink_detach(end->up);
	for (unsigned n = 0; n < VFS; n++)
		nic_card_detach_vf(end->card, n);
	uplink_close(end->up);
	nic_card_free(end->card);
	end->card = NULL;
	end->up = NULL;
}

static int teardown(void **state)
{
	(void)state;
	unplug(&ends[0]);
	unplug(&ends[1]);
	alarm(0);
	return 0;
}

static void wait_for(const _Atomic uint32_t *counter, uint32_t n)
{
	while (*counter < n)
		sched_yield();
	assert_int_equal(*counter, n);
}

static void wait_for_count(const _Atomic uint64_t *counter, uint64_t n)
{
	while (nic_counter(counter) < n)
		sched_yield();
}

static void send(struct end *end, unsigned n, uint32_t num)
{
	end->vf[n].send += num;
	nic_dp_kick(end->card->dp);
}

static const struct nic_flow_stats *flow_of(const struct end *end)
{
	return nic_dp_flow_stats(end->card->dp);
}

/* VF 1 of the end sends one MAC control frame. */
static void control(struct end *end, uint16_t opcode, uint16_t mask, uint16_t quanta)
{
	struct vf *vf = &end->vf[1];
	uint32_t sent = vf->sent;

	memcpy(vf->to, (uint8_t[]){1, 0x80, 0xc2, 0, 0, 1}, 6);
	vf->type = NET_ETH_P_CONTROL;
	put_be16(vf->body, opcode);
	put_be16(vf->body + 2, opcode == 1 ? quanta : mask);
	for (unsigned p = 0; opcode != 1 && p < 8; p++)
		put_be16(vf->body + 4 + 2 * p, quanta);
	send(end, 1, 1);
	wait_for(&vf->sent, sent + 1);
}

static void a_vf_s_pause_stops_the_other_card(void **state)
{
	(void)state;
	plug_both(SLOW);
	assert_int_equal(nic_card_set_flow(ends[0].card, NIC_FLOW_RX), 0);
	nic_card_set_pass_control(ends[1].card, true);
	send(&ends[0], 0, 3);
	wait_for(&ends[1].vf[0].received, 3);
	control(&ends[1], 1, 0, 0xffff);
	wait_for_count(&flow_of(&ends[0])->xoff_rx, 1);
	send(&ends[0], 0, 5);
	wait_for_count(&flow_of(&ends[0])->queued, 5);
	assert_int_equal(ends[1].vf[0].received, 3);
	control(&ends[1], 1, 0, 0);
	wait_for(&ends[1].vf[0].received, 8);
	assert_int_equal(ends[1].vf[0].disorder, 0);
}

static void pfc_stops_one_priority(void **state)
{
	(void)state;
	plug_both(SLOW);
	for (unsigned n = 0; n < VFS; n++) {
		nic_card_set_spoofchk(ends[0].card, n, false);
		nic_card_set_vlan(ends[0].card, n, 7, n ? 3 : 5, false);
		nic_card_set_vlan(ends[1].card, n, 7, 0, false);
	}
	assert_int_equal(nic_card_set_flow(ends[0].card, NIC_FLOW_RX), 0);
	/* As the wire's own, for a port VLAN would put a tag on it. */
	nic_card_set_vlan(ends[1].card, 1, 0, 0, false);
	nic_card_set_pass_control(ends[1].card, true);
	control(&ends[1], 0x0101, 1 << 3, 0xffff);
	wait_for_count(&flow_of(&ends[0])->pfc_rx, 1);
	nic_card_set_vlan(ends[1].card, 1, 7, 0, false);
	send(&ends[0], 1, 4); /* priority 3 */
	wait_for_count(&flow_of(&ends[0])->queued, 4);
	send(&ends[0], 0, 4); /* priority 5 */
	wait_for(&ends[1].vf[0].received, 4);
	assert_int_equal(ends[1].vf[1].received, 0);
	nic_card_set_vlan(ends[1].card, 1, 0, 0, false);
	control(&ends[1], 0x0101, 1 << 3, 0);
	wait_for_count(&flow_of(&ends[0])->pfc_rx, 2);
	assert_int_equal(nic_counter(&flow_of(&ends[0])->queued), 4);
}

static void a_pause_ends_by_itself(void **state)
{
	(void)state;
	plug_both(1000);
	assert_int_equal(nic_card_set_flow(ends[0].card, NIC_FLOW_RX), 0);
	nic_card_set_pass_control(ends[1].card, true);
	control(&ends[1], 1, 0, 0xffff);
	wait_for_count(&flow_of(&ends[0])->xoff_rx, 1);
	send(&ends[0], 0, 5);
	wait_for(&ends[1].vf[0].received, 5);
	assert_int_equal(nic_counter(&flow_of(&ends[0])->xon_rx), 0);
}

/* Not where flow control is off, and not where VFs' control frames are dropped. */
static void nothing_stops_a_card_that_does_not_obey(void **state)
{
	const struct nic_port_stats *wire;

	(void)state;
	plug_both(SLOW);
	nic_card_set_pass_control(ends[1].card, true);
	wire = &ends[0].card->uplink->stats;
	control(&ends[1], 1, 0, 0xffff);
	wait_for_count(&wire->tx_multicast, 1);
	send(&ends[0], 0, 3);
	wait_for(&ends[1].vf[0].received, 3);
	assert_int_equal(nic_card_set_flow(ends[0].card, NIC_FLOW_RX), 0);
	nic_card_set_pass_control(ends[1].card, false);
	control(&ends[1], 1, 0, 0xffff);
	wait_for_count(&ends[1].vf[1].port.stats.tx_drops[NIC_DROP_CONTROL], 1);
	send(&ends[0], 0, 3);
	wait_for(&ends[1].vf[0].received, 6);
	assert_int_equal(nic_counter(&flow_of(&ends[0])->xoff_rx), 0);
}

static void nothing_is_lost_to_a_slow_receiver(void **state)
{
	(void)state;
	plug_both(0);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(nic_card_set_flow(ends[i].card, NIC_FLOW_RX | NIC_FLOW_TX), 0);
	ends[1].vf[0].stingy = 32;
	send(&ends[0], 0, NUM);
	send(&ends[0], 1, NUM);
	send(&ends[1], 0, NUM);
	for (unsigned n = 0; n < VFS; n++) {
		wait_for(&ends[1].vf[n].received, NUM);
		assert_int_equal(ends[1].vf[n].disorder, 0);
	}
	wait_for(&ends[0].vf[0].received, NUM);
	assert_true(nic_counter(&flow_of(&ends[1])->held) > 0);
	assert_int_equal(nic_counter(&flow_of(&ends[1])->stalled), 0);
}

/* The memory of the ring that the waiting frames lie in is used anew. */
/* Frames that came from the wire: this end's VFs send nothing. */
static uint64_t fetched(const struct end *end)
{
	struct nic_dp_stats stats;

	nic_dp_stats(end->card->dp, &stats);
	return stats.frames;
}

static uint64_t told(const struct end *end)
{
	const struct nic_port_stats *wire = &end->card->uplink->stats;

	return nic_counter(&wire->tx_packets) + nic_counter(&wire->tx_drops[NIC_DROP_UPLINK]) +
	       nic_counter(&wire->tx_drops[NIC_DROP_TXOFF]);
}

static void the_other_card_goes_and_comes_while_frames_wait(void **state)
{
	uint64_t wait;

	(void)state;
	for (unsigned turn = 0; turn < 3; turn++) {
		plug_both(SLOW);
		for (unsigned i = 0; i < 2; i++)
			assert_int_equal(
				nic_card_set_flow(ends[i].card, NIC_FLOW_RX | NIC_FLOW_TX), 0);
		nic_card_set_pass_control(ends[0].card, true);
		ends[0].vf[0].starved = true;
		send(&ends[1], 0, 5);
		wait_for_count(&flow_of(&ends[0])->held, 1);
		unplug(&ends[1]);
		plug(&ends[1], SLOW);
		if (turn)
			nic_card_uplink_state(ends[0].card,
					      uplink_service(ends[0].up, clock_ns(), &wait));
		/* All that was taken from the wire went on or is counted; what was still on it
		 * went with the other card. */
		while (fetched(&ends[0]) != told(&ends[0]))
			sched_yield();
		assert_in_range(told(&ends[0]), 1, 5);
		teardown(NULL);
	}
}

#define T(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_vf_s_pause_stops_the_other_card),
		T(pfc_stops_one_priority),
		T(a_pause_ends_by_itself),
		T(nothing_stops_a_card_that_does_not_obey),
		T(nothing_is_lost_to_a_slow_receiver),
		T(the_other_card_goes_and_comes_while_frames_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
