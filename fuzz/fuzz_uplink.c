/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_uplink.c - frames from the wire and from VFs through the switch, up to the receivers'
 * buffers. The wire is a real uplink over a datagram socket; the VFs are ports whose policies
 * come from the input. No thread: the switch is called as the data path would.
 *
 * Input: four bytes of policy for each VF, then frames: sender and shortcuts (enum), length as
 * le16, up to 64 bytes of the frame's beginning; the rest of a frame is filled. Frames of one
 * sender that say so are one burst. Buffers have exactly their size, so that ASan sees a byte
 * too many; who may get what is checked with abort().
 */
#include "fuzz.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net_eth.h"
#include "nic_deliver.h"
#include "nic_switch.h"
#include "uplink_impl.h"

#define VFS	   3u
#define UPLINK	   VFS
#define POLICY_LEN 4u
#define HEAD_MAX   64u
#define PIECES	   4u
#define LEN_MAX	   (NIC_JUMBO_MAX + 40u)
#define VIDS	   8u
enum { SENDER = 3, TO_VF = 4, FROM_OWN = 8, TAG = 16, FLUSH = 32, MORE = 64, AGAIN = 128 };
enum {
	P_SPOOF = 1,
	P_SPOOF_VLAN = 2,
	P_UNTAGGED = 4,
	P_BROADCAST = 8,
	P_ALLMULTI = 16,
	P_PROMISC = 32,
	P_STRIP = 64,
	P_ANY_VLAN = 128
};

struct vf {
	struct nic_port port; /* first, so that ops can cast */
	struct nic_policy policy;
	uint8_t *piece[PIECES];
	uint32_t piece_len[PIECES], pieces;
	uint8_t cut; /* how its buffers are cut */
};

static struct vf vfs[VFS];
static struct nic_ports ports;
static struct nic_switch sw = {.all = &ports, .workers = 1};
static struct nic_burst burst;
static struct uplink *up;
static int peer = -1;
static uint8_t *held[NIC_BURST]; /* bytes of the burst's frames */
static unsigned num_held;
static uint8_t last[HEAD_MAX]; /* the beginning of the frame before */
static unsigned sender;
static uint8_t sent_from[NET_ETH_ALEN]; /* source address of the frame under way from a VF */

struct input {
	const uint8_t *p, *end;
};

static uint8_t take(struct input *in)
{
	return in->p < in->end ? *in->p++ : 0;
}

/* ---- the VFs ---- */

static void pieces_free(struct vf *vf)
{
	for (uint32_t i = 0; i < vf->pieces; i++)
		free(vf->piece[i]);
	vf->pieces = 0;
}

static bool vf_tx_poll(struct nic_port *port, struct nic_burst *b, uint64_t now)
{
	(void)port, (void)b, (void)now;
	return false;
}

static void vf_done(struct nic_port *port, uint64_t now)
{
	(void)port, (void)now;
}

static bool vf_strips(const struct nic_port *port)
{
	return ((const struct vf *)port)->policy.strip_tag;
}

static void check_meta(const struct vf *vf, const struct nic_rx_meta *meta)
{
	const struct nic_policy *p = &vf->policy;
	uint64_t dst = net_mac_u64(meta->hdr);

	MUST(vf != &vfs[sender] && nic_policy_live(p));
	MUST(meta->local == (sender != UPLINK));
	MUST(meta->len <= p->max_frame + NET_VLAN_HLEN && meta->len >= NET_ETH_ZLEN);
	MUST(!p->pvid || !meta->tagged);
	MUST(!meta->tagged || p->any_vlan || nic_bitmap_test(p->vlans, meta->tci & 0xfff) ||
	     !(meta->tci & 0xfff));
	if (!net_mac_is_group(meta->hdr))
		MUST(dst == p->mac[0] || p->promisc || p->unknown_uc);
	if (meta->local) {
		MUST(!vfs[sender].policy.spoof_mac ||
		     !memcmp(sent_from, meta->hdr + NET_ETH_ALEN, NET_ETH_ALEN));
		MUST(get_be16(meta->hdr + 12) != 0x8808);
	}
}

static enum nic_drop vf_rx_buffers(struct nic_port *port, const struct nic_rx_meta *meta,
				   struct nic_sink *sink)
{
	struct vf *vf = (struct vf *)port;
	uint32_t left = meta->len;

	check_meta(vf, meta);
	pieces_free(vf);
	if (vf->cut == 0xff)
		return NIC_DROP_NODESC;
	for (sink->n = 0; left; sink->n++) {
		uint32_t len = sink->n == PIECES - 1 ? left : MIN(left, vf->cut + 1u);

		vf->piece[sink->n] = malloc(len);
		MUST(vf->piece[sink->n]);
		vf->piece_len[sink->n] = sink->iov[sink->n].len = len;
		sink->iov[sink->n].ptr = vf->piece[sink->n];
		left -= len;
	}
	vf->pieces = sink->n;
	return NIC_DROP_NONE;
}

