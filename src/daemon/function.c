/* SPDX-License-Identifier: BSD-3-Clause */
#include "function.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "card.h"
#include "clock.h"
#include "compute.h"
#include "daemon.h"
#include "event.h"
#include "host.h"
#include "iommu_mem.h"
#include "jam.h"
#include "probe.h"

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
	i82576_fn_set_dma(fn->dev, false);
	fn->kind->reset(fn);
	pci_config_reset(&fn->cfg);
	function_irqs_gate(fn);
	if (fn->kind->configured)
		fn->kind->configured(fn, 0);
}

void function_was_reset(struct function *fn, const char *why)
{
	fn->resets++;
	PROBE2(reset, fn->name, why);
	if (log_limit_ok(&fn->log_reset))
		log_info("%s: reset (%s)", fn->name, why);
	event_reason(fn->daemon, "reset", fn, why);
}

void function_reset(struct function *fn, const char *why)
{
	to_reset_values(fn);
	function_was_reset(fn, why);
}

/* ---- clients ---- */

/* Whoever is let in by a compute host is that host's choice. */
static int check_door(struct function *fn, uid_t uid, const char **why)
{
	if (fn->opening)
		return 0;
	if (!fn->host) {
		*why = "no memory is left for its address space";
		return -ENOMEM;
	}
	if (!fn->host->bridge)
		return function_admit_uid(fn, uid, why);
	*why = "the VF is assigned to a compute host: attach there";
	return -EACCES;
}

static int on_connected(void *dev, pid_t pid, uid_t uid, const char **why)
{
	struct function *fn = dev;
	struct timespec now;
	int ret = check_door(fn, uid, why);

	if (ret < 0)
		return ret;
	/* Its way here is a socket pair of our own. */
	if (fn->opening) {
		pid = compute_of(fn->host)->pid;
		uid = compute_of(fn->host)->uid;
	}
#ifndef LADON_BREAK_QUARANTINE
	if (clock_ns() < fn->quarantine_until) {
		*why = "the function is in quarantine: its last client tried to block the card";
		return -EBUSY;
	}
#endif
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
	fn->ext_hidden = fn->kind->hides_ext;
	fn->lost_seen = iommu_mem_lost_count();
	loop_timer_arm(fn->lost_timer, LOST_CHECK_NS);
	jam_watch(1);
	if (log_limit_ok(&fn->log_client))
		log_info("%s: client attached (pid %d, uid %u)", fn->name, (int)pid,
			 (unsigned)uid);
	event_attached(fn->daemon, fn);
	return 0;
}

uint64_t function_bad_requests(const struct function *fn)
{
	const struct vfu_conn *conn = fn->client.attached ? vfu_sock_conn(fn->sock) : NULL;

	return fn->bad_requests + (conn ? vfu_conn_bad(conn) : 0);
}

/* What the one who goes did wrong. */
static void keep_record(struct function *fn, const char *reason)
{
	uint64_t bad = vfu_conn_bad(vfu_sock_conn(fn->sock));
	char text[48] = "";

	fn->kicks += strcmp(reason, VFU_SOCK_CLOSED) != 0;
	fn->bad_requests += bad;
	if (!log_limit_ok(&fn->log_client))
		return;
	if (bad)
		snprintf(text, sizeof(text), " (%llu bad requests)", (unsigned long long)bad);
	log_info("%s: client detached (pid %d, uid %u): %s%s", fn->name, (int)fn->client.pid,
		 (unsigned)fn->client.uid, reason, text);
}

/* DMA stops first, then nobody raises interrupts, then memory and eventfds can go. */
static void on_disconnected(void *dev, const char *reason)
{
	struct function *fn = dev;
	loop_timer_disarm(fn->lost_timer);
	function_msg_stop(fn);
	i82576_fn_set_dma(fn->dev, false);
	fn->kind->gone(fn);
	pci_config_reset(&fn->cfg);
	function_stage1_off(fn);
	function_dma_unmap_all(fn);
	function_irqs_off(fn);
	jam_watch(-1);
	if (atomic_exchange(&fn->dev->intr.jammed, false))
		fn->quarantine_until = clock_ns() + QUARANTINE_NS;
	keep_record(fn, reason);
	fn->client = (struct function_client){0};
	event_reason(fn->daemon, "detached", fn, reason);
}

static void on_refused(void *dev, pid_t pid, uid_t uid, const char *reason)
{
	function_refused(dev, pid, uid, reason);
}

static const struct vfu_sock_events sock_events = {
	.connected = on_connected,
	.disconnected = on_disconnected,
	.refused = on_refused,
};

