/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * function_pf.c - the physical function, for a PF driver in a management VM: pf.sock. Whoever
 * attaches owns the card's policy, and VFs exist as its SR-IOV capability says. A client that
 * has not said VERSION yet owns nothing.
 */
#include <errno.h>

#include "card.h"
#include "clock.h"
#include "daemon.h"
#include "event.h"
#include "function.h"
#include "pci_regs.h"

#define SETTLE_NS NSEC_PER_MSEC /* from a register write to the policy, at the latest */

static uint16_t config16(const struct function *fn, unsigned offset)
{
	uint16_t value;

	pci_config_read(&fn->cfg, offset, &value, sizeof(value));
	return value;
}

/* ---- VFs ---- */

/* Their links follow. */
static void tell_vfs(struct function *fn)
{
	unsigned vfs = fn->pf->vfs_enabled;

	card_tell_links(fn->card);
	if (vfs == fn->vfs_told)
		return;
	fn->vfs_told = vfs;
	if (fn->pf->owns && log_limit_ok(&fn->log_vfs))
		log_info("%s: the guest's PF driver has %u VFs enabled", fn->name, vfs);
	event_sriov(fn->daemon, fn, vfs);
}

/*
 * VF Enable makes VFs, VF MSE makes their registers decode. A VF whose registers do not answer
 * is of no use to its VM, so both are asked for: Linux sets and clears them in one write.
 */
static void follow_sriov(struct function *fn)
{
	uint16_t control =
		fn->cfg.sriov.cap ? config16(fn, fn->cfg.sriov.cap + PCI_SRIOV_CONTROL) : 0;
	bool decode = control & PCI_SRIOV_CONTROL_VF_MSE;

	i82576_pf_set_vfs(fn->pf, decode ? pci_sriov_num_vfs(&fn->cfg) : 0);
	tell_vfs(fn);
}

/* ---- policy ---- */

static void on_settle(void *arg)
{
	struct function *fn = arg;

	fn->settling = false;
	i82576_pf_settle(fn->pf);
	card_tell_links(fn->card);
}

/* ---- life ---- */

/* Those that a PF driver may know: all, or none where it cannot know all. Returns how many. */
static unsigned known_vfs(const struct card *card, struct i82576_vf **ret_vfs)
{
	if (!card_is_82576(card))
		return 0;
	for (unsigned n = 0; n < card->vfs_end; n++)
		ret_vfs[n] = card->functions[n]->vf;
	return card->vfs_end;
}

void function_pf_forget_vfs(struct function *fn)
{
	i82576_pf_set_card_vfs(fn->pf, NULL, 0);
}

void function_pf_follow_vfs(struct function *fn)
{
	struct i82576_vf *vfs[I82576_PF_MAX_VFS];
	unsigned num = known_vfs(fn->card, vfs);

	i82576_pf_set_card_vfs(fn->pf, vfs, num);
	i82576_pf_config(fn->pf, fn->card->params.place, &fn->cfg);
}

static int make(struct function *fn)
{
	struct i82576_vf *vfs[I82576_PF_MAX_VFS];
	struct card *card = fn->card;
	unsigned num = known_vfs(card, vfs);
	int ret = i82576_pf_new(card->nic, fn->rid, fn->dom, vfs, num, &fn->pf);

	if (ret < 0)
		return ret;
	fn->dev = &fn->pf->fn;
	i82576_pf_config(fn->pf, card->params.place, &fn->cfg);
	return loop_add_timer(fn->daemon->loop, on_settle, fn, &fn->settle_timer);
}

static void unmake(struct function *fn)
{
	loop_timer_del(fn->settle_timer);
	i82576_pf_free(fn->pf);
}

