/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * igbvf.h - a poll-mode driver for the virtual function of an 82576, on an attached
 * ladon_function.
 *
 * Frames travel in buffers of a pool in DMA memory, without copies: what rx_burst gives is the
 * caller's until he frees it or sends it; what tx_burst took is the driver's, and goes back to
 * the pool when the card has sent it. One receive and one transmit queue. One thread at a time.
 */
#ifndef LADON_IGBVF_H
#define LADON_IGBVF_H

#include <ladon/ladon.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct ladon_igbvf - an opened VF. Opaque.
 */
struct ladon_igbvf;

/*
 * struct ladon_buf.flags: what the sender asks of the card ... For L4_CSUM and TSO the headers
 * must be in the frame's first part; what its checksum fields hold does not matter, the driver
 * overwrites it.
 */
#define LADON_TX_VLAN	 0x0001u /* insert vlan_tci as the outer tag */
#define LADON_TX_IP_CSUM 0x0002u /* insert the IPv4 header checksum */
#define LADON_TX_L4_CSUM 0x0004u /* insert the checksum of l4 */
#define LADON_TX_TSO \
	0x0008u /* cut into segments of mss payload bytes; implies both checksums */
#define LADON_TX_IPV6 0x0010u /* layer 3 is IPv6, not IPv4 */
/* ... and what it says of a received frame. */
#define LADON_RX_VLAN	0x0100u /* a tag was taken out of the bytes: vlan_tci */
#define LADON_RX_IP_OK	0x0200u /* IPv4 header checksum is right */
#define LADON_RX_IP_BAD 0x0400u
#define LADON_RX_L4_OK	0x0800u /* TCP, UDP or SCTP checksum is right */
#define LADON_RX_L4_BAD 0x1000u
#define LADON_RX_LOCAL	0x2000u /* the sender is on the same card, where the model tells */

enum ladon_l4 { LADON_L4_UDP, LADON_L4_TCP, LADON_L4_SCTP };

/**
 * struct ladon_buf - a piece of DMA memory with a frame, or a part of one, in it.
 * @data: first byte of this part; a sender may move it inside [head, head + size)
 * @len: bytes in this part, 1 ... size
 * @next: further parts of the same frame; NULL = last
 * @flags: LADON_TX_* or LADON_RX_*; these and all below count in the first part only
 * @vlan_tci: tag, host order
 * @l2_len: bytes before the IP header, without an inserted tag (offloads only)
 * @l3_len: bytes of the IP header with its options
 * @l4_len: bytes of the TCP or UDP header (segmentation only)
 * @l4: enum ladon_l4
 * @mss: payload bytes of a segment (LADON_TX_TSO)
 * @head: start of the buffer. Read only, as is all below
 * @iova: of @head
 * @size: bytes from @head
 */
struct ladon_buf {
	uint8_t *data;
	uint32_t len;
	uint32_t flags;
	struct ladon_buf *next;
	uint16_t vlan_tci;
	uint16_t l2_len, l3_len;
	uint8_t l4_len;
	uint8_t l4;
	uint16_t mss;
	uint8_t *head;
	uint64_t iova;
	uint32_t size;
};

/**
 * struct ladon_igbvf_config - 0 in a field means its default.
 * @rx_desc: receive descriptors, a power of two, 8 ... 4096 (256)
 * @tx_desc: transmit descriptors, likewise (256)
 * @buf_size: bytes of a buffer, a multiple of 1024, 1024 ... 16384 (2048)
 * @num_bufs: buffers in the pool, more than rx_desc (rx_desc + tx_desc + 256)
 * @max_frame: longest frame received, bytes without FCS and tag, 60 ... 9710 (1514)
 * @use_irq: connect the vectors, so that ladon_igbvf_wait() can sleep
 * @itr_us: with use_irq: least time between two interrupts, 0 ... 8191 microseconds (0 = none)
 * @posted: with use_irq: interrupts arrive in memory (ladon_posted_open()), and going to sleep
 * costs no trapped register; -ENOTTY from open where the card cannot
 * @events: with use_irq: what the PF says wakes, too (ladon_igbvf_check())
 */
struct ladon_igbvf_config {
	unsigned rx_desc, tx_desc;
	unsigned buf_size, num_bufs;
	unsigned max_frame;
	bool use_irq;
	unsigned itr_us;
	bool posted;
	bool events;
};

/**
 * ladon_igbvf_open - reset the VF, shake hands with its PF, set up and enable the queues.
 * @function: borrowed until close; one driver at a time
 * @config: NULL = defaults
 * @ret_vf: ended by ladon_igbvf_close()
 *
 * A VF to which the PF gave no address starts with a random one. Bus mastering is turned on.
 * Return: 0; -ENODEV (not an 82576 VF); -EINVAL (config); -ETIMEDOUT (no answer of the PF);
 * -EPROTO; -ENOMEM; the connection's errors.
 */
LADON_API int ladon_igbvf_open(struct ladon_function *function,
			       const struct ladon_igbvf_config *config,
			       struct ladon_igbvf **ret_vf);

/**
 * ladon_igbvf_close - disable the queues, wait until the card has left them, reset, free. Takes
 * NULL. All buffers die with the pool.
 */
LADON_API void ladon_igbvf_close(struct ladon_igbvf *vf);

/* A buffer of the pool: data = head, len = 0, no flags; NULL when none is left. */
LADON_API struct ladon_buf *ladon_igbvf_buf_alloc(struct ladon_igbvf *vf);
/* Up to n of them into bufs. Return: how many there were. */
LADON_API unsigned ladon_igbvf_buf_alloc_bulk(struct ladon_igbvf *vf, struct ladon_buf **bufs,
					      unsigned n);
