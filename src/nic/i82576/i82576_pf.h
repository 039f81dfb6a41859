/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * i82576_pf.h - the physical function of an 82576, for a PF driver in a guest.
 *
 *   i82576_pf.c         life, resets, BAR accesses, VF Enable
 *   i82576_pf_regs.c    the register table (regs_pf.def) and short hooks
 *   i82576_nvm.c        EEPROM behind EECD and EERD, semaphores
 *   i82576_phy.c        PHY behind MDIC: autonegotiation, loopback; link state
 *   i82576_pf_intr.c    ICR/IMS and the extended block; MSI-X, MSI, INTx
 *   i82576_pf_mbx.c     the PF's side of the VFs' mailboxes
 *   i82576_pf_policy.c  registers -> struct nic_policy of PF and VFs, RSS
 *   i82576_pf_stats.c   read-to-clear counters
 *   i82576_ptp.c        SYSTIM and time stamps
 *
 * All of BAR0 traps; the data path reads queue registers from the same memory (bar0).
 * Everything runs on the control thread unless it says "data path".
 *
 * While a client is attached to the PF, it owns the card's policy (nic_card_set_owner), the
 * VFs' mailboxes are answered by its driver, and VFs exist only as far as VF Enable and NumVFs
 * say.
 */
#ifndef LADON_I82576_PF_H
#define LADON_I82576_PF_H

#include "i82576_vf.h"

#define I82576_PF_BAR0_SIZE 0x20000u  /* registers */
#define I82576_PF_BAR1_SIZE 0x400000u /* flash: reads ones */
#define I82576_PF_BAR2_SIZE 0x20u     /* I/O: IOADDR 0, IODATA 4 */
#define I82576_PF_BAR3_SIZE 0x4000u   /* MSI-X */
#define I82576_PF_VECTORS   10u
#define I82576_POOLS	    8u
#define I82576_PF_MAX_VFS   7u /* eight pools less the PF's own */
#define I82576_NVM_WORDS    2048u

#define I82576_NVM_PAGE 32u /* bytes that one serial write may change */

/* EEPROM (i82576_nvm.c). Its contents outlive resets; the rest is the serial port's. */
struct i82576_nvm {
	uint16_t word[I82576_NVM_WORDS];
	uint32_t pins; /* EECD as written: clock, select, data in, request */
	bool data_out;
	uint8_t phase;	/* of the command under way (enum spi_phase) */
	uint8_t opcode; /* its first byte */
	uint8_t status; /* the device's status register */
	unsigned bits;	/* clocked since the device was selected, or the phase began */
	uint16_t shift; /* the last 16 bits that came in */
	uint16_t addr;	/* byte address of the command */
	uint8_t out;	/* byte being clocked out */
	uint8_t page[I82576_NVM_PAGE]; /* what WRITE has sent, until the device is deselected */
	uint32_t page_set;	       /* bit per byte of page */
};

/* PHY, an Intel IGP03 (i82576_phy.c). */
struct i82576_phy {
	uint16_t reg[32];	/* as written; status bits are made when read */
	bool link;		/* negotiated: autonegotiation done or speed forced, wire up */
	uint8_t speed;		/* of that link: 0 10 Mb/s, 1 100, 2 1000 */
	bool full_duplex;	/* likewise */
	bool link_latched_down; /* BMSR.LSTATUS latches low until read */
	bool was_reset;		/* STATUS.PHYRA */
	uint32_t status;	/* link, speed and duplex that were last told of */
};

/* Interrupt causes outside the extended block (i82576_pf_intr.c); both threads. */
struct i82576_causes {
	_Atomic uint32_t icr, ims, iam;
	_Atomic uint8_t other_vec; /* IVAR_MISC: vector of what ICR reports; 7 = valid */
	bool msix;		   /* MSI-X enable in configuration space, or MSI-X eventfds */
	bool intx; /* the single vector is INTx: level, asserted anew when unmasked */
};

/* The upper half of a pair of registers, kept when the lower one was read. */
struct i82576_latch {
	bool held;
	uint32_t high;
};

/* SYSTIM at clock_ns() == base_ns, and its rate from then on. */
struct i82576_clock {
	_Atomic uint64_t base, base_ns;
	_Atomic uint32_t timinca;
};

