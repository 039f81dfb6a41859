/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * host.h - a host that functions belong to: it has a remapping unit (src/iommu/vtd.h), and in
 * that the address spaces of its functions. The one named "local" lives inside this process;
 * the others are compute hosts behind a bridge (compute.h).
 */
#ifndef LADON_DAEMON_HOST_H
#define LADON_DAEMON_HOST_H

#include "iommu_domain.h"
#include "ir.h"
#include "vtd.h"

#define HOST_NAME_LEN 16
#define HOST_LOCAL    "local"

struct function;
struct host;

/* What lies before a host that is not in this process. */
struct host_bridge {
	/* The function may reach the host: sets function->way and function->host_rid. Returns 0
	 * or -errno. */
	int (*admit)(struct host *host, struct function *function);
	/* It may no more, drained. */
	void (*dismiss)(struct host *host, struct function *function);
};

struct host {
	char name[HOST_NAME_LEN];
	struct vtd *vtd;	    /* owned */
	struct function *functions; /* borrowed: linked by function.host_next */
	struct ir *ir;		    /* owned: interrupt remapping of its functions */
	/* borrowed; NULL: this process. Else struct compute begins with it, and its tables are
	 * its own. */
	const struct host_bridge *bridge;
};

/* Returns 0 or -errno. */
int host_init(struct host *host, const char *name);
/* The same for a host that writes its tables itself. */
int host_init_remote(struct host *host, const char *name, const struct host_bridge *bridge);
/* All functions are gone. Takes one whose host_init failed, or that is zero. */
void host_done(struct host *host);

/* Makes the function's address space (function->dom), drained by drain, and lists it here. */
int host_add(struct host *host, struct function *function, void (*drain)(void *arg), void *arg);
/* Frees function->dom and takes the function off the list; nothing when it is not on it. */
void host_del(struct function *function);

/* Returns when every data path of the host's functions has passed a quiesce point. A hook: host
 * is a struct host. */
void host_drain(void *host);

#endif
