/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The VFs' mailboxes with a PF driver at the other end: register accesses in the order of igb
 * and igbvf. The PF is made by hand: registers, two VFs, and one vector that tells of causes.
 */
#include "test_i82576_pf.h"

#define V2P   I82576_VF_V2PMAILBOX
#define MEM   I82576_VF_VMBMEM
#define WORDS I82576_MBX_WORDS
/* P2VMAILBOX and MBVFICR as igb names their bits. */
#define STS	   0x01u
#define PF_ACK	   0x02u
#define VFU	   0x04u
#define PFU	   0x08u
#define RVFU	   0x10u
#define VFREQ(n)   (0x00000001u << (n))
#define VFACK(n)   (0x00010000u << (n))
#define VF_RESET   1u
#define ACK	   0x80000000u
#define CTS	   0x20000000u
#define PF_CONTROL 0x0100u

static int pf_fd;

static uint32_t p2v(unsigned n)
{
	return I82576_P2VMAILBOX + 4 * n;
}

static uint32_t mem_of(unsigned n, unsigned word)
{
	return I82576_VMBMEM + 64 * n + 4 * word;
}

/* Interrupts of the PF since the last call. */
static uint64_t pf_got(void)
{
	uint64_t n = 0;

	return read(pf_fd, &n, sizeof(n)) < 0 ? 0 : n;
}

static int new_pf(void)
{
	if (pf_new_bare() < 0)
		return -1;
	pf_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	test_intr_set_fd(&pf->fn.intr, PCI_RID(1, 0, 4), 0, pf_fd);
	pf->num_vfs = 2;
	memcpy(pf->vf, tc.vf, sizeof(tc.vf));
	i82576_pf_mbx_reset(pf);
	return 0;
}

/* Both drivers have come up; the VF's mailbox has vector 2. */
static int set_up(void **state)
{
	if (test_set_up(state) < 0 || new_pf() < 0)
		return -1;
	wr_pf(I82576_CTRL_EXT, I82576_CTRL_EXT_PFRSTD);
	for (unsigned n = 0; n < 2; n++) {
		i82576_vf_set_peer(tc.vf[n], &i82576_guest_peer, pf);
		rd_of(tc.vf[n], V2P);
	}
	wr_pf(I82576_VFLRE, 0xff);
	rd_pf(I82576_ICR);
	wr_pf(I82576_MBVFIMR, 0xff);
	wr_pf(I82576_IMS, I82576_ICR_VMMB);
	wr(I82576_VF_IVAR_MISC, 0x82);
	wr(I82576_VF_EIAC, 7);
	wr(I82576_VF_EIAM, 7);
	wr(I82576_VF_EIMS, 7);
	return 0;
}

static int tear_down(void **state)
{
	for (unsigned n = 0; n < 2; n++)
		i82576_vf_set_peer(tc.vf[n], &i82576_builtin_peer, NULL);
	close(pf_fd);
	free(pf);
	return test_tear_down(state);
}

/* ---- igb ---- */

static bool pf_lock(unsigned n)
{
	wr_pf(p2v(n), PFU);
	return rd_pf(p2v(n)) & PFU;
}

static void pf_unlock(unsigned n)
{
	uint32_t v = rd_pf(p2v(n));

	if (v & PFU)
		wr_pf(p2v(n), v & ~PFU);
}

/* Was the cause there? It is cleared. */
static bool pf_check(uint32_t reg, uint32_t bit)
{
	if (!(rd_pf(reg) & bit))
		return false;
	wr_pf(reg, bit);
	return true;
}

static bool pf_send(unsigned n, const uint32_t *words, unsigned num)
{
	if (!pf_lock(n))
		return false;
	pf_check(I82576_MBVFICR, VFREQ(n));
	pf_check(I82576_MBVFICR, VFACK(n));
	for (unsigned i = 0; i < num; i++)
		wr_pf(mem_of(n, i), words[i]);
	wr_pf(p2v(n), STS);
	return true;
}

