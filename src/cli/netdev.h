/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * netdev.h - `ladon netdev`: a VF as a kernel interface. libladon's driver is at one end, a tap
 * in a network namespace at the other; frames are carried between the two, and what the kernel
 * wants of the interface is asked of the VF.
 */
#ifndef LADON_CLI_NETDEV_H
#define LADON_CLI_NETDEV_H

#include <ladon/igbvf.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <sys/types.h>

#include "cli.h"

#define NETDEV_MTU_MIN 68u
#define NETDEV_MTU_MAX 9216u /* what the card's VFs take */
#define NETDEV_VLANS   4096u
#define NETDEV_ADDRS   64u /* of a kind; more than the card has filters for */
/* Buffers, and how many of them the longest frame of a tap takes: 64 KiB and headers. */
#define NETDEV_BUF_SIZE	   2048u
#define NETDEV_FRAME_PARTS 33u
#define NETDEV_BURST	   32u

/* ---- words and life (netdev.c) ---- */

/**
 * struct netdev_words - what the user said.
 * @netns: NULL = the namespace we are in
 * @mac: NULL = the PF's choice
 * @token: "" = none
 */
struct netdev_words {
	char card[64];
	unsigned n;
	const char *netns, *pidfile;
	const char *name; /* of the interface */
	unsigned mtu;
	bool has_mac, down, background, once;
	uint8_t mac[6];
	char token[64];
};

/* Says a line: to standard error, or to syslog in the background. */
void netdev_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void netdev_say_to_syslog(void);

/* Words to *ret; token sources are gone from argv. Returns 0, or -1 with the error printed. */
int netdev_parse(int argc, char **argv, struct netdev_words *ret);

/* ---- network namespaces (netdev_ns.c) ---- */

/**
 * struct netdev_ns - the namespace that the interface is put into.
 * @fd: -1 = our own
 * @pidfd: of a namespace named by its process, -1 otherwise. Readable when that has ended
 * @path: under which it is found; where it is found no more, it has been deleted
 */
struct netdev_ns {
	int fd, pidfd;
	char path[4096];
	dev_t dev;
	ino_t ino;
};

/* word: NAME as ip-netns(8) has it, a path, pid:PID, or NULL. Returns 0, or -1 with the error
 * printed. netdev_ns_close takes any that was initialised by it. */
int netdev_ns_open(struct netdev_ns *ns, const char *word);
void netdev_ns_close(struct netdev_ns *ns);
/* Enters it, and the user namespace that it belongs to if that is what it takes. The same. */
int netdev_ns_enter(const struct netdev_ns *ns);
/* Has its name or path been taken away? */
bool netdev_ns_gone(const struct netdev_ns *ns);

/* ---- privileges (netdev_priv.c) ---- */

/**
 * struct netdev_owner - whose the VF's socket is: root attaches as that user, and stays it, so
 * that it can attach again when it has no privileges left.
 */
struct netdev_owner {
	uid_t uid;
	gid_t gid;
	bool change; /* we are root, and it is somebody else's */
};

struct netdev_owner netdev_owner_of(const char *path);
/* Effective ids only: there, and back. Return 0 or -errno. */
int netdev_owner_assume(const struct netdev_owner *owner);
int netdev_owner_leave(const struct netdev_owner *owner);
/* For good, and without any capability. Returns 0 or -errno. */
int netdev_drop_privileges(const struct netdev_owner *owner);

/* ---- the tap (netdev_tap.c) ---- */

/* A tap interface in the namespace we are in, with virtio-net headers and the offloads that the
 * VF has. Returns the fd, non-blocking, or -1 with the error printed. */
int netdev_tap_open(const char *name, const char *where);
int netdev_tap_set_mac(int tap, const uint8_t mac[6]);
void netdev_tap_carrier(int tap, bool on);

/**
 * netdev_tap_read - the next frame that the kernel sends
 * @parts: NETDEV_FRAME_PARTS free buffers; those used become the chain
 * @ret_used: how many of them
 * Return: 1 (parts[0] is the frame); 0 (a frame that cannot be sent was dropped); -errno,
 * -EAGAIN = there is none.
 */
int netdev_tap_read(int tap, struct ladon_buf **parts, unsigned *ret_used);
/* A frame from the card. One that the kernel does not take is lost, as on any interface that is
 * down. */
