/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vf.h - a VF that is assigned to this host, as a VM sees it: a vfio-user socket here, and for
 * each client of it a connection to the function at the management host. Registers and
 * interrupts are asked for there; memory is the host's own affair.
 */
#ifndef LADON_HOST_VF_H
#define LADON_HOST_VF_H

#include "fabric.h"
#include "loop.h"

struct link;
struct mem;
struct uid_list;
struct vf;

/* What all VFs of a host share; borrowed while there are some. */
struct vf_place {
	struct loop *loop;
	struct link *link;
	struct mem *mem;
	const char *dir;	     /* of their sockets */
	const struct uid_list *uids; /* whose programs may attach */
};

/* Serves DIR/CARD-vfN.sock. Returns 0 or -errno. */
int vf_new(const struct vf_place *place, const struct fabric_msg *assigned, struct vf **ret_vf);
/* Drops its client. Takes NULL. */
void vf_free(struct vf *vf);
/* Is it the one that the message means? */
bool vf_is(const struct vf *vf, const struct fabric_msg *msg);
const char *vf_path(const struct vf *vf);
struct vf **vf_next(struct vf *vf);

#endif
