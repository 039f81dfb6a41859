/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_uplink.c - frames from the wire and from VFs through the switch, up to the receivers'
 * buffers. The wire is a real uplink over a datagram socket; the VFs are ports whose policies
 * come from the input. No thread: the switch is called as the data path would.
 *
 * Input: four bytes of policy for each VF, then frames: sender and shortcuts (enum), length as
 * le16, up to 64 bytes of the frame's beginning; the rest of a frame is filled. Buffers have
 * exactly their size, so that ASan sees a byte too many; who may get what is checked with
 * abort().
 */
#include "fuzz.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net_eth.h"
#include "nic_switch.h"
#include "uplink_impl.h"

#define VFS	   3u
#define UPLINK	   VFS
#define POLICY_LEN 4u
#define HEAD_MAX   64u
#define PIECES	   4u
#define LEN_MAX	   (NIC_JUMBO_MAX + 40u)
#define VIDS	   8u
enum { SENDER = 3, TO_VF = 4, FROM_OWN = 8, TAG = 16, FLUSH = 32 };
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

static const struct nic_port_ops vf_ops = {
	.tx_poll = vf_tx_poll,
	.tx_done = vf_done,
	.rx_strips_tag = vf_strips,
	.rx_buffers = vf_rx_buffers,
	.rx_commit = vf_rx_commit,
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

static void from_wire(const uint8_t *bytes, uint32_t len)
{
	static uint64_t now = 1000000;

	if (write(peer, bytes, len) != (ssize_t)len)
		return;
	now += 1000000;
	if (ports.uplink->ops->tx_poll(ports.uplink, &burst, now))
		nic_switch_burst(&sw, ports.uplink, &burst);
}

/* As a model hands it over: the beginning as a snapshot, the rest where it is. */
static void from_vf(const uint8_t *bytes, uint32_t len)
{
	struct nic_frame *f = &burst.frame[0];

	if (len < NET_ETH_HLEN + NET_VLAN_HLEN || len > NIC_JUMBO_MAX)
		return;
	f->len = len;
	f->hdr_len = (uint16_t)MIN(len, (uint32_t)NIC_HDR_PLAIN);
	memcpy(f->hdr, bytes, f->hdr_len);
	memcpy(sent_from, (uint8_t[]){2, 0, 0, 0, 0, (uint8_t)sender}, NET_ETH_ALEN);
	f->segs = burst.seg;
	f->num_segs = len > f->hdr_len;
	burst.seg[0] = (struct nic_seg){bytes + f->hdr_len, len - f->hdr_len};
	burst.num_segs = f->num_segs;
	f->tagged = f->csum_valid = false;
	f->local = true;
	f->off = (struct net_offload){0};
	nic_frame_lift_tag(f);
	burst.n = 1;
	nic_switch_burst(&sw, &vfs[sender].port, &burst);
}

static void one_frame(struct input *in)
{
	uint8_t what = take(in);
	uint32_t len = (take(in) | (uint32_t)take(in) << 8) % LEN_MAX;
	uint8_t *bytes = malloc(len + !len), head[HEAD_MAX] = {0};

	MUST(bytes);
	for (uint32_t i = 0; i < MIN(len, HEAD_MAX); i++)
		head[i] = take(in);
	memset(bytes, 0x5a, len + !len);
	sender = what & SENDER;
	if (what & TO_VF)
		memcpy(head, (uint8_t[]){2, 0, 0, 0, 0, head[5] % VFS}, NET_ETH_ALEN);
	if (what & FROM_OWN)
		memcpy(head + 6, (uint8_t[]){2, 0, 0, 0, 0, (uint8_t)sender}, NET_ETH_ALEN);
	if (what & TAG)
		memcpy(head + 12, (uint8_t[]){0x81, 0, head[14] & 0xf0, head[15] % VIDS}, 4);
	memcpy(bytes, head, MIN(len, HEAD_MAX));
	burst.n = burst.num_segs = 0;
	if (sender == UPLINK)
		from_wire(bytes, len);
	else
		from_vf(bytes, len);
	if (what & FLUSH)
		flush();
	free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, data + size};

	world_new(&in);
	while (in.p < in.end)
		one_frame(&in);
	world_free();
	return 0;
}