/* Gives back a frame: buf and all its next. Takes NULL. */
LADON_API void ladon_igbvf_buf_free(struct ladon_igbvf *vf, struct ladon_buf *buf);
/* Gives back n frames. */
LADON_API void ladon_igbvf_buf_free_bulk(struct ladon_igbvf *vf, struct ladon_buf *const *bufs,
					 unsigned n);
/* Buffers that could be allocated now. */
LADON_API unsigned ladon_igbvf_buf_available(const struct ladon_igbvf *vf);

/**
 * ladon_igbvf_rx_burst - take up to @n received frames; refills the ring from the pool.
 * Return: the number of frames put into @bufs, or -errno when the connection is lost (only
 * found where doorbells trap).
 */
LADON_API int ladon_igbvf_rx_burst(struct ladon_igbvf *vf, struct ladon_buf **bufs, unsigned n);

/**
 * ladon_igbvf_tx_burst - hand over up to @n frames; one doorbell for all of them.
 * Return: how many were taken (fewer when the ring is full); -EINVAL when the first one cannot
 * be sent as it is (empty part, outside its buffer, impossible offload); -errno when the
 * connection is lost. What was not taken stays the caller's.
 */
LADON_API int ladon_igbvf_tx_burst(struct ladon_igbvf *vf, struct ladon_buf *const *bufs,
				   unsigned n);

/* Returns sent buffers to the pool (tx_burst does it too when room is short). Gives the number
 * of descriptors that the card still has. */
LADON_API unsigned ladon_igbvf_tx_reap(struct ladon_igbvf *vf);

/**
 * ladon_igbvf_wait - sleep until a frame has come (needs use_irq).
 * @timeout_ms: -1 = for ever
 * Return: 1 a frame waits, 0 time is up, -EINVAL without use_irq, -errno.
 */
LADON_API int ladon_igbvf_wait(struct ladon_igbvf *vf, int timeout_ms);

/* For a poll(2) of the caller's own: the eventfd that ladon_igbvf_arm() speaks of. Stays the
 * driver's; -1 without use_irq. */
LADON_API int ladon_igbvf_irq_fd(const struct ladon_igbvf *vf);

/**
 * ladon_igbvf_arm - before sleeping in a poll(2) of the caller's own: a frame, and with
 * config.events what the PF says, makes the eventfd readable from now on.
 *
 * Nothing that comes before or during the call is slept through.
 * Return: 0; 1 (a frame waits, or the PF has spoken: do not sleep); -EINVAL without use_irq;
 * -errno.
 */
LADON_API int ladon_igbvf_arm(struct ladon_igbvf *vf);
/* Awake: the eventfd is read, and written no more. Follows each ladon_igbvf_arm(). */
LADON_API void ladon_igbvf_disarm(struct ladon_igbvf *vf);

/**
 * ladon_igbvf_check - is the VF still what was opened? Ask when ladon_igbvf_arm() gave 1 and no
 * frame was there, and every other second: not every reset raises an interrupt.
 * Return: 0; 1 (the VF was reset, by its PF or by the operator: close it and open it again);
 * -errno.
 */
LADON_API int ladon_igbvf_check(struct ladon_igbvf *vf);

/* Mailbox requests. -EPERM = the PF refuses (operator's address, port VLAN, no trust);
 * -ETIMEDOUT. */
LADON_API void ladon_igbvf_mac(const struct ladon_igbvf *vf, uint8_t ret_mac[6]);
LADON_API int ladon_igbvf_set_mac(struct ladon_igbvf *vf, const uint8_t mac[6]);
LADON_API int ladon_igbvf_add_mac(struct ladon_igbvf *vf, const uint8_t mac[6]);
LADON_API int ladon_igbvf_clear_macs(struct ladon_igbvf *vf);
/* Replaces the multicast addresses received; at most 30 (-E2BIG). */
LADON_API int ladon_igbvf_set_multicast(struct ladon_igbvf *vf, const uint8_t (*macs)[6],
					unsigned num);
LADON_API int ladon_igbvf_set_allmulti(struct ladon_igbvf *vf, bool on);
/* Both kinds at once: every unicast frame of its VLANs, whoever it is for; all multicast. Both
 * need a VF that is trusted (ladon link set ... trust on): -EPERM leaves what there was. */
LADON_API int ladon_igbvf_set_promisc(struct ladon_igbvf *vf, bool unicast, bool multicast);
LADON_API int ladon_igbvf_vlan_add(struct ladon_igbvf *vf, unsigned vid);
LADON_API int ladon_igbvf_vlan_del(struct ladon_igbvf *vf, unsigned vid);

/**
 * struct ladon_link - @speed in Mb/s.
 */
struct ladon_link {
	bool up, full_duplex;
	unsigned speed;
};
LADON_API int ladon_igbvf_link(struct ladon_igbvf *vf, struct ladon_link *ret_link);

/**
 * struct ladon_igbvf_stats - frames and bytes since open, as the card counted them.
 * @rx_errors: frames that came marked as bad and were not given to the caller
 */
struct ladon_igbvf_stats {
	uint64_t rx_packets, rx_bytes, rx_multicast, rx_errors;
	uint64_t tx_packets, tx_bytes;
};
/* Call it more often than the card's 32-bit byte counters wrap (34 s at 1 Gb/s). */
LADON_API int ladon_igbvf_stats(struct ladon_igbvf *vf, struct ladon_igbvf_stats *ret_stats);

#ifdef __cplusplus
}
#endif

#endif
