/* SPDX-License-Identifier: BSD-3-Clause */
#include "bridge.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "fd.h"
#include "ntb_regs.h"

#define OURS 1u /* which side of the page */

struct bridge {
	struct ntb_dev dev; /* dev.mem NULL: not mapped */
	int own, peer;	    /* owned: eventfds, one for all events of a side */
	struct loop_fd *source;
	uint32_t beats;
};

/* The management host's number goes back to it, and its doorbell is rung. */
static void on_event(void *arg, uint32_t events)
{
	struct bridge *bridge = arg;
	uint64_t rung;

	(void)events;
	ntb_event_take(bridge->own);
	rung = ntb_db_read(&bridge->dev);
	ntb_db_clear(&bridge->dev, rung);
	if (!(rung & FABRIC_DB_RING))
		return;
	ntb_peer_spad_write(&bridge->dev, FABRIC_SPAD_RING,
			    ntb_spad_read(&bridge->dev, FABRIC_SPAD_RING));
	ntb_peer_db_set(&bridge->dev, FABRIC_DB_RING);
}

bool bridge_beat(struct bridge *bridge)
{
	return bridge &&
	       ntb_peer_spad_write(&bridge->dev, FABRIC_SPAD_BEAT, ++bridge->beats) == 0;
}

/* ---- life ---- */

static int ask(struct link *link, enum fabric_bridge part, int *ret_fd)
{
	struct fabric_msg msg = {.type = FABRIC_BRIDGE, .bridge.part = part};
	int ret = link_ask(link, &msg, -1, ret_fd, NULL);

	return ret == 0 && *ret_fd < 0 ? -EPROTO : ret;
}

static int map(struct bridge *bridge, int *page)
{
	int own[NTB_EVENTS], peer[NTB_EVENTS], ret;
	const char *why;

	for (unsigned i = 0; i < NTB_EVENTS; i++) {
		own[i] = bridge->own;
		peer[i] = bridge->peer;
	}
	ret = ntb_dev_init(&bridge->dev, *page, OURS, own, peer, &why);
	if (ret == 0)
		*page = -1;
	return ret;
}

int bridge_new(struct loop *loop, struct link *link, struct bridge **ret_bridge)
{
	struct bridge *bridge = calloc(1, sizeof(*bridge));
	FD_AUTO int page = -1;
	int ret;

	if (!bridge)
		return -ENOMEM;
	bridge->own = bridge->peer = -1;
	ret = ask(link, FABRIC_BRIDGE_PAGE, &page);
	if (ret == 0)
		ret = ask(link, FABRIC_BRIDGE_COMPUTE, &bridge->own);
	if (ret == 0)
		ret = ask(link, FABRIC_BRIDGE_MANAGEMENT, &bridge->peer);
	if (ret == 0)
		ret = map(bridge, &page);
	if (ret == 0)
		ret = loop_add_fd(loop, bridge->own, EPOLLIN, on_event, bridge,
				  &bridge->source);
	if (ret < 0) {
		bridge_free(bridge);
		return ret;
	}
	ntb_db_clear_mask(&bridge->dev, FABRIC_DB_RING);
	ntb_link_enable(&bridge->dev);
	*ret_bridge = bridge;
	return 0;
}

void bridge_free(struct bridge *bridge)
{
	if (!bridge)
		return;
	loop_fd_del(bridge->source);
	if (bridge->dev.mem)
		ntb_dev_done(&bridge->dev);
	fd_close(&bridge->own);
	fd_close(&bridge->peer);
	free(bridge);
}
