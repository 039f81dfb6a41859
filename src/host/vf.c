/* SPDX-License-Identifier: BSD-3-Clause */
#include "vf.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fd.h"
#include "irqs.h"
#include "link.h"
#include "log.h"
#include "mem.h"
#include "uids.h"
#include "vfu_client.h"
#include "vfu_sock.h"

#define ANSWER_MS 5000

struct vf {
	struct vf *next;
	struct link *link;
	struct mem *mem;
	const struct uid_list *uids;
	char card[FABRIC_NAME_MAX];
	unsigned n;
	uint16_t rid;
	char path[PATH_MAX];
	struct vfu_sock *sock;	   /* owned: the VM's side */
	struct vfu_client *client; /* owned: the management host's side; NULL = no VM */
	struct mem_space *space;   /* owned, likewise */
	struct irqs irqs;	   /* likewise */
	int map_fd;		   /* owned: the queue pages, as last told; -1 = none */
};

struct vf **vf_next(struct vf *vf)
{
	return &vf->next;
}

const char *vf_path(const struct vf *vf)
{
	return vf->path;
}

bool vf_is(const struct vf *vf, const struct fabric_msg *msg)
{
	return vf->n == msg->vf.vf && !strcmp(vf->card, msg->vf.card);
}

/* ---- what the VM asks for ---- */

/* The function does not answer: the VM loses it as it would lose a card. */
static void check(struct vf *vf, int ret)
{
	if (ret == -ECONNRESET || ret == -ETIMEDOUT || ret == -EPIPE)
		vfu_sock_drop(vf->sock, "the management host does not answer");
}

/* VF tokens are the management host's: it has given the VF to us. */
static int version(void *dev, const struct vfu_client_caps *caps, const char **why)
{
	(void)dev, (void)caps, (void)why;
	return 0;
}

static void region_info(void *dev, unsigned index, struct vfu_region *ret)
{
	struct vf *vf = dev;
	struct vfu_client_region region = {.mmap_fd = -1};
	int err = vfu_client_region_info(vf->client, index, &region);

	*ret = (struct vfu_region){.mmap_fd = -1};
	check(vf, err);
	if (err < 0)
		return;
	ret->size = region.size;
	ret->flags = region.flags & (VFU_REGION_READ | VFU_REGION_WRITE);
	if (region.mmap_fd < 0)
		return;
	ret->flags |= VFU_REGION_MMAP;
	ret->mmap_offset = region.offset;
	ret->area_offset = region.area_offset;
	ret->area_size = region.area_size;
	fd_close(&vf->map_fd);
	ret->mmap_fd = vf->map_fd = region.mmap_fd;
}

static void irq_info(void *dev, unsigned index, struct vfu_irq *ret)
{
	struct vf *vf = dev;

	*ret = (struct vfu_irq){0};
	check(vf, vfu_client_irq_count(vf->client, index, &ret->count));
	if (ret->count)
		ret->flags = VFU_IRQ_EVENTFD;
}

static void region_read(void *dev, unsigned index, uint64_t offset, void *buf, uint32_t count)
{
	struct vf *vf = dev;
	int ret = vfu_client_read(vf->client, index, offset, buf, count);

	if (ret < 0)
		memset(buf, 0xff, count);
	check(vf, ret);
}

static void region_write(void *dev, unsigned index, uint64_t offset, const void *buf,
			 uint32_t count)
{
	struct vf *vf = dev;

	check(vf, vfu_client_write(vf->client, index, offset, buf, count));
}

static int dma_map(void *dev, const struct vfu_dma_map *map)
{
	return mem_map(((struct vf *)dev)->space, map);
}

static int dma_unmap(void *dev, uint64_t addr, uint64_t size)
{
	struct vf *vf = dev;

	check(vf, irqs_unmap(&vf->irqs, addr, size));
	return mem_unmap(vf->space, addr, size);
}

static void dma_unmap_all(void *dev)
{
	struct vf *vf = dev;

	check(vf, irqs_post_off(&vf->irqs));
	mem_unmap_all(vf->space);
}

static int set_irqs(void *dev, struct vfu_irq_set *set)
{
	struct vf *vf = dev;
	int ret = irqs_set(&vf->irqs, set);

	check(vf, ret);
	return ret;
}

/* Posted interrupts alone: what else there is concerns tables that are ours. */
static int feature(void *dev, uint32_t number, bool set, bool probe, const void *data,
		   uint32_t len)
{
	struct vfu_feature_posted req;
	struct vf *vf = dev;
	int ret;

	if (number != VFU_FEATURE_LADON_POSTED)
		return -ENOTTY;
	if (probe)
		return 0;
	if (!set || len < sizeof(req))
		return -EINVAL;
	memcpy(&req, data, sizeof(req));
	ret = irqs_post(&vf->irqs, &req);
	check(vf, ret);
	return ret;
}