/* Time (i82576_ptp.c). The data path stamps, control reads. */
struct i82576_ptp {
	/* clock[seq % 2] is in force; control fills the other one, then increments seq. */
	struct i82576_clock clock[2];
	_Atomic uint32_t seq;
	_Atomic uint32_t tsyncrxctl, tsynctxctl; /* bit 0 VALID: a stamp waits */
	_Atomic uint64_t tx_stamp, rx_stamp;
	_Atomic uint64_t rx_source; /* RXSATRH << 32 | RXSATRL */
	_Atomic uint32_t tsyncrxcfg, etqf[8];
	_Atomic uint64_t l4[8]; /* FTQF, SPQF and IMIR of filter i in one word */
	struct i82576_latch systim, tx_latch, rx_latch, source_latch; /* control thread */
};

/* What read-to-clear counters subtract (i82576_pf_stats.c); data path counts the sizes. */
struct i82576_pf_stats {
	uint64_t base[64]; /* by row of i82576_pf_stats.c's table */
	_Atomic uint64_t rx_size[6],
		tx_size[6]; /* 64, 65-127, 128-255, 256-511, 512-1023, more */
	_Atomic uint64_t tx_tso;
};

struct i82576_pf {
	struct i82576_fn fn; /* first: the data path knows no more of it */
	const struct nic_reg_map *regs;
	uint32_t bar0[I82576_PF_BAR0_SIZE / 4];
	uint32_t ioaddr; /* BAR2 */
	struct i82576_queue rxq[I82576_MAX_QUEUES], txq[I82576_MAX_QUEUES];
	/* The card's VFs, borrowed. vfs_enabled: VF Enable and how many of them exist. */
	struct i82576_vf *vf[I82576_PF_MAX_VFS];
	unsigned num_vfs, vfs_enabled;
	bool owns;	   /* a client is attached: policy and mailboxes are this PF's */
	bool policy_dirty; /* a register that the policy is made of was written */
	bool transmits;	   /* transmitter on, link up: fn.tx_from is set */
	bool reset_told;   /* PFRSTD: VFs know that no reset is under way */
	uint32_t bcnrc[I82576_MAX_QUEUES];	 /* RTTBCNRC of each queue: its rate limit */
	uint64_t spoofs_seen[I82576_PF_MAX_VFS]; /* spoof drops WVBR has told of */
	struct i82576_nvm nvm;
	struct i82576_phy phy;
	struct i82576_causes causes;
	struct i82576_ptp ptp;
	struct i82576_pf_stats stats;
};

/* ---- i82576_pf.c ---- */

/* Builds the PF beside num_vfs VFs (borrowed, made already), no client attached. dom is
 * borrowed. Returns 0 or -errno. */
int i82576_pf_new(struct nic_card *card, pci_rid_t rid, struct iommu_domain *dom,
		  struct i82576_vf *const *vfs, unsigned num_vfs, struct i82576_pf **ret_pf);
/* The card has other VFs now (likewise), while no client is attached. */
void i82576_pf_set_card_vfs(struct i82576_pf *pf, struct i82576_vf *const *vfs,
			    unsigned num_vfs);
/* No client attached any more. Takes NULL. */
void i82576_pf_free(struct i82576_pf *pf);

/* How the VFs' routing IDs lie (SR-IOV 9.3.3.9): the card's own 0x80 and 2, or 1 and 1 behind a
 * root port. */
struct i82576_sriov_place {
	uint16_t first_offset, stride;
};

/* The PF's configuration space; VF n's as a *view* in the PF's guest: config only, vendor and
 * device FFFFh. */
void i82576_pf_config(const struct i82576_pf *pf, struct i82576_sriov_place place,
		      struct pci_config *ret_cfg);
void i82576_view_config(struct pci_config *ret_cfg);

/* A client attaches: the PF takes policy and mailboxes over, VFs cease to exist until VF
 * Enable. Returns 0 or -errno. And it leaves: reset, everything back to the built-in PF. */
int i82576_pf_attach(struct i82576_pf *pf);
void i82576_pf_detach(struct i82576_pf *pf);

/* Trapped accesses: bar 0 to 3, offset + len inside the BAR, len 1, 2, 4 or 8. */
void i82576_pf_bar_read(struct i82576_pf *pf, unsigned bar, uint32_t offset, void *buf,
			uint32_t len);
void i82576_pf_bar_write(struct i82576_pf *pf, unsigned bar, uint32_t offset, const void *buf,
			 uint32_t len);

/* Function-level or conventional reset: everything at reset values, VFs gone (VF Enable is
 * cleared with the configuration space, by the caller). */
void i82576_pf_reset(struct i82576_pf *pf);
/* CTRL.RST: the port's registers; VFs stay but stop, and see RSTI until PFRSTD. */
void i82576_pf_port_reset(struct i82576_pf *pf);
/* Configuration space changed VF Enable or NumVFs: n VFs exist from now on (0: none). Returns
 * when those that went are drained. */