static bool pf_receive(unsigned n, uint32_t *words, bool unlock)
{
	if (!pf_lock(n))
		return false;
	for (unsigned i = 0; i < WORDS; i++)
		words[i] = rd_pf(mem_of(n, i));
	wr_pf(p2v(n), unlock ? PF_ACK : PF_ACK | PFU);
	return true;
}

/* ---- igbvf (VF 0) ---- */

static bool vf_lock(void)
{
	wr(V2P, I82576_V2P_VFU);
	return rd(V2P) & I82576_V2P_VFU;
}

static void vf_send(const uint32_t *words, unsigned num)
{
	assert_true(vf_lock());
	for (unsigned i = 0; i < num; i++)
		wr(MEM + 4 * i, words[i]);
	wr(V2P, I82576_V2P_REQ);
}

static uint32_t vf_receive(void)
{
	uint32_t word;

	assert_true(vf_lock());
	word = rd(MEM);
	wr(V2P, I82576_V2P_ACK);
	return word;
}

static uint64_t vf_got(void)
{
	wr(I82576_VF_EIMS, 7);
	return test_got(2);
}

/* ---- messages ---- */

static void a_message_and_its_answer(void **state)
{
	uint32_t msg[WORDS], got[WORDS];

	(void)state;
	for (uint32_t i = 0; i < WORDS; i++)
		msg[i] = 0xa5000000 + i;
	vf_send(msg, WORDS);
	assert_int_equal(pf_got(), 1);
	assert_int_equal(rd_pf(I82576_ICR), I82576_ICR_INT_ASSERTED | I82576_ICR_VMMB);
	assert_int_equal(rd_pf(I82576_MBVFICR), VFREQ(0));
	assert_true(pf_check(I82576_MBVFICR, VFREQ(0)));
	assert_false(pf_check(I82576_MBVFICR, VFREQ(0)));
	assert_true(pf_receive(0, got, false));
	assert_memory_equal(got, msg, sizeof(msg));
	assert_int_equal(vf_got(), 1);
	assert_true(pf_send(0, (uint32_t[]){msg[0] | CTS}, 1));
	assert_int_equal(vf_got(), 1);
	assert_int_equal(rd(V2P), I82576_V2P_PFSTS | I82576_V2P_PFACK);
	assert_int_equal(rd(V2P), 0);
	assert_int_equal(pf_got(), 0);
	assert_int_equal(vf_receive(), msg[0] | CTS);
	assert_int_equal(rd(MEM + 60), msg[15]);
	assert_int_equal(pf_got(), 1);
	assert_int_equal(rd_pf(I82576_MBVFICR), VFACK(0));
}

static void a_read_may_keep_the_lock_or_give_it_back(void **state)
{
	uint32_t got[WORDS];

	(void)state;
	vf_send((uint32_t[]){5}, 1);
	assert_true(pf_receive(0, got, true));
	assert_int_equal(rd_pf(p2v(0)), 0);
	assert_int_equal(rd(V2P), I82576_V2P_PFACK);
	assert_true(pf_receive(0, got, false));
	assert_int_equal(rd_pf(p2v(0)), PFU);
	assert_int_equal(rd(V2P), I82576_V2P_PFACK | I82576_V2P_PFU);
	pf_unlock(0);
	assert_int_equal(rd_pf(p2v(0)), 0);
	assert_int_equal(rd(V2P), 0); /* nothing is sent by that */
}

static void a_ping_comes_unasked(void **state)
{
	(void)state;
	assert_true(pf_send(0, (uint32_t[]){PF_CONTROL | CTS}, 1));
	assert_int_equal(vf_got(), 1);
	assert_int_equal(rd(V2P), I82576_V2P_PFSTS);
	assert_int_equal(vf_receive(), PF_CONTROL | CTS);
	assert_true(pf_check(I82576_MBVFICR, VFACK(0)));
}

