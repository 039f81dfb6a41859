/* SPDX-License-Identifier: BSD-3-Clause */
/* igbvf_rx.c - receiving: descriptors to frames, refilling, sleeping until one comes. */
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "client_priv.h"
#include "clock.h"
#include "igbvf_priv.h"

#define AHEAD (3 * DESC_PER_LINE)

int igbvf_rx_refill(struct ladon_igbvf *vf, bool force)
{
	struct igbvf_ring *r = &vf->rx.r;

	/* One slot stays free: tail == head would mean empty. */
	while (r->use - r->clean < r->num - 1) {
		struct ladon_buf *buf = igbvf_buf_get(vf);
		uint32_t i = r->use & r->mask;

		if (!buf)
			break;
		r->sw[i] = buf;
		r->desc[i].addr = buf->iova;
		r->desc[i].hdr_addr = 0;
		r->use++;
	}
	if (r->use == vf->rx.doorbell ||
	    (!force && r->use - vf->rx.doorbell < MIN(IGBVF_RX_BATCH, r->num / 4)))
		return 0;
	vf->rx.doorbell = r->use;
	return igbvf_doorbell(vf, r, VF_RDT);
}

static uint32_t rx_flags(uint32_t status)
{
	uint32_t flags = 0;

	if (status & RXD_VP)
		flags |= LADON_RX_VLAN;
	if (status & RXD_IPCS)
		flags |= status & RXD_IPE ? LADON_RX_IP_BAD : LADON_RX_IP_OK;
	if (status & (RXD_L4CS | RXD_UDPCS))
		flags |= status & RXD_L4E ? LADON_RX_L4_BAD : LADON_RX_L4_OK;
	if (status & RXD_LB)
		flags |= LADON_RX_LOCAL;
	return flags;
}

/* Appends the buffer to the open frame. Returns the frame when this is its good end. */
static struct ladon_buf *rx_join(struct ladon_igbvf *vf, struct ladon_buf *buf, uint32_t status)
{
	struct igbvf_rx *rx = &vf->rx;
	struct ladon_buf *frame;

	if (rx->last)
		rx->last->next = buf;
	else
		rx->first = buf;
	rx->last = buf;
	if (!(status & RXD_EOP))
		return NULL;
	frame = rx->first;
	rx->first = rx->last = NULL;
	if (unlikely(status & RXD_RXE)) {
		vf->rx_errors++;
		ladon_igbvf_buf_free(vf, frame);
		return NULL;
	}
	return frame;
}

/* Is this a whole good frame in one buffer? rx_join would hand it back as it is. */
static bool rx_is_plain(const struct igbvf_rx *rx, uint32_t status)
{
	return (status & (RXD_EOP | RXD_RXE)) == RXD_EOP && !rx->last;
}

/* Status of the next descriptor when the card is done with it, 0 otherwise. */
static uint32_t rx_next_status(const struct igbvf_ring *r)
{
	uint32_t status;

	if (r->clean == r->use)
		return 0;
	/* Acquire: the other words and the bytes of the frame were written before DD. */
	status = __atomic_load_n(&r->desc[r->clean & r->mask].cmd_type_len, __ATOMIC_ACQUIRE);
	return status & RXD_DD ? status : 0;
}

int ladon_igbvf_rx_burst(struct ladon_igbvf *vf, struct ladon_buf **bufs, unsigned n)
{
	struct igbvf_ring *r = &vf->rx.r;
	unsigned got = 0;
	uint32_t status;
	int err;

	while (got < n && (status = rx_next_status(r))) {
		uint32_t i = r->clean++ & r->mask, len_vlan = r->desc[i].olinfo_status;
		struct ladon_buf *frame = r->sw[i];

		/* Behind a few frames there are probably more: their lines, which the refill
		 * will write. */
		if (got && i % DESC_PER_LINE == 0)
			__builtin_prefetch(&r->desc[(i + AHEAD) & r->mask], 1);
		/* The card is not trusted with our memory's length. */
		frame->len = MIN(len_vlan & 0xffff, frame->size);
		if (unlikely(!rx_is_plain(&vf->rx, status)))
			frame = rx_join(vf, frame, status);
		if (!frame)
			continue;
		frame->flags = rx_flags(status);
		frame->vlan_tci = (uint16_t)(len_vlan >> 16);
		__builtin_prefetch(frame->data); /* which the caller is going to look at */
		bufs[got++] = frame;
	}
	err = igbvf_rx_refill(vf, false);
	return err && got == 0 ? err : (int)got;
}

