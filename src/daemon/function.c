/* SPDX-License-Identifier: BSD-3-Clause */
#include "function.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "card.h"
#include "clock.h"
#include "daemon.h"
#include "event.h"
#include "host.h"
#include "jam.h"

#define LOST_CHECK_NS (500 * NSEC_PER_MSEC)
#define QUARANTINE_NS (10 * NSEC_PER_SEC)
#define VERSION_NS \
	(5 * NSEC_PER_SEC) /* a client that has not spoken by then only blocks others */

/* The domain's drain: nothing below holds a pointer into the client's memory when it returns.
 */
static void drain(void *arg)
{
	struct function *fn = arg;

	nic_dp_quiesce(fn->card->nic->dp);
}

/* ---- resets ---- */

/* Everything but the client's mappings and eventfds. DMA is off when it returns, drained. */
static void to_reset_values(struct function *fn)
{
	i82576_vf_set_dma(fn->vf, false);
	i82576_vf_reset(fn->vf);
	pci_config_reset(&fn->cfg);
}

static void was_reset(struct function *fn, const char *why)
{
	fn->resets++;
	if (log_limit_ok(&fn->log_reset))
		log_info("%s: reset (%s)", fn->name, why);
	event_reason(fn->daemon, "reset", fn, why);
}

void function_reset(struct function *fn, const char *why)
{
	to_reset_values(fn);
	was_reset(fn, why);
}

void function_reset_by_card(struct function *fn, const char *why)
{
	i82576_vf_reset(fn->vf);
	was_reset(fn, why);
}

/* ---- clients ---- */

static int on_connected(void *dev, pid_t pid, uid_t uid, const char **why)
{
	struct function *fn = dev;
	struct timespec now;

	if (clock_ns() < fn->quarantine_until) {
		*why = "the function is in quarantine: its last client tried to block the card";
		return -EBUSY;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	fn->client = (struct function_client){
		.attached = true,
		.pid = pid,
		.uid = uid,
		.since = now.tv_sec,
		.since_ns = clock_ns(),
		.kind = "vfio-user",
	};
	fn->attaches++;
	loop_timer_arm(fn->lost_timer, LOST_CHECK_NS);
	jam_watch(1);
	if (log_limit_ok(&fn->log_client))
		log_info("%s: client attached (pid %d, uid %u)", fn->name, (int)pid,
			 (unsigned)uid);
	event_attached(fn->daemon, fn);
	return 0;
}

/* DMA stops first, then nobody raises interrupts, then memory and eventfds can go. */
static void on_disconnected(void *dev, const char *reason)
{
	struct function *fn = dev;
	pid_t pid = fn->client.pid;
	uid_t uid = fn->client.uid;

	loop_timer_disarm(fn->lost_timer);
	function_msg_stop(fn);
	i82576_vf_set_dma(fn->vf, false);
	/* The old client may keep its mapping of the queue pages: the next one gets others. */
	if (i82576_vf_renew(fn->vf) < 0)
		log_err("%s: no memory for new queue pages", fn->name);
	pci_config_reset(&fn->cfg);
	function_dma_unmap_all(fn);
	function_irqs_off(fn);
	jam_watch(-1);
	if (atomic_exchange(&fn->vf->intr.jammed, false))
		fn->quarantine_until = clock_ns() + QUARANTINE_NS;
	fn->client = (struct function_client){0};
	if (log_limit_ok(&fn->log_client))
		log_info("%s: client detached (pid %d, uid %u): %s", fn->name, (int)pid,
			 (unsigned)uid, reason);
	event_reason(fn->daemon, "detached", fn, reason);
}

static void on_refused(void *dev, pid_t pid, const char *reason)
{
	struct function *fn = dev;

	fn->refusals++;
	if (log_limit_ok(&fn->log_client))
		log_warn("%s: client refused (pid %d): %s", fn->name, (int)pid, reason);
}

static const struct vfu_sock_events sock_events = {
	.connected = on_connected,
	.disconnected = on_disconnected,
	.refused = on_refused,
};

void function_check_client(struct function *fn)
{
	const struct vfu_conn *conn;
	struct iommu_usage usage;

	if (!fn->client.attached)
		return;
	conn = vfu_sock_conn(fn->sock);
	if (conn && !vfu_conn_caps(conn) && clock_ns() - fn->client.since_ns > VERSION_NS)
		vfu_sock_drop(fn->sock, "it sent no VERSION within 5 s");
	if (atomic_load(&fn->vf->intr.jammed))
		vfu_sock_drop(fn->sock, "its eventfd was made to block the card");
	iommu_usage(fn->dom, &usage);
	if (usage.any_lost)
		vfu_sock_drop(fn->sock, "its memory file was truncated");
}

static void on_lost_timer(void *arg)
{
	struct function *fn = arg;

	loop_timer_arm(fn->lost_timer, LOST_CHECK_NS);
	function_check_client(fn);
}

/* ---- life ---- */

static int function_build(struct function *fn)
{
	struct daemon *daemon = fn->daemon;
	int ret = host_add(&daemon->local, fn, drain, fn);

	if (ret < 0)
		return ret;
	ret = i82576_vf_new(fn->card->nic, fn->n, fn->rid, fn->dom, &fn->vf);
	if (ret < 0)
		return ret;
	i82576_vf_config(fn->vf, &fn->cfg);
	ret = loop_add_timer(daemon->loop, on_lost_timer, fn, &fn->lost_timer);
	if (ret < 0)
		return ret;
	return vfu_sock_new(daemon->loop, fn->path, &function_dev_ops, &sock_events, fn,
			    &fn->sock);
}

int function_new(struct daemon *daemon, struct card *card, unsigned n, pci_rid_t rid,
		 const char *path, struct function **ret_fn)
{
	struct function *fn = calloc(1, sizeof(*fn));
	int ret;

	if (!fn)
		return -ENOMEM;
	fn->daemon = daemon;
	fn->card = card;
	fn->n = n;
	fn->rid = rid;
	for (unsigned i = 0; i < I82576_VF_VECTORS; i++)
		fn->irq_fd[i] = -1;
	snprintf(fn->name, sizeof(fn->name), "%s/vf%u", card->name, n);
	snprintf(fn->path, sizeof(fn->path), "%s", path);
	ret = function_build(fn);
	if (ret < 0) {
		function_free(fn);
		return ret;
	}
	*ret_fn = fn;
	return 0;
}

void function_free(struct function *fn)
{
	if (!fn)
		return;
	vfu_sock_free(fn->sock); /* on_disconnected, when somebody is attached */
	loop_timer_del(fn->lost_timer);
	i82576_vf_free(fn->vf);
	host_del(fn);
	free(fn);
}