static void status_bits_are_the_vf_s_to_clear(void **state)
{
	(void)state;
	wr_pf(p2v(0), STS | PF_ACK);
	assert_int_equal(vf_got(), 1); /* one for both */
	assert_int_equal(rd_pf(p2v(0)), 0);
	wr_pf(p2v(0), 0);
	wr(V2P, 0);
	assert_int_equal(rd(V2P), I82576_V2P_PFSTS | I82576_V2P_PFACK);
	assert_int_equal(rd(V2P), 0);
}

static void without_a_vector_there_is_no_interrupt(void **state)
{
	(void)state;
	wr(I82576_VF_IVAR_MISC, 0x02);
	wr_pf(p2v(0), STS);
	assert_int_equal(vf_got(), 0);
	assert_int_equal(rd(V2P), I82576_V2P_PFSTS);
}

/* ---- locks ---- */

static void the_locks_exclude_each_other(void **state)
{
	(void)state;
	assert_true(vf_lock());
	assert_false(pf_lock(0));
	assert_int_equal(rd_pf(p2v(0)), VFU); /* trying took nothing away */
	assert_int_equal(rd(V2P), I82576_V2P_VFU);
	wr(V2P, 0);
	assert_true(pf_lock(0));
	assert_false(vf_lock());
	assert_int_equal(rd_pf(p2v(0)), PFU);
	wr_pf(p2v(0), 0);
	assert_true(vf_lock());
}

static void the_pf_may_take_the_lock_away(void **state)
{
	(void)state;
	assert_true(vf_lock());
	wr_pf(p2v(0), RVFU);
	assert_int_equal(rd_pf(p2v(0)), 0);
	assert_int_equal(rd(V2P), 0);
	assert_true(vf_lock());
	wr_pf(p2v(0), RVFU | PFU);
	assert_int_equal(rd_pf(p2v(0)), PFU);
	assert_false(vf_lock());
}

static void a_request_is_told_at_once_though_the_lock_is_kept(void **state)
{
	(void)state;
	wr(V2P, I82576_V2P_VFU | I82576_V2P_REQ);
	assert_int_equal(pf_got(), 1);
	assert_true(pf_check(I82576_MBVFICR, VFREQ(0)));
	wr(V2P, 0);
	assert_int_equal(rd_pf(I82576_MBVFICR), 0); /* once */
	assert_int_equal(tc.vf[0]->mailbox_msgs, 1);
}

static void a_reset_of_the_pf_releases_its_locks_alone(void **state)
{
	(void)state;
	assert_true(vf_lock());
	assert_true(pf_lock(1));
	i82576_pf_mbx_reset(pf);
	assert_int_equal(rd_pf(p2v(0)), VFU);
	assert_int_equal(rd_pf(p2v(1)), 0);
}

/* ---- causes ---- */

static void causes_are_bits_of_one_vf_each(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		wr(V2P, I82576_V2P_REQ);
		wr_of(tc.vf[1], V2P, I82576_V2P_REQ | I82576_V2P_ACK);
	}
	assert_int_equal(rd_pf(I82576_MBVFICR), VFREQ(0) | VFREQ(1) | VFACK(1));
	assert_true(pf_check(I82576_MBVFICR, VFREQ(1)));
	assert_int_equal(rd_pf(I82576_MBVFICR), VFREQ(0) | VFACK(1));
	assert_int_equal(pf_got(), 1); /* VMMB was never read */
}

