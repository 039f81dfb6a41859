/* SPDX-License-Identifier: BSD-3-Clause */
/* igbvf_mbx.c - the mailbox to the PF: sixteen words, taken in turns under two ownership bits.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "igbvf_priv.h"
#include "net_eth.h"

#define MBX_WAIT_NS  (2 * NSEC_PER_SEC)
#define MBX_STEP_NS  20000L
#define RESET_PAUSES 200

static void mbx_pause(void)
{
	struct timespec ts = {.tv_nsec = MBX_STEP_NS};

	nanosleep(&ts, NULL);
}

int igbvf_mbx_read(struct ladon_igbvf *vf, uint32_t *ret_bits)
{
	uint32_t bits;
	int err = igbvf_rd(vf, VF_MAILBOX, &bits);

	if (err)
		return err;
	bits |= vf->mbx_r2c;
	vf->mbx_r2c = bits & MBX_R2C;
	*ret_bits = bits;
	return 0;
}

/* Waits for bit, which is used up. */
static int mbx_await(struct ladon_igbvf *vf, uint32_t bit)
{
	uint64_t end = clock_ns() + MBX_WAIT_NS;
	uint32_t bits;

	for (;;) {
		int err = igbvf_mbx_read(vf, &bits);

		if (err)
			return err;
		if (bits & bit) {
			vf->mbx_r2c &= ~bit;
			return 0;
		}
		if (clock_ns() > end)
			return -ETIMEDOUT;
		mbx_pause();
	}
}

/* VFU sticks only while the PF does not own the buffer. */
static int mbx_lock(struct ladon_igbvf *vf)
{
	uint64_t end = clock_ns() + MBX_WAIT_NS;
	uint32_t bits;

	for (;;) {
		int err = igbvf_wr(vf, VF_MAILBOX, MBX_VFU);

		if (!err)
			err = igbvf_mbx_read(vf, &bits);
		if (err)
			return err;
		if (bits & MBX_VFU)
			return 0;
		if (clock_ns() > end)
			return -ETIMEDOUT;
		mbx_pause();
	}
}

static int mbx_send(struct ladon_igbvf *vf, const uint32_t *msg, unsigned len)
{
	int err = mbx_lock(vf);

	/* An answer or acknowledgement from before is void: its words are overwritten now. */
	vf->mbx_r2c &= ~(MBX_PFSTS | MBX_PFACK);
	for (unsigned i = 0; !err && i < len; i++)
		err = igbvf_wr(vf, VF_MBMEM(i), msg[i]);
	/* Writing REQ without VFU hands the buffer over. */
	return err ? err : igbvf_wr(vf, VF_MAILBOX, MBX_REQ);
}

static int mbx_receive(struct ladon_igbvf *vf, uint32_t *ret, unsigned len)
{
	int err = mbx_await(vf, MBX_PFSTS);

	if (!err)
		err = mbx_lock(vf);
	for (unsigned i = 0; !err && i < len; i++)
		err = igbvf_rd(vf, VF_MBMEM(i), &ret[i]);
	return err ? err : igbvf_wr(vf, VF_MAILBOX, MBX_ACK);
}

/* Sends and receives; what the PF says on its own account meanwhile is passed over. */
static int mbx_exchange(struct ladon_igbvf *vf, const uint32_t *msg, unsigned len,
			uint32_t *ret, unsigned ret_len)
{
	uint64_t end = clock_ns() + MBX_WAIT_NS;
	uint32_t words[MBX_WORDS] = {0};
	int err = mbx_send(vf, msg, len);

	if (!err)
		err = mbx_await(vf, MBX_PFACK);
	do {
		if (!err && clock_ns() > end)
			err = -ETIMEDOUT;
		if (!err)
			err = mbx_receive(vf, words, ret_len);
	} while (!err && (words[0] & MSG_ID) == MSG_PF_CONTROL);
	if (err)
		return err;
	memcpy(ret, words, ret_len * sizeof(*words));
	return 0;
}

int igbvf_mbx_call(struct ladon_igbvf *vf, const uint32_t *msg, unsigned len, uint32_t *ret,
		   unsigned ret_len)
{
	uint32_t asked = msg[0] & MSG_ID;
	int err = mbx_exchange(vf, msg, len, ret, ret_len);

	if (err)
		return err;
	if ((ret[0] & MSG_ID) != asked)
		return -EPROTO;
	if (ret[0] & MSG_NACK)
		return -EPERM;
	return ret[0] & MSG_ACK ? 0 : -EPROTO;
}

/* The VF may speak when the reset indication is gone; a done indication is used up. */
static int mbx_reset_done(struct ladon_igbvf *vf)
{
	uint32_t bits;

	for (unsigned i = 0; i < RESET_PAUSES; i++) {
		int err = igbvf_mbx_read(vf, &bits);

		if (err)
			return err;
		vf->mbx_r2c = 0;
		if (!(bits & MBX_RSTI))
			return 0;
		mbx_pause();
	}
	return -ETIMEDOUT;
}

