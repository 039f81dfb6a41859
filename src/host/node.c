/* SPDX-License-Identifier: BSD-3-Clause */
#include "node.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bits.h"
#include "bridge.h"
#include "clock.h"
#include "link.h"
#include "log.h"
#include "mem.h"
#include "vf.h"

#define WAIT_MIN_NS (100 * NSEC_PER_MSEC)
#define WAIT_MAX_NS (5 * NSEC_PER_SEC)
#define STEADY_NS   (10 * NSEC_PER_SEC) /* who was joined so long is not thrown out in a loop */

struct node {
	struct loop *loop; /* borrowed */
	struct node_params params;
	struct link_ops ops;
	struct link *link;     /* owned; NULL = ALONE */
	struct mem *mem;       /* owned, likewise */
	struct bridge *bridge; /* owned, likewise */
	struct vf *vfs;	       /* owned */
	struct loop_timer *retry;
	uint64_t wait_ns, joined_ns;
	char complaint[FABRIC_WHY_MAX]; /* the last that was logged */
	bool left;
};

/* ---- VFs come and go ---- */

static struct vf **find(struct node *node, const struct fabric_msg *msg)
{
	struct vf **at = &node->vfs;

	while (*at && !vf_is(*at, msg))
		at = vf_next(*at);
	return at;
}

static void drop_vf(struct vf **at)
{
	struct vf *vf = *at;

	*at = *vf_next(vf);
	vf_free(vf);
}

static void assigned(void *arg, const struct fabric_msg *msg)
{
	struct node *node = arg;
	const struct vf_place place = {
		.loop = node->loop,
		.link = node->link,
		.mem = node->mem,
		.dir = node->params.dir,
		.uids = &node->params.uids,
	};
	struct vf **at = find(node, msg);
	int ret;

	if (msg->type == FABRIC_UNASSIGN && *at) {
		drop_vf(at);
		log_info("%s/vf%u: is another host's", msg->vf.card, msg->vf.vf);
	}
	if (msg->type == FABRIC_UNASSIGN || *at)
		return;
	ret = vf_new(&place, msg, at);
	if (ret == -EADDRINUSE)
		log_err("%s/vf%u: cannot be served: another process serves its socket in %s: "
			"another --run-dir is right",
			msg->vf.card, msg->vf.vf, node->params.dir);
	else if (ret < 0)
		log_err("%s/vf%u: cannot be served: %s", msg->vf.card, msg->vf.vf,
			strerror(-ret));
	else
		log_info("%s/vf%u: is ours: %s", msg->vf.card, msg->vf.vf, vf_path(*at));
}

/* ---- joining and being left ---- */

static void leave(struct node *node)
{
	while (node->vfs)
		drop_vf(&node->vfs);
	mem_free(node->mem);
	node->mem = NULL;
	bridge_free(node->bridge);
	node->bridge = NULL;
	link_free(node->link);
	node->link = NULL;
}

static int join(struct node *node, const char **ret_why)
{
	int ret = link_new(node->loop, node->params.join, node->params.name, node->params.key,
			   &node->ops, &node->link, ret_why);

	if (ret < 0)
		return ret;
	ret = mem_new(node->link, &node->mem);
	if (ret < 0) {
		*ret_why = ret == -ENOMEM ? "there is no memory for remapping tables"
					  : "remapping tables could not be offered";
		leave(node);
		return ret;
	}
	/* Without them beats are messages. */
	ret = bridge_new(node->loop, node->link, &node->bridge);
	if (ret < 0)
		log_warn("host %s: the registers of the bridge are not used: %s",
			 node->params.name, strerror(-ret));
	node->joined_ns = clock_ns();
	node->complaint[0] = '\0';
	log_info("host %s: joined %s", node->params.name, node->params.join);
	return 0;
}

static void on_retry(void *arg)
{
	struct node *node = arg;
	const char *why = NULL;

	if (node->link) {
		leave(node);
		loop_timer_arm(node->retry, node->wait_ns);
		return;
	}
	if (join(node, &why) == 0)
		return;
	/* The same again would only fill the log. */
	if (strcmp(node->complaint, why)) {
		snprintf(node->complaint, sizeof(node->complaint), "%s", why);
		log_warn("host %s: cannot join %s: %s: it is tried again", node->params.name,
			 node->params.join, why);
	}
	node->wait_ns = MIN(2 * node->wait_ns, WAIT_MAX_NS);
	loop_timer_arm(node->retry, node->wait_ns);
}

static bool beat(void *arg)
{
	return bridge_beat(((struct node *)arg)->bridge);
}

/* The link is on the stack: what it served is taken down by the timer. */
static void over(void *arg, const char *why)
{
	struct node *node = arg;

	log_err("host %s: left: %s", node->params.name, why);
	if (node->params.once) {
		node->left = true;
		loop_stop(node->loop);
		return;
	}
	if (clock_ns() - node->joined_ns > STEADY_NS)
		node->wait_ns = WAIT_MIN_NS;
	loop_timer_arm(node->retry, 0);
}

/* ---- life ---- */

int node_new(struct loop *loop, const struct node_params *params, struct node **ret_node,
	     const char **ret_why)
{
	struct node *node = calloc(1, sizeof(*node));
	int ret;

	*ret_why = "there is not enough memory";
	if (!node)
		return -ENOMEM;
	node->loop = loop;
	node->params = *params;
	node->ops = (struct link_ops){
		.arg = node, .assigned = assigned, .beat = beat, .over = over};
	node->wait_ns = WAIT_MIN_NS;
	ret = loop_add_timer(loop, on_retry, node, &node->retry);
	if (ret == 0)
		ret = join(node, ret_why);
	if (ret < 0) {
		node_free(node);
		return ret;
	}
	*ret_node = node;
	return 0;
}

void node_free(struct node *node)
{
	if (!node)
		return;
	leave(node);
	loop_timer_del(node->retry);
	explicit_bzero(node->params.key, sizeof(node->params.key));
	free(node);
}

bool node_was_left(const struct node *node)
{
	return node->left;
}