void i82576_pf_set_vfs(struct i82576_pf *pf, unsigned n);
/* Publishes the policies if registers they are made of were written. Called before anything
 * else happens, and by the caller some time after the last write. */
void i82576_pf_settle(struct i82576_pf *pf);
/* The data path wants attention, or time has passed: spoof events. Cheap. */
void i82576_pf_dp_event(struct i82576_pf *pf);
/* The card's uplink came or went. */
void i82576_pf_wire(struct i82576_pf *pf);

/* ---- the parts; dev of all register hooks is the struct i82576_pf ---- */

/* Each puts its part at reset values. power: also what CTRL.RST leaves alone. */
void i82576_nvm_init(
	struct i82576_pf *pf); /* at creation: contents, checksum, the card's MAC */
void i82576_nvm_reset(
	struct i82576_pf *pf); /* CTRL.RST: registers loaded from the NVM (RAL0/RAH0) */
void i82576_phy_reset(struct i82576_pf *pf, bool power);
void i82576_pf_intr_reset(struct i82576_pf *pf);
void i82576_pf_mbx_reset(struct i82576_pf *pf);
void i82576_ptp_reset(struct i82576_pf *pf);
void i82576_pf_stats_reset(struct i82576_pf *pf);

/* i82576_pf_regs.c: RCTL.BSIZE, which the data path is told of. */
void i82576_pf_buffers_changed(struct i82576_pf *pf);

/* i82576_phy.c: STATUS.LU of the PF, which VFs follow; loopback set up in PHY or MAC; the wire
 * may have changed: renegotiates, raises LSC on a change. */
bool i82576_pf_link_up(const struct i82576_pf *pf);
bool i82576_pf_loops_back(const struct i82576_pf *pf);
void i82576_phy_update(struct i82576_pf *pf);

/* i82576_pf_intr.c: raises ICR causes (any thread). */
void i82576_pf_raise(struct i82576_pf *pf, uint32_t causes, uint64_t now_ns);
/* Data path or shadow: the function's only vector (struct i82576_fn_ops.single_cause). */
void i82576_pf_single_cause(struct i82576_fn *fn, bool tx, uint64_t now_ns);
/* MSI-X was enabled or disabled, or eventfds were given; intx: the single vector is INTx. */
void i82576_pf_intr_mode(struct i82576_pf *pf, bool msix, bool intx);
/* INTx was unmasked by the client: asserted again if a cause still stands. */
void i82576_pf_intx_unmask(struct i82576_pf *pf);

/* i82576_pf_mbx.c: VF n wrote REQ or ACK, was reset, or came into being; the peer of a VF while
 * the PF owns it (struct i82576_peer_ops). */
extern const struct i82576_peer_ops i82576_guest_peer;
/* PFRSTD changed: RSTI and RSTD of all VFs. done: set, else a reset is under way. */
void i82576_pf_tell_reset(struct i82576_pf *pf, bool done);

/* i82576_pf_policy.c */
extern const struct nic_owner_ops i82576_pf_owner_ops;
/* Publishes the RSS snapshot and own_queues from MRQC, RETA, RSSRK, VT_CTL, RXCSUM. */
void i82576_pf_publish_rss(struct i82576_pf *pf);
/* From TCTL and the link: may the PF's transmit queues be fetched, and from when on? */
void i82576_pf_gate_transmit(struct i82576_pf *pf);

/* i82576_pf_stats.c: frames of the function that anti-spoofing dropped, ever. */
uint64_t i82576_spoofs(const struct i82576_fn *fn);

/* i82576_pf_stats.c and i82576_ptp.c: data path (struct i82576_fn_ops). */
uint32_t i82576_pf_received(struct i82576_fn *fn, const struct nic_rx_meta *meta,
			    const struct nic_sink *sink);
void i82576_pf_sending(struct i82576_fn *fn, const struct nic_frame *frame, bool stamp);
/* Is the frame one TSYNCRXCTL asks to stamp? Then stamps. Returns status bits (TS). */
uint32_t i82576_ptp_received(struct i82576_pf *pf, const struct nic_rx_meta *meta,
			     const struct nic_sink *sink);
void i82576_ptp_sending(struct i82576_pf *pf);

/* i82576_ptp.c: SYSTIM at now_ns (any thread); sets SYSTIM, and TIMINCA, from now_ns on
 * (control thread). */
uint64_t i82576_ptp_time(const struct i82576_ptp *ptp, uint64_t now_ns);
void i82576_ptp_set_time(struct i82576_ptp *ptp, uint64_t time, uint64_t now_ns);
void i82576_ptp_set_rate(struct i82576_ptp *ptp, uint32_t timinca, uint64_t now_ns);

#endif