int igbvf_mbx_reset(struct ladon_igbvf *vf)
{
	uint32_t msg[3] = {MSG_RESET}, ctrl;
	int err = igbvf_rd(vf, VF_CTRL, &ctrl);

	if (!err)
		err = igbvf_wr(vf, VF_CTRL, ctrl | CTRL_RST);
	if (!err)
		err = mbx_reset_done(vf);
	if (!err)
		err = igbvf_mbx_call(vf, msg, 1, msg, 3);
	if (err && err != -EPERM)
		return err;
	/* NACK: the PF has no address for us. */
	if (err == -EPERM) {
		net_mac_random(vf->mac);
		return ladon_igbvf_set_mac(vf, vf->mac);
	}
	memcpy(vf->mac, &msg[1], sizeof(vf->mac));
	return 0;
}

/* What the PF says without being asked is read, so that it can say more. A message that does
 * not clear us to send means that the PF knows nothing of us any more. */
int ladon_igbvf_check(struct ladon_igbvf *vf)
{
	uint32_t bits, word;
	int err = igbvf_mbx_read(vf, &bits);

	if (err)
		return err;
	vf->pf_spoke = false;
	if (bits & (MBX_RSTI | MBX_RSTD))
		return 1;
	if (!(bits & MBX_PFSTS))
		return 0;
	err = mbx_receive(vf, &word, 1);
	return err ? err : !(word & MSG_CTS);
}

static int mbx_mac(struct ladon_igbvf *vf, uint32_t word0, const uint8_t *mac)
{
	uint32_t msg[3] = {word0};

	if (mac)
		memcpy(&msg[1], mac, NET_ETH_ALEN);
	return igbvf_mbx_call(vf, msg, 3, msg, 3);
}

void ladon_igbvf_mac(const struct ladon_igbvf *vf, uint8_t ret_mac[6])
{
	memcpy(ret_mac, vf->mac, NET_ETH_ALEN);
}

int ladon_igbvf_set_mac(struct ladon_igbvf *vf, const uint8_t mac[6])
{
	int err = net_mac_is_valid(mac) ? mbx_mac(vf, MSG_SET_MAC, mac) : -EINVAL;

	if (!err)
		memmove(vf->mac, mac, NET_ETH_ALEN);
	return err;
}

int ladon_igbvf_add_mac(struct ladon_igbvf *vf, const uint8_t mac[6])
{
	return net_mac_is_valid(mac) ? mbx_mac(vf, MSG_SET_MAC | MSG_FILTER_ADD, mac) : -EINVAL;
}

int ladon_igbvf_clear_macs(struct ladon_igbvf *vf)
{
	return mbx_mac(vf, MSG_SET_MAC | MSG_FILTER_CLR, NULL);
}

int ladon_igbvf_set_multicast(struct ladon_igbvf *vf, const uint8_t (*macs)[6], unsigned num)
{
	uint32_t msg[MBX_WORDS] = {MSG_SET_MULTI | num << MSG_INFO_SHIFT};

	if (num > MBX_MAX_HASHES)
		return -E2BIG;
	for (unsigned i = 0; i < num; i++) {
		/* The upper 12 bits of the address, last byte on the wire first. */
		uint16_t hash = (uint16_t)(macs[i][4] >> 4 | macs[i][5] << 4);

		put_le16((uint8_t *)&msg[1] + 2 * i, hash);
	}
	return igbvf_mbx_call(vf, msg, MBX_WORDS, msg, 1);
}

int ladon_igbvf_set_promisc(struct ladon_igbvf *vf, bool unicast, bool multicast)
{
	uint32_t msg = MSG_SET_PROMISC | (unicast ? MSG_PROMISC_UC : 0) |
		       (multicast ? MSG_PROMISC_MC : 0);

	return igbvf_mbx_call(vf, &msg, 1, &msg, 1);
}

int ladon_igbvf_set_allmulti(struct ladon_igbvf *vf, bool on)
{
	return ladon_igbvf_set_promisc(vf, false, on);
}

static int mbx_vlan(struct ladon_igbvf *vf, unsigned vid, bool add)
{
	uint32_t msg[2] = {MSG_SET_VLAN | (uint32_t)add << MSG_INFO_SHIFT, vid};

	return vid < 4096 ? igbvf_mbx_call(vf, msg, 2, msg, 1) : -EINVAL;
}

int ladon_igbvf_vlan_add(struct ladon_igbvf *vf, unsigned vid)
{
	return mbx_vlan(vf, vid, true);
}

int ladon_igbvf_vlan_del(struct ladon_igbvf *vf, unsigned vid)
{
	return mbx_vlan(vf, vid, false);
}
