/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The PF while no PF driver runs: answers the messages of igbvf and of DPDK as igb would.
 * What a VF may do is decided by nic_card; a refusal becomes a NACK.
 *
 * Clear to send is nic_vf_guest.active: gained by RESET, lost by any reset of the VF or by the
 * card. A VF without it is answered NACK without CTS, also when it only reads its mail: that is
 * how igbvf learns that it must reset itself.
 */
#include <errno.h>

#include "i82576_regs.h"
#include "i82576_vf.h"

#define MSG_ID	       0xffffu
#define MSG_INFO       GENMASK(23, 16)
#define MSG_CTS	       BIT(29)
#define MSG_NACK       BIT(30)
#define MSG_ACK	       BIT(31)
#define MSG_PF_CONTROL 0x0100u

enum {
	MSG_RESET = 1,
	MSG_SET_MAC,
	MSG_SET_MULTICAST,
	MSG_SET_VLAN,
	MSG_SET_LPE,
	MSG_SET_PROMISC
};

/* MSG_INFO of SET_MAC and SET_PROMISC. */
#define MAC_FILTER_CLEAR  1u
#define MAC_FILTER_ADD	  2u
#define PROMISC_UNICAST	  1u
#define PROMISC_MULTICAST 2u

#define MAX_HASHES 30u /* fill the fifteen words after word 0 */
#define VLAN_ID	   0xfffu

static bool clear_to_send(const struct i82576_vf *vf)
{
	return vf->fn.card->vf[vf->fn.n].guest.active;
}

/* Multicast promiscuity has two sources, as in igb. */
static int apply_promisc(struct i82576_vf *vf)
{
	return nic_card_guest_promisc(vf->fn.card, vf->fn.n,
				      vf->memo.mc_promisc || vf->memo.mc_overflow,
				      vf->memo.uc_promisc);
}

/* The filters can always be given back; igb refuses it for the zero address that igbvf sends
 * along. */
static int set_mac(struct i82576_vf *vf, uint32_t info, const uint32_t *args)
{
	const uint8_t *mac = (const uint8_t *)args;

	switch (info) {
	case 0:
		return nic_card_guest_mac(vf->fn.card, vf->fn.n, mac);
	case MAC_FILTER_CLEAR:
		nic_card_guest_filter_clear(vf->fn.card, vf->fn.n);
		return 0;
	case MAC_FILTER_ADD:
		return nic_card_guest_filter_add(vf->fn.card, vf->fn.n, mac);
	default:
		return -EINVAL;
	}
}

static int set_multicast(struct i82576_vf *vf, uint32_t info, const uint32_t *args)
{
	uint16_t hash[MAX_HASHES];
	bool overflow = info > MAX_HASHES;

	memcpy(hash, args, sizeof(hash));
	nic_card_guest_multicast(vf->fn.card, vf->fn.n, hash, MIN(info, MAX_HASHES));
	if (overflow == vf->memo.mc_overflow)
		return 0;
	vf->memo.mc_overflow = overflow;
	return apply_promisc(vf);
}

static int set_vlan(struct i82576_vf *vf, uint32_t info, const uint32_t *args)
{
	return nic_card_guest_vlan(vf->fn.card, vf->fn.n, args[0] & VLAN_ID, info != 0);
}

static int set_lpe(struct i82576_vf *vf, uint32_t info, const uint32_t *args)
{
	(void)info;
	return nic_card_guest_lpe(vf->fn.card, vf->fn.n, args[0]);
}

/* As in igb, the multicast part takes effect even if the rest is refused. */
static int set_promisc(struct i82576_vf *vf, uint32_t info, const uint32_t *args)
{
	int r;

	(void)args;
	vf->memo.mc_promisc = info & PROMISC_MULTICAST;
	vf->memo.uc_promisc = info & PROMISC_UNICAST;
	r = apply_promisc(vf);
	if (r < 0) {
		vf->memo.uc_promisc = false;
		apply_promisc(vf);
	}
	return info & ~(PROMISC_MULTICAST | PROMISC_UNICAST) ? -EINVAL : r;
}

/* args: the fifteen words after word 0. Returns 0 (ACK) or -errno (NACK). */
typedef int pf_handler(struct i82576_vf *vf, uint32_t info, const uint32_t *args);

static pf_handler *const handlers[] = {
	[MSG_SET_MAC] = set_mac, [MSG_SET_MULTICAST] = set_multicast, [MSG_SET_VLAN] = set_vlan,
	[MSG_SET_LPE] = set_lpe, [MSG_SET_PROMISC] = set_promisc,
};

/* The one answer without CTS: igbvf compares all of its first word. */
static void answer_reset(struct i82576_vf *vf)
{
	uint32_t words[3] = {MSG_RESET | MSG_ACK};

	vf->memo = (struct i82576_pf_memo){0};
	nic_card_guest_reset(vf->fn.card, vf->fn.n, (uint8_t *)&words[1]);
	nic_card_guest_active(vf->fn.card, vf->fn.n, true);
	i82576_mbx_answer(vf, words, ARRAY_SIZE(words));
}

static int dispatch(struct i82576_vf *vf, const uint32_t *msg)
{
	uint32_t id = msg[0] & MSG_ID;
	pf_handler *handler = id < ARRAY_SIZE(handlers) ? handlers[id] : NULL;

	return handler ? handler(vf, FIELD_GET(MSG_INFO, msg[0]), msg + 1) : -EOPNOTSUPP;
}

static void builtin_message(struct i82576_vf *vf)
{
	uint32_t msg[I82576_MBX_WORDS], answer;

	memcpy(msg, vf->mbx.mem, sizeof(msg));
	i82576_mbx_ack(vf);
	if (msg[0] & (MSG_ACK | MSG_NACK))
		return; /* an answer of ours, sent back: not a message */
	if (msg[0] == MSG_RESET) {
		answer_reset(vf);
		return;
	}
	if (!clear_to_send(vf))
		answer = msg[0] | MSG_NACK;
	else
		answer = msg[0] | MSG_CTS | (dispatch(vf, msg) < 0 ? MSG_NACK : MSG_ACK);
	i82576_mbx_answer(vf, &answer, 1);
}

static void builtin_acked(struct i82576_vf *vf)
{
	static const uint32_t nack = MSG_NACK;

	if (!clear_to_send(vf) && i82576_mbx_free(vf))
		i82576_mbx_answer(vf, &nack, 1);
}

/* The interrupt alone makes a driver look at STATUS, so it comes even when the message has to
 * wait. */
static void builtin_changed(struct i82576_vf *vf)
{
	uint32_t msg = MSG_PF_CONTROL | (clear_to_send(vf) ? MSG_CTS : 0);

	vf->mbx.ping = !i82576_mbx_free(vf);
	if (!vf->mbx.ping)
		i82576_mbx_answer(vf, &msg, 1);
	i82576_mbx_interrupt(vf);
}

static void builtin_vf_reset(struct i82576_vf *vf)
{
	vf->memo = (struct i82576_pf_memo){0};
	vf->bar0[I82576_VF_V2PMAILBOX / 4] |= I82576_V2P_RSTD;
}

const struct i82576_peer_ops i82576_builtin_peer = {
	.message = builtin_message,
	.acked = builtin_acked,
	.vf_reset = builtin_vf_reset,
	.changed = builtin_changed,
};