static void reset(void *dev)
{
	struct vf *vf = dev;

	check(vf, vfu_client_reset(vf->client));
}

static const struct vfu_dev_ops dev_ops = {
	.version = version,
	.region_info = region_info,
	.irq_info = irq_info,
	.region_read = region_read,
	.region_write = region_write,
	.dma_map = dma_map,
	.dma_unmap = dma_unmap,
	.dma_unmap_all = dma_unmap_all,
	.set_irqs = set_irqs,
	.reset = reset,
	.feature = feature,
};

/* ---- VMs come and go ---- */

static void hang_up(struct vf *vf)
{
	if (vf->client)
		vfu_client_close(vf->client);
	vf->client = NULL;
	mem_space_free(vf->space);
	vf->space = NULL;
	vf->irqs = (struct irqs){0};
	fd_close(&vf->map_fd);
}

static void keep(void *arg)
{
	link_keep(arg);
}

static int call(struct vf *vf, const char **why)
{
	const struct vfu_client_idle idle = {keep, vf->link, link_beat_ms(vf->link)};
	struct fabric_msg msg = {.type = FABRIC_OPEN};
	int fd, ret;

	snprintf(msg.vf.card, sizeof(msg.vf.card), "%s", vf->card);
	msg.vf.vf = vf->n;
	ret = link_ask(vf->link, &msg, -1, &fd, why);
	if (ret < 0)
		return ret;
	*why = "the function at the management host refuses";
	ret = fd < 0 ? -EPROTO : vfu_client_attach(fd, NULL, &idle, &vf->client);
	if (ret < 0) {
		fd_close(&fd);
		return ret;
	}
	vfu_client_set_timeout(vf->client, ANSWER_MS);
	*why = "there is no room for its tables";
	ret = mem_space_new(vf->mem, vf->rid, &vf->space);
	vf->irqs = (struct irqs){.client = vf->client, .space = vf->space};
	return ret;
}

static int on_connected(void *dev, pid_t pid, uid_t uid, const char **why)
{
	struct vf *vf = dev;
	int ret;

	*why = "its uid is not among those of --allow-uid";
	if (!uids_have(vf->uids, uid))
		return -EACCES;
	ret = call(vf, why);
	if (ret < 0)
		hang_up(vf);
	else
		log_info("%s/vf%u: client attached (pid %d, uid %u)", vf->card, vf->n, (int)pid,
			 (unsigned)uid);
	return ret;
}

/* The function first, so that no DMA is under way while its memory goes. */
static void on_disconnected(void *dev, const char *reason)
{
	struct vf *vf = dev;

	log_info("%s/vf%u: client detached: %s", vf->card, vf->n, reason);
	hang_up(vf);
}

static void on_refused(void *dev, pid_t pid, uid_t uid, const char *reason)
{
	const struct vf *vf = dev;

	log_warn("%s/vf%u: client refused (pid %d, uid %u): %s", vf->card, vf->n, (int)pid,
		 (unsigned)uid, reason);
}

static const struct vfu_sock_events events = {
	.connected = on_connected,
	.disconnected = on_disconnected,
	.refused = on_refused,
};

/* ---- life ---- */

int vf_new(const struct vf_place *place, const struct fabric_msg *assigned, struct vf **ret_vf)
{
	struct vf *vf = calloc(1, sizeof(*vf));
	int ret;

	if (!vf)
		return -ENOMEM;
	/* It becomes part of a path. */
	if (!assigned->vf.card[0] || strchr(assigned->vf.card, '/')) {
		free(vf);
		return -EINVAL;
	}
	vf->link = place->link;
	vf->mem = place->mem;
	vf->uids = place->uids;
	vf->n = assigned->vf.vf;
	vf->rid = (uint16_t)assigned->vf.rid;
	vf->map_fd = -1;
	snprintf(vf->card, sizeof(vf->card), "%s", assigned->vf.card);
	snprintf(vf->path, sizeof(vf->path), "%s/%s-vf%u.sock", place->dir, vf->card, vf->n);
	ret = vfu_sock_new(place->loop, vf->path, &dev_ops, &events, vf, &vf->sock);
	if (ret < 0) {
		free(vf);
		return ret;
	}
	*ret_vf = vf;
	return 0;
}

void vf_free(struct vf *vf)
{
	if (!vf)
		return;
	vfu_sock_free(vf->sock);
	free(vf);
}
