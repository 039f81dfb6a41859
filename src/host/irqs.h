/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * irqs.h - a VF's interrupts as its VM sets them up: eventfds, and vectors that are posted into
 * the VM's memory. The function at the management host gets eventfds and messages; here the
 * entries of the host's interrupt-remapping table are written that let them through.
 *
 * A vector has two entries, one a form (fabric.h). That which is about to be used is complete
 * before the function is asked to use it, that which was used is cleared after it was asked to
 * stop: so nothing that is raised meanwhile gets lost, or meets half an entry.
 */
#ifndef LADON_HOST_IRQS_H
#define LADON_HOST_IRQS_H

#include "vfu_conn.h"

struct mem_space;
struct vfu_client;

struct irqs {
	struct vfu_client *client;	  /* borrowed: the function */
	struct mem_space *space;	  /* borrowed: its VM's memory */
	struct vfu_feature_posted posted; /* as the VM asked for it; count 0 = nothing is */
};

/* SET_IRQS, which ends posting. 0, or -errno of the function's. */
int irqs_set(struct irqs *irqs, struct vfu_irq_set *set);
/* VFU_FEATURE_LADON_POSTED. -EINVAL, -EFAULT with nothing changed, or -errno of the function's.
 */
int irqs_post(struct irqs *irqs, const struct vfu_feature_posted *req);
/* Back to eventfds. Nobody touches the descriptor when it returns. 0, or -errno of the
 * function's. */
int irqs_post_off(struct irqs *irqs);
/* The same if the descriptor lies in this range, which is about to go away. */
int irqs_unmap(struct irqs *irqs, uint64_t addr, uint64_t size);

#endif