static int accepted(struct function *fn, const char **why)
{
	int ret;

	if (!card_is_82576(fn->card)) {
		*why = "the card has VFs that an 82576 and its PF driver do not know: at most "
		       "7, "
		       "from VF 0 on without a gap, are right";
		return -EBUSY;
	}
	ret = i82576_pf_attach(fn->pf);
	if (ret < 0) {
		*why = "the data path has no place for the PF";
		return ret;
	}
	log_info("%s: the guest's PF driver owns the policy of %s", fn->name, fn->card->name);
	event_owner(fn->daemon, fn->card, "guest");
	tell_vfs(fn);
	return 0;
}

static void gone(struct function *fn)
{
	bool owned = fn->pf->owns;

	loop_timer_disarm(fn->settle_timer);
	fn->settling = false;
	i82576_pf_detach(fn->pf);
	if (!owned)
		return;
	tell_vfs(fn);
	log_info("%s: the built-in PF owns the policy of %s", fn->name, fn->card->name);
	event_owner(fn->daemon, fn->card, "builtin");
}

static void reset(struct function *fn)
{
	i82576_pf_reset(fn->pf);
}

/* ---- registers and interrupts ---- */

static void bar_read(struct function *fn, unsigned bar, uint32_t offset, void *buf,
		     uint32_t len)
{
	i82576_pf_bar_read(fn->pf, bar, offset, buf, len);
}

static void bar_write(struct function *fn, unsigned bar, uint32_t offset, const void *buf,
		      uint32_t len)
{
	i82576_pf_bar_write(fn->pf, bar, offset, buf, len);
	if (!fn->pf->policy_dirty || fn->settling)
		return;
	fn->settling = true;
	loop_timer_arm(fn->settle_timer, SETTLE_NS);
}

static void irqs_changed(struct function *fn)
{
	uint16_t control = config16(fn, fn->cfg.cap_msix + PCI_MSIX_CONTROL);
	bool msix = control & PCI_MSIX_CONTROL_ENABLE || fn->irqs.index == VFU_IRQ_INDEX_MSIX;

	i82576_pf_intr_mode(fn->pf, msix, !msix && fn->irqs.index == VFU_IRQ_INDEX_INTX);
}

static void intx_unmasked(struct function *fn)
{
	i82576_pf_intx_unmask(fn->pf);
}

static void configured(struct function *fn, unsigned events)
{
	const unsigned sriov = PCI_EV_SRIOV_ENABLE | PCI_EV_SRIOV_DISABLE | PCI_EV_SRIOV_MSE;

	if (!events || events & sriov)
		follow_sriov(fn);
	if (!events || events & PCI_EV_MSIX)
		irqs_changed(fn);
}

/* ---- the card ---- */

void function_pf_dp_event(struct function *fn)
{
	if (fn->pf->owns)
		i82576_pf_dp_event(fn->pf);
}

void function_pf_wire(struct function *fn)
{
	i82576_pf_wire(fn->pf);
}

const struct function_kind function_pf = {
	.word = "pf",
	.bar_size = {I82576_PF_BAR0_SIZE, I82576_PF_BAR1_SIZE, I82576_PF_BAR2_SIZE,
		     I82576_PF_BAR3_SIZE},
	.irqs = {[VFU_IRQ_INDEX_INTX] = {1, VFU_IRQ_EVENTFD | VFU_IRQ_MASKABLE |
						    VFU_IRQ_AUTOMASKED},
		 [VFU_IRQ_INDEX_MSI] = {1, VFU_IRQ_EVENTFD},
		 [VFU_IRQ_INDEX_MSIX] = {I82576_PF_VECTORS, VFU_IRQ_EVENTFD}},
	.hides_ext = true,
	.opener = TOKEN_OF_PF,
	.has_memory = true,
	.make = make,
	.unmake = unmake,
	.bar_read = bar_read,
	.bar_write = bar_write,
	.accepted = accepted,
	.gone = gone,
	.reset = reset,
	.configured = configured,
	.irqs_changed = irqs_changed,
	.intx_unmasked = intx_unmasked,
};