static void a_masked_vf_is_heard_when_it_is_unmasked(void **state)
{
	(void)state;
	wr_pf(I82576_MBVFIMR, 0xfd);
	wr_of(tc.vf[1], V2P, I82576_V2P_ACK);
	assert_int_equal(pf_got(), 0);
	assert_int_equal(rd_pf(I82576_MBVFICR), VFACK(1));
	wr_pf(I82576_MBVFIMR, 0xfd);
	assert_int_equal(pf_got(), 0);
	wr(V2P, I82576_V2P_REQ); /* the other one is not masked */
	assert_int_equal(pf_got(), 1);
	wr_pf(I82576_MBVFICR, VFREQ(0));
	rd_pf(I82576_ICR);
	wr_pf(I82576_MBVFIMR, 0xff);
	assert_int_equal(pf_got(), 1);
	wr_pf(I82576_MBVFICR, 0xffffffff);
	rd_pf(I82576_ICR);
	wr_pf(I82576_MBVFIMR, 0xff);
	assert_int_equal(pf_got(), 0);
}

/* ---- which VF ---- */

static void each_vf_has_its_own_memory(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < WORDS; i++) {
		wr_pf(mem_of(0, i), 0x100 + i);
		wr_pf(mem_of(1, i), 0x200 + i);
	}
	for (uint32_t i = 0; i < WORDS; i++) {
		assert_int_equal(rd(MEM + 4 * i), 0x100 + i);
		assert_int_equal(rd_of(tc.vf[1], MEM + 4 * i), 0x200 + i);
	}
	assert_true(pf_lock(1));
	assert_int_equal(rd_pf(p2v(0)), 0);
	assert_int_equal(rd(V2P), 0);
	wr(MEM + 60, 0x77);
	assert_int_equal(rd_pf(mem_of(0, 15)), 0x77);
	assert_int_equal(rd_pf(mem_of(1, 0)), 0x200);
}

static void a_vf_that_does_not_exist_reads_zero(void **state)
{
	const uint32_t *v2p = &tc.vf[1]->bar0[V2P / 4];
	uint32_t before;

	(void)state;
	wr_of(tc.vf[1], MEM, 0x1234);
	i82576_vf_set_exists(tc.vf[1], false);
	before = *v2p;
	tc.vf[1]->mbx.mem[0] = 0x1234;
	for (unsigned n = 1; n < 8; n++) {
		wr_pf(mem_of(n, 0), 0x5678);
		wr_pf(p2v(n), PFU | STS | PF_ACK | RVFU);
		assert_int_equal(rd_pf(mem_of(n, 0)), 0);
		assert_int_equal(rd_pf(p2v(n)), 0);
	}
	i82576_pf_tell_reset(pf, false);
	assert_int_equal(*v2p, before);
	assert_int_equal(tc.vf[1]->mbx.mem[0], 0x1234);
	wr_pf(I82576_VFLRE, 0xff);
	rd_pf(I82576_ICR);
	pf_got();
	i82576_vf_reset(tc.vf[1]);
	assert_int_equal(rd_pf(I82576_VFLRE) | rd_pf(I82576_MBVFICR), 0);
	assert_int_equal(pf_got(), 0);
}

/* ---- resets and link ---- */

static void a_reset_of_a_vf_is_told_and_stops_it(void **state)
{
	(void)state;
	wr_pf(I82576_VFRE, 0xff);
	wr_pf(I82576_VFTE, 0xff);
	wr_pf(I82576_MBVFIMR, 0); /* does not mask it */
	pf->policy_dirty = false;
	wr_of(tc.vf[1], I82576_VF_CTRL, I82576_CTRL_RST);
	assert_int_equal(pf_got(), 1);
	assert_int_equal(rd_pf(I82576_ICR), I82576_ICR_INT_ASSERTED | I82576_ICR_VMMB);
	assert_false(pf_check(I82576_VFLRE, 1));
	assert_true(pf_check(I82576_VFLRE, 2));
	assert_false(pf_check(I82576_VFLRE, 2));
	assert_int_equal(rd_pf(I82576_VFRE), 0xfd);
	assert_int_equal(rd_pf(I82576_VFTE), 0xfd);
	assert_true(pf->policy_dirty);
	assert_int_equal(rd_of(tc.vf[1], V2P), I82576_V2P_RSTD);
	assert_int_equal(rd_of(tc.vf[1], V2P), 0);
}