/* Costs a walk over all its mappings, so only when some memory of some client is lost. */
static bool memory_lost(struct function *fn)
{
	unsigned lost = iommu_mem_lost_count();
	struct iommu_usage usage;

	if (lost == fn->lost_seen)
		return false;
	fn->lost_seen = lost;
	iommu_usage(fn->dom, &usage);
	return usage.any_lost;
}

void function_check_client(struct function *fn)
{
	const struct vfu_conn *conn;

	if (!fn->client.attached)
		return;
	conn = vfu_sock_conn(fn->sock);
#ifndef LADON_BREAK_SILENT
	if (conn && !vfu_conn_caps(conn) && clock_ns() - fn->client.since_ns > VERSION_NS)
		vfu_sock_drop(fn->sock, "it sent no VERSION within 5 s");
#endif
	if (atomic_load(&fn->dev->intr.jammed))
		vfu_sock_drop(fn->sock, "its eventfd was made to block the card");
	if (memory_lost(fn))
		vfu_sock_drop(fn->sock, "its memory file was truncated");
}

static void on_lost_timer(void *arg)
{
	struct function *fn = arg;

	loop_timer_arm(fn->lost_timer, LOST_CHECK_NS);
	function_check_client(fn);
}

/* ---- life ---- */

static void make_names(struct function *fn)
{
	snprintf(fn->name, sizeof(fn->name), fn->n == NIC_PF ? "%s/%s" : "%s/%s%u",
		 fn->card->name, fn->kind->word, fn->n);
	function_path(fn->kind, fn->card->dir, fn->n, fn->path, sizeof(fn->path));
}

int function_path(const struct function_kind *kind, const char *dir, unsigned n, char *buf,
		  size_t size)
{
	return n == NIC_PF ? snprintf(buf, size, "%s/%s.sock", dir, kind->word)
			   : snprintf(buf, size, "%s/%s%u.sock", dir, kind->word, n);
}

static int function_build(struct function *fn)
{
	struct daemon *daemon = fn->daemon;
	int ret = host_add(&daemon->local, fn, drain, fn);

	if (ret < 0)
		return ret;
	ret = fn->kind->make(fn);
	if (ret < 0)
		return ret;
	nic_intr_connect(&fn->dev->intr, fn->host->ir, fn->host_rid);
	ret = loop_add_timer(daemon->loop, on_lost_timer, fn, &fn->lost_timer);
	if (ret < 0)
		return ret;
	return vfu_sock_new(daemon->loop, fn->path, &function_dev_ops, &sock_events, fn,
			    &fn->sock);
}

/* At a quiesce point. */
static void connect_host(void *arg)
{
	struct function *fn = arg;

	fn->dev->dom = fn->dom;
	if (fn->host)
		nic_intr_connect(&fn->dev->intr, fn->host->ir, fn->host_rid);
}

/* Nobody uses the function: its queues are off, so its address space may be gone for a while.
 */
int function_set_host(struct function *fn, struct host *host)
{
	struct host *former = fn->host;
	int ret;

	if (fn->client.attached)
		return -EBUSY;
	host_del(fn);
	ret = host_add(host, fn, drain, fn);
	if (ret < 0 && (!former || host_add(former, fn, drain, fn) < 0))
		log_err("%s: no memory is left for its address space: it serves nobody",
			fn->name);
	nic_dp_call(fn->card->nic->dp, connect_host, fn);
	return ret;
}

int function_open(struct function *fn, int fd)
{
	int ret;

	fn->opening = true;
	ret = vfu_sock_adopt(fn->sock, fd);
	fn->opening = false;
	return ret;
}

int function_new(struct card *card, const struct function_kind *kind, unsigned n, pci_rid_t rid,
		 struct function **ret_fn)
{
	struct function *fn = calloc(1, sizeof(*fn));
	int ret;

	if (!fn)
		return -ENOMEM;
	fn->daemon = card->daemon;
	fn->card = card;
	fn->kind = kind;
	fn->n = n;
	fn->rid = rid;
	function_irqs_init(fn);
	make_names(fn);
	ret = function_build(fn);
	if (ret < 0) {
		function_free(fn);
		return ret;
	}
	*ret_fn = fn;
	return 0;
}

void function_drop(struct function *fn, const char *reason)
{
	vfu_sock_drop(fn->sock, reason);
}

void function_free(struct function *fn)
{
	if (!fn)
		return;
	if (fn->way)
		compute_tell_assigned(compute_of(fn->host), fn, false);
	vfu_sock_free(fn->sock); /* on_disconnected, when somebody is attached */
	loop_timer_del(fn->lost_timer);
	fn->kind->unmake(fn);
	host_del(fn);
	free(fn);
}