/* The address that was judged is what stands in the buffers. */
static enum nic_drop vf_rx_commit(struct nic_port *port, const struct nic_rx_meta *meta)
{
	const struct vf *vf = (const struct vf *)port;
	uint8_t head[2 * NET_ETH_ALEN];
	uint32_t have = 0;

	for (uint32_t i = 0; i < vf->pieces; i++) {
		for (uint32_t k = 0; k < vf->piece_len[i] && have < sizeof(head); k++)
			head[have++] = vf->piece[i][k];
	}
	MUST(have == sizeof(head) && !memcmp(head, meta->hdr, sizeof(head)));
	return NIC_DROP_NONE;
}

/* A run is of what this VF would get one by one, in the VLAN that both are in. */
static unsigned vf_rx_run(struct nic_port *port, const struct nic_frame *frames, unsigned n,
			  uint32_t max)
{
	const struct vf *vf = (const struct vf *)port;
	unsigned i;

	MUST((sender == UPLINK ? 0 : vfs[sender].policy.pvid) == vf->policy.pvid);
	for (i = 0; i < n && frames[i].len <= MIN(max, vf->cut * 64u); i++) {
		uint8_t *to = malloc(MAX(frames[i].len, (uint32_t)NET_ETH_ZLEN));
		struct net_parsed parsed;
		struct nic_rx_meta meta;

		MUST(to && !nic_frame_has_offload(&frames[i]) && !frames[i].tagged);
		nic_deliver_at(to, &frames[i], &meta, &parsed);
		check_meta(vf, &meta);
		MUST(!net_mac_is_group(to) && net_mac_u64(to) == vf->policy.mac[0]);
		MUST(!memcmp(to, frames[i].hdr, 2 * NET_ETH_ALEN));
		free(to);
	}
	return i;
}

static const struct nic_port_ops vf_ops = {
	.tx_poll = vf_tx_poll,
	.tx_done = vf_done,
	.rx_strips_tag = vf_strips,
	.rx_buffers = vf_rx_buffers,
	.rx_commit = vf_rx_commit,
	.rx_run = vf_rx_run,
	.rx_done = vf_done,
};

static uint64_t mac_of(unsigned n)
{
	const uint8_t mac[NET_ETH_ALEN] = {2, 0, 0, 0, 0, (uint8_t)n};

	return net_mac_u64(mac);
}

static void vf_policy(unsigned n, struct input *in)
{
	struct nic_policy *p = &vfs[n].policy;
	uint8_t flags = take(in), vlans = take(in), more = take(in);

	vfs[n].cut = take(in);
	*p = (struct nic_policy){
		.link_up = !(more & 1),
		.rx_on = !(more & 2),
		.tx_on = !(more & 4),
		.spoof_mac = flags & P_SPOOF,
		.spoof_vlan = flags & P_SPOOF_VLAN,
		.untagged = flags & P_UNTAGGED,
		.broadcast = flags & P_BROADCAST,
		.allmulti = flags & P_ALLMULTI,
		.promisc = flags & P_PROMISC,
		.strip_tag = flags & P_STRIP,
		.any_vlan = flags & P_ANY_VLAN,
		.filter_control = true,
		.num_macs = 1,
		.pvid = more >> 4 & 3,
		.qos = more >> 6,
		.max_frame = more & 8 ? NIC_JUMBO_MAX : 1514,
		.mac = {mac_of(n)},
		.mta = {vlans},
		.vlans = {vlans},
	};
	if (p->pvid)
		p->untagged = false;
}

/* ---- the world ---- */

static void uplink_once(void)
{
	static struct nic_policy policy = {.link_up = true,
					   .rx_on = true,
					   .tx_on = true,
					   .untagged = true,
					   .broadcast = true,
					   .allmulti = true,
					   .any_vlan = true,
					   .max_frame = NIC_JUMBO_MAX};
	char spec[16];
	const char *why;
	int sv[2];

	if (up)
		return;
	MUST(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sv) == 0);
	snprintf(spec, sizeof(spec), "fd:%d", sv[0]);
	MUST(uplink_open(spec, &(struct uplink_env){.mtu = 1500}, &up, &why) == 0);
	peer = sv[1];
	atomic_store(&up->port.policy, &policy);
	up->port.is_uplink = true;
}