static void take_note(struct ladon_igbvf *vf, uint64_t vectors)
{
	if (vectors & BIT(VEC_MISC))
		vf->pf_spoke = true;
}

static int rx_sleep_posted(struct ladon_igbvf *vf, int timeout_ms)
{
	uint64_t vectors = 0;
	int ret = ladon_posted_wait(vf->posted, timeout_ms, &vectors);

	take_note(vf, vectors);
	return MIN(ret, 0);
}

/* Sleeps until the vector fires, or until the clock says end. Returns 0 or -errno. */
static int rx_sleep(struct ladon_igbvf *vf, uint64_t end)
{
	struct pollfd pfd = {.fd = vf->irq_fd[VEC_RX], .events = POLLIN};
	uint64_t count, now = clock_ns(), left = end > now ? end - now : 0;
	int ms = end == UINT64_MAX ? -1 : (int)((left + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC);
	int err;

	if (vf->posted)
		return rx_sleep_posted(vf, ms);
	/* Auto-masked when it fired last; what has come since then fires at once. */
	err = igbvf_wr(vf, VF_EIMS, igbvf_wakers(vf));
	if (err)
		return err;
	if (poll(&pfd, 1, ms) < 0)
		return -errno;
	if (pfd.revents & POLLIN && read(pfd.fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		return -errno;
	return 0;
}

int ladon_igbvf_wait(struct ladon_igbvf *vf, int timeout_ms)
{
	uint64_t end =
		timeout_ms < 0 ? UINT64_MAX : clock_ns() + (uint64_t)timeout_ms * NSEC_PER_MSEC;
	int err = vf->config.use_irq ? igbvf_rx_refill(vf, true) : -EINVAL;

	/* An interrupt may be that of a frame which polling has found before: it is no reason
	 * to wake. */
	while (!err && !rx_next_status(&vf->rx.r)) {
		err = rx_sleep(vf, end);
		if (!err && clock_ns() >= end)
			return rx_next_status(&vf->rx.r) ? 1 : 0;
	}
	return err ? err : 1;
}

int ladon_igbvf_irq_fd(const struct ladon_igbvf *vf)
{
	return vf->posted ? posted_fd(vf->posted) : vf->irq_fd[VEC_RX];
}

int ladon_igbvf_arm(struct ladon_igbvf *vf)
{
	int err = vf->config.use_irq ? igbvf_rx_refill(vf, true) : -EINVAL;
	uint64_t vectors = 0;
	bool more = false;

	if (err)
		return err;
	if (vf->posted)
		more = posted_arm(vf->posted, &vectors);
	else
		err = igbvf_wr(vf, VF_EIMS, igbvf_wakers(vf));
	take_note(vf, vectors);
	return err ? err : more || vf->pf_spoke || rx_next_status(&vf->rx.r);
}

void ladon_igbvf_disarm(struct ladon_igbvf *vf)
{
	uint64_t count, vectors = 0;
	ssize_t n = read(ladon_igbvf_irq_fd(vf), &count, sizeof(count));

	if (vf->posted)
		posted_disarm(vf->posted, &vectors);
	else if (n > 0 && vf->config.events && !rx_next_status(&vf->rx.r))
		vf->pf_spoke = true; /* both vectors have the one eventfd */
	take_note(vf, vectors);
}
