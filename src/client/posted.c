/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * posted.c - interrupts that arrive in memory: the receiver's side of pi_desc.h, word 0 of a
 * descriptor in a page of DMA memory. SN is set whenever the caller is awake, so that the card
 * writes the eventfd only for a caller that sleeps.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "client_priv.h"
#include "clock.h"
#include "fd.h"
#include "pi_desc.h"

#define POSTED_MAX 64u

struct ladon_posted {
	struct ladon_function *function; /* borrowed */
	struct ladon_dma *dma;		 /* owned */
	struct pi_desc *desc;		 /* in dma */
	int fd;				 /* owned eventfd, of vector first */
	unsigned first;
	bool connected; /* the card has the eventfd */
};

static int posted_start(struct ladon_posted *p, unsigned count)
{
	struct vfu_feature_posted req = {.first = p->first, .count = count};
	int err = ladon_dma_alloc(p->function, sizeof(*p->desc), 0, &p->dma);

	if (err)
		return err;
	p->desc = ladon_dma_pointer(p->dma);
	pi_disarm(p->desc);
	req.iova = ladon_dma_iova(p->dma);
	p->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p->fd < 0)
		return -errno;
	err = ladon_irq_enable(p->function, p->first, 1, &p->fd);
	if (err)
		return err;
	p->connected = true;
	return vfu_client_feature_set(p->function->client, VFU_FEATURE_LADON_POSTED, &req,
				      sizeof(req));
}

int ladon_posted_open(struct ladon_function *fn, unsigned first, unsigned count,
		      struct ladon_posted **ret_posted)
{
	struct ladon_posted *p;
	int err;

	if (count < 1 || count > POSTED_MAX || first >= fn->irqs || count > fn->irqs - first)
		return -EINVAL;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->function = fn;
	p->first = first;
	p->fd = -1;
	err = posted_start(p, count);
	if (err) {
		ladon_posted_close(p);
		return err;
	}
	*ret_posted = p;
	return 0;
}

void ladon_posted_close(struct ladon_posted *p)
{
	if (!p)
		return;
	/* Also ends the posting of the other vectors. */
	if (p->connected)
		ladon_irq_disable(p->function, p->first, 1);
	ladon_dma_free(p->dma);
	fd_close(&p->fd);
	free(p);
}

uint64_t ladon_posted_poll(struct ladon_posted *p)
{
	return pi_take(p->desc, 0);
}

int posted_fd(const struct ladon_posted *p)
{
	return p->fd;
}

bool posted_arm(struct ladon_posted *p, uint64_t *ret_bits)
{
	*ret_bits = pi_take(p->desc, 0);
	pi_arm(p->desc);
	return atomic_load(&p->desc->pir[0]);
}

void posted_disarm(struct ladon_posted *p, uint64_t *ret_bits)
{
	pi_disarm(p->desc);
	*ret_bits = pi_take(p->desc, 0);
}

/* Sleeps until a notification comes, the connection ends, or the clock says end. Returns 0 or
 * -errno. */
static int posted_sleep(const struct ladon_posted *p, uint64_t end)
{
	struct pollfd pfd[] = {{.fd = p->fd, .events = POLLIN},
			       {.fd = ladon_function_fd(p->function), .events = POLLRDHUP}};
	uint64_t count, now = clock_ns(), left = end > now ? end - now : 0;
	int ms = end == UINT64_MAX ? -1 : (int)((left + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC);

	if (poll(pfd, 2, ms) < 0)
		return -errno;
	if (pfd[0].revents & POLLIN && read(p->fd, &count, sizeof(count)) < 0 &&
	    errno != EAGAIN)
		return -errno;
	return pfd[0].revents || !pfd[1].revents ? 0 : -ENOTCONN;
}

int ladon_posted_wait(struct ladon_posted *p, int timeout_ms, uint64_t *ret_vectors)
{
	uint64_t bits, end = timeout_ms < 0 ? UINT64_MAX
					    : clock_ns() + (uint64_t)timeout_ms * NSEC_PER_MSEC;
	int err = 0;

	while (!(bits = pi_take(p->desc, 0)) && !err) {
		if (clock_ns() >= end)
			return 0;
		pi_arm(p->desc);
		if (!atomic_load(&p->desc->pir[0]))
			err = posted_sleep(p, end);
		pi_disarm(p->desc);
	}
	if (!bits)
		return err;
	*ret_vectors = bits;
	return 1;
}