static void world_new(struct input *in)
{
	struct nic_fdb *fdb;

	uplink_once();
	memset(&ports, 0, sizeof(ports));
	sw = (struct nic_switch){.all = &ports, .workers = 1};
	memset(last, 0, sizeof(last));
	MUST(nic_fdb_new(64, &fdb) == 0);
	for (unsigned n = 0; n < VFS; n++) {
		vf_policy(n, in);
		vfs[n].port.ops = &vf_ops;
		vfs[n].port.rx_dirty = false;
		atomic_store(&vfs[n].port.policy, &vfs[n].policy);
		sw.port[n] = ports.port[n] = ports.by_index[n] = &vfs[n].port;
		vfs[n].port.index = (uint16_t)n;
		nic_fdb_add_port(fdb, &vfs[n].policy, n);
		atomic_fetch_add(&ports.num_promisc, vfs[n].policy.promisc);
	}
	atomic_store(&ports.fdb, fdb);
	ports.uplink = ports.port[UPLINK] = sw.port[UPLINK] = ports.by_index[UPLINK] =
		&up->port;
	ports.uplink->index = UPLINK;
	ports.uplink->rx_dirty = false;
	sw.num = ports.num = VFS + 1;
}

static void wire_drain(void)
{
	uint8_t frame[LEN_MAX];

	while (read(peer, frame, sizeof(frame)) >= 0)
		;
}

static void flush(void)
{
	nic_switch_flush(&sw, 0);
	wire_drain();
}

static void world_free(void)
{
	flush();
	for (unsigned n = 0; n < VFS; n++)
		pieces_free(&vfs[n]);
	nic_fdb_free((struct nic_fdb *)(uintptr_t)atomic_load(&ports.fdb));
}

/* ---- frames ---- */

/* Until the burst is polled it waits in the socket; one too many for that is lost. */
static void from_wire(const uint8_t *bytes, uint32_t len)
{
	MUST(write(peer, bytes, len) == (ssize_t)len || errno == EAGAIN);
}

/* As a model hands it over: the beginning as a snapshot, the rest where it is. */
static void from_vf(const uint8_t *bytes, uint32_t len)
{
	struct nic_frame *f = &burst.frame[burst.n];

	if (len < NET_ETH_HLEN + NET_VLAN_HLEN || len > NIC_JUMBO_MAX)
		return;
	f->len = len;
	f->hdr_len = (uint16_t)MIN(len, (uint32_t)NIC_HDR_PLAIN);
	memcpy(f->hdr, bytes, f->hdr_len);
	memcpy(sent_from, (uint8_t[]){2, 0, 0, 0, 0, (uint8_t)sender}, NET_ETH_ALEN);
	f->segs = &burst.seg[burst.num_segs];
	f->num_segs = len > f->hdr_len;
	if (f->num_segs)
		burst.seg[burst.num_segs++] =
			(struct nic_seg){bytes + f->hdr_len, len - f->hdr_len};
	f->tagged = f->csum_valid = false;
	f->local = true;
	f->off = (struct net_offload){0};
	nic_frame_lift_tag(f);
	burst.n++;
}

/* Sends what has been collected. */
static void send_burst(void)
{
	static uint64_t now = 1000000;

	if (sender == UPLINK) {
		now += 1000000;
		if (num_held && ports.uplink->ops->tx_poll(ports.uplink, &burst, now))
			nic_switch_burst(&sw, ports.uplink, &burst);
	} else if (burst.n) {
		nic_switch_burst(&sw, &vfs[sender].port, &burst);
	}
	while (num_held)
		free(held[--num_held]);
	burst.n = burst.num_segs = 0;
}

/* The first bytes of a frame; AGAIN = as the one before. */
static void make_head(uint8_t what, uint32_t len, struct input *in)
{
	if (!(what & AGAIN)) {
		memset(last, 0, sizeof(last));
		for (uint32_t i = 0; i < MIN(len, HEAD_MAX); i++)
			last[i] = take(in);
	}
	if (what & TO_VF)
		memcpy(last, (uint8_t[]){2, 0, 0, 0, 0, last[5] % VFS}, NET_ETH_ALEN);
	if (what & FROM_OWN)
		memcpy(last + 6, (uint8_t[]){2, 0, 0, 0, 0, (uint8_t)sender}, NET_ETH_ALEN);
	if (what & TAG)
		memcpy(last + 12, (uint8_t[]){0x81, 0, last[14] & 0xf0, last[15] % VIDS}, 4);
	memcpy(held[num_held], last, MIN(len, HEAD_MAX));
}

static void one_frame(struct input *in)
{
	uint8_t what = take(in);
	uint32_t len = (take(in) | (uint32_t)take(in) << 8) % LEN_MAX;

	if ((what & SENDER) != sender)
		send_burst();
	sender = what & SENDER;
	MUST((held[num_held] = malloc(len + !len)));
	memset(held[num_held], 0x5a, len + !len);
	make_head(what, len, in);
	if (sender == UPLINK)
		from_wire(held[num_held], len);
	else
		from_vf(held[num_held], len);
	if (++num_held == NIC_BURST || !(what & MORE))
		send_burst();
	if (what & FLUSH)
		flush();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, data + size};

	world_new(&in);
	while (in.p < in.end)
		one_frame(&in);
	send_burst();
	world_free();
	return 0;
}