static void rsti_is_a_level_until_pfrstd(void **state)
{
	(void)state;
	i82576_pf_tell_reset(pf, false);
	assert_int_equal(vf_got(), 1);
	assert_int_equal(rd(V2P), I82576_V2P_RSTI);
	assert_int_equal(rd(V2P), I82576_V2P_RSTI);
	wr_pf(p2v(0), RVFU);
	assert_int_equal(rd(V2P), I82576_V2P_RSTI);
	i82576_pf_tell_reset(pf, true);
	assert_int_equal(vf_got(), 1);
	assert_int_equal(rd(V2P), I82576_V2P_RSTD);
	assert_int_equal(rd(V2P), 0);
	assert_int_equal(rd_of(tc.vf[1], V2P), I82576_V2P_RSTD);
}

static void a_vf_reset_while_the_pf_resets_sees_rsti(void **state)
{
	(void)state;
	PF_REG(pf, CTRL_EXT) = 0;
	wr(I82576_VF_CTRL, I82576_CTRL_RST);
	assert_int_equal(rd(V2P), I82576_V2P_RSTI);
	assert_int_equal(rd(V2P), I82576_V2P_RSTI);
	i82576_pf_tell_reset(pf, true);
	assert_int_equal(rd(V2P), I82576_V2P_RSTD);
}

/* igbvf's probe, with igb's msg_task between its steps. */
static void the_reset_handshake_of_both_drivers(void **state)
{
	const uint32_t answer[3] = {VF_RESET | ACK, 0x00000002, 0x0100};
	uint32_t msg[WORDS];

	(void)state;
	wr(I82576_VF_CTRL, I82576_CTRL_RST);
	wr(I82576_VF_IVAR_MISC, 0x82);
	assert_true(rd(V2P) & I82576_V2P_RSTD);
	vf_send((uint32_t[]){VF_RESET}, 1);
	assert_true(pf_got() > 0);
	rd_pf(I82576_ICR);
	assert_true(pf_check(I82576_VFLRE, 1));
	assert_true(pf_check(I82576_MBVFICR, VFREQ(0)));
	assert_true(pf_receive(0, msg, false));
	assert_int_equal(msg[0], VF_RESET);
	assert_true(pf_send(0, answer, 3));
	assert_false(pf_check(I82576_MBVFICR, VFACK(0)));
	assert_int_equal(rd(V2P), I82576_V2P_PFSTS | I82576_V2P_PFACK);
	assert_int_equal(vf_receive(), answer[0]);
	assert_int_equal(rd(MEM + 8), answer[2]);
	assert_true(pf_check(I82576_MBVFICR, VFACK(0)));
}

static void a_change_of_link_is_an_interrupt_without_a_message(void **state)
{
	(void)state;
	assert_int_equal(nic_card_set_link(tc.card, 0, NIC_LINK_DISABLE), 0);
	assert_int_equal(vf_got(), 1);
	assert_int_equal(rd(V2P), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(a_message_and_its_answer),
		T(a_read_may_keep_the_lock_or_give_it_back),
		T(a_ping_comes_unasked),
		T(status_bits_are_the_vf_s_to_clear),
		T(without_a_vector_there_is_no_interrupt),
		T(the_locks_exclude_each_other),
		T(the_pf_may_take_the_lock_away),
		T(a_request_is_told_at_once_though_the_lock_is_kept),
		T(a_reset_of_the_pf_releases_its_locks_alone),
		T(causes_are_bits_of_one_vf_each),
		T(a_masked_vf_is_heard_when_it_is_unmasked),
		T(each_vf_has_its_own_memory),
		T(a_vf_that_does_not_exist_reads_zero),
		T(a_reset_of_a_vf_is_told_and_stops_it),
		T(rsti_is_a_level_until_pfrstd),
		T(a_vf_reset_while_the_pf_resets_sees_rsti),
		T(the_reset_handshake_of_both_drivers),
		T(a_change_of_link_is_an_interrupt_without_a_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