void netdev_tap_write(int tap, const struct ladon_buf *frame);

/* ---- offloads (netdev_offload.c), on bytes ---- */

/* What a header from the tap asks for, as flags and lengths of the frame; a checksum that the
 * card cannot make is made here. False: the frame cannot be sent. */
bool netdev_offload_tx(struct ladon_buf *frame, const struct virtio_net_hdr *hdr);
/* Is it a report of multicast groups that were joined or left? (IGMP, MLD) */
bool netdev_is_group_report(const struct ladon_buf *frame);

/* ---- what the kernel wants (netdev_link.c): rtnetlink ---- */

/**
 * struct netdev_wanted - the interface as the kernel has it.
 * @promisc: beyond what its own unicast list makes the kernel want
 * @num_mc, @num_uc: above NETDEV_ADDRS = more than there is room for
 */
struct netdev_wanted {
	char name[IFNAMSIZ];
	uint8_t mac[6];
	unsigned mtu;
	bool promisc, allmulti;
	uint64_t vlans[NETDEV_VLANS / 64]; /* with an interface of their own on top */
	unsigned num_mc, num_uc;
	uint8_t mc[NETDEV_ADDRS][6], uc[NETDEV_ADDRS][6];
};

struct mnl_socket;

/**
 * struct netdev_link - rtnetlink in the namespace it was opened in.
 * @kept: VLANs whose interface was moved to another namespace, where it cannot be seen
 */
struct netdev_link {
	struct mnl_socket *requests, *events;
	unsigned ifindex, seq;
	uint64_t kept[NETDEV_VLANS / 64];
};

/* Return 0 or -errno. */
int netdev_link_open(struct netdev_link *link, const char *name);
void netdev_link_close(struct netdev_link *link);
int netdev_link_fd(const struct netdev_link *link);
/* MTU, and up or down. */
int netdev_link_set(struct netdev_link *link, unsigned mtu, bool up);
int netdev_link_query(struct netdev_link *link, struct netdev_wanted *ret);
/* Reads what has happened. Returns 0; NETDEV_CHANGED: query again; NETDEV_DELETED. */
enum { NETDEV_CHANGED = 1, NETDEV_DELETED };
int netdev_link_events(struct netdev_link *link);

/* ---- the VF (netdev_vf.c) ---- */

/**
 * struct netdev - all of it.
 * @fn, @vf: NULL while ladond is gone, or the VF is being reset
 * @have: what the VF was told last
 * @held: frames that the transmit ring had no room for, in order
 * @spare: buffers for the next frame from the tap
 */
struct netdev {
	const struct cli *cli;
	struct netdev_words words;
	char socket[4096];
	struct netdev_owner owner;
	struct netdev_ns ns;
	struct netdev_link link;
	struct ladon_function *fn; /* owned */
	struct ladon_igbvf *vf;	   /* owned */
	int tap, signals;	   /* owned */
	bool carrier, deleted, requery;
	struct netdev_wanted wanted, have;
	bool have_promisc, have_allmulti;
	struct ladon_buf *held[NETDEV_BURST];
	unsigned num_held;
	struct ladon_buf *spare[NETDEV_FRAME_PARTS];
	unsigned num_spare;
	uint64_t next_tick_ns, retry_ns;
};

/* Attaches and opens. Return 0 or -errno; nothing is printed. */
int netdev_vf_open(struct netdev *nd);
/* The other way round; takes what is not open. */
void netdev_vf_close(struct netdev *nd);
/* The same, and the function stays attached: after a reset of the VF. */
int netdev_vf_reopen(struct netdev *nd);
/* Prints why netdev_vf_open failed. */
void netdev_vf_explain(const struct netdev *nd, int err);
/* Tells the VF what has changed in nd->wanted. Returns 0; what it refuses is said, not
 * returned; -errno when the connection is lost. */
int netdev_vf_sync(struct netdev *nd);
/* The address: the VF's on the tap at first, the tap's on the VF after a reset. */
void netdev_vf_address(struct netdev *nd);

/* ---- moving frames (netdev_run.c) ---- */

/* Until a signal comes or the interface is gone. Returns the exit code. */
int netdev_run(struct netdev *nd);

#endif
