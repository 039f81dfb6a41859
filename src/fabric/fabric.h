/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fabric.h - the way between the management host (ladond) and a compute host (ladon-host):
 * what they say to each other, and how it travels on one machine.
 *
 * On one machine a connection is a UNIX socket of whole messages (SOCK_SEQPACKET): windows are
 * files and doorbells eventfds, which go along as descriptors. A network fabric would stand
 * behind the same messages.
 *
 *   compute host                             management host
 *   JOIN {name, key}                   ->
 *                                      <-    WELCOME {slice, beat interval}   or BYE {why}
 *   OFFER {hpa, size, perm} + file     ->                    memory: a window is opened onto it
 *   WITHDRAW {hpa}                     ->                    it closes, drained
 *   REG {offset, size, value}          ->                    a write to its remapping unit
 *                                      <-    DONE {seq, err}  answers these, in order
 *                                      <-    ASSIGN {card, vf, rid}   a VF is yours
 *   OPEN {card, vf}                    ->
 *                                      <-    DONE + a socket that speaks vfio-user
 *                                      <-    UNASSIGN {card, vf}      it is not any more
 *   BRIDGE {part}                      ->                    registers that both share
 *                                      <-    DONE + a page or an eventfd
 *   BEAT                               <->                    I am alive
 *
 * Every message but JOIN carries the epoch that WELCOME gave: what is said under an older one
 * is refused, whoever says it.
 */
#ifndef LADON_FABRIC_FABRIC_H
#define LADON_FABRIC_FABRIC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define FABRIC_VERSION	1u
#define FABRIC_NAME_MAX 16 /* of a host or a card, with its NUL */
#define FABRIC_KEY_SIZE 16 /* a UUID */
#define FABRIC_WHY_MAX	96

enum fabric_type {
	FABRIC_JOIN = 1,
	FABRIC_WELCOME,
	FABRIC_BYE,
	FABRIC_OFFER,
	FABRIC_WITHDRAW,
	FABRIC_REG,
	FABRIC_DONE,
	FABRIC_ASSIGN,
	FABRIC_UNASSIGN,
	FABRIC_OPEN,
	FABRIC_BEAT,
	FABRIC_BRIDGE,
	FABRIC_TYPES
};

struct fabric_msg {
	uint32_t type;	/* enum fabric_type */
	uint32_t seq;	/* of a request; DONE repeats it */
	uint64_t epoch; /* 0 in JOIN */
	union {
		struct {
			uint32_t version; /* FABRIC_VERSION */
			char name[FABRIC_NAME_MAX];
			uint8_t key[FABRIC_KEY_SIZE];
		} join;
		struct {
			uint64_t slice_base, slice_size; /* of the global address map */
			uint32_t beat_ms, beats; /* so many missed and the lease is over */
		} welcome;
		struct {
			uint64_t hpa, size, offset; /* bytes; offset into the file */
			uint32_t perm;		    /* IOMMU_READ, IOMMU_WRITE */
		} offer;			    /* of WITHDRAW: hpa alone */
		struct {
			uint32_t offset, size;
			uint64_t value;
		} reg;
		struct {
			char card[FABRIC_NAME_MAX];
			uint32_t vf, rid;
		} vf; /* of ASSIGN, UNASSIGN, OPEN */
		struct {
			uint32_t part; /* enum fabric_bridge */
		} bridge;
		struct {
			int32_t err; /* 0 or -errno */
			char why[FABRIC_WHY_MAX];
		} done; /* also of BYE */
	};
};

/* The entry of a compute host's interrupt-remapping table that vector v of function rid, as
 * that host knows it, has: what the management host puts into the function's message. */
#define FABRIC_IRTE_BITS 13u
static inline uint32_t fabric_irte(uint16_t rid, unsigned v)
{
	return (rid & 0xffu) << 4 | (v & 15u);
}

/* The one that it has while it is posted: a second one, so that an entry never changes its form
 * while something may be raised through it. */
static inline uint32_t fabric_irte_posted(uint16_t rid, unsigned v)
{
	return 1u << 12 | fabric_irte(rid, v);
}

/*
 * The registers of the bridge, one descriptor a BRIDGE: the page (struct ntb_page: side 0 is
 * the management host's, side 1 the compute host's), the eventfd of the compute host's side,
 * and that of the management host's.
 */
enum fabric_bridge {
	FABRIC_BRIDGE_PAGE,
	FABRIC_BRIDGE_COMPUTE,
	FABRIC_BRIDGE_MANAGEMENT,
};

/* Scratchpads of a side, written by the other one: a count of its beats, which stand for BEAT
 * while the registers' link is up; the number of the management host's ring, or of the one that
 * the compute host answers. And the doorbell of ring and answer. */
#define FABRIC_SPAD_BEAT 0u
#define FABRIC_SPAD_RING 1u
#define FABRIC_DB_RING	 1u

/* A message and at most one descriptor. */
struct fabric_parcel {
	struct fabric_msg msg;
	int fd; /* -1 = none */
};

/*
 * Is it a message at all: type known, texts end, sizes as they must be for its type? Pure. What
 * it asks for is judged by who gets it.
 */
bool fabric_msg_ok(const struct fabric_msg *msg, uint32_t len);
/* "OFFER"; "?" for what is no type. */
const char *fabric_type_str(uint32_t type);

/* Sends a message with fd (borrowed, -1 = none) without blocking. Returns 0, -EAGAIN (the other
 * end does not read: it has as much as the socket takes), or -errno (-EPIPE, -ECONNRESET: it
 * has gone). */
int fabric_send(int sock, const struct fabric_msg *msg, int fd);
/*
 * Takes one message without blocking. Returns 1 with *ret (its fd is the caller's), 0 = none is
 * there, -ECONNRESET (the other end has gone), -EPROTO (what came is no message), -errno.
 */
int fabric_recv(int sock, struct fabric_parcel *ret);

#endif
