/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fd.h"
#include "uplink_impl.h"

static const struct uplink_kind *const kinds[] = {
	&uplink_tap_kind,    &uplink_packet_kind, &uplink_fd_kind,
	&uplink_stream_kind, &uplink_link_kind,	  &uplink_pcap_kind,
};

/* *ret_rest: what follows the prefix. NULL = there is no such kind. */
static const struct uplink_kind *kind_of(const char *spec, const char **ret_rest)
{
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
		size_t len = strlen(kinds[i]->prefix);

		if (strncmp(spec, kinds[i]->prefix, len))
			continue;
		*ret_rest = spec + len;
		return kinds[i];
	}
	return NULL;
}

const char *uplink_spec_wrong(const char *spec)
{
	const struct uplink_kind *kind;
	const char *rest;

	if (!strcmp(spec, "none"))
		return NULL;
	if (strlen(spec) >= UPLINK_SPEC_MAX)
		return "it is too long";
	kind = kind_of(spec, &rest);
	if (!kind)
		return "none, tap:IFNAME, packet:IFNAME, fd:NUMBER, stream:PATH, link:CARD or "
		       "pcap:replay=FILE is right";
	return kind->wrong(rest);
}

static struct uplink *new_uplink(const struct uplink_kind *kind, const char *spec,
				 const struct uplink_env *env)
{
	size_t size = ALIGN_UP(kind->size, CACHE_LINE);
	struct uplink *up = aligned_alloc(CACHE_LINE, size);

	if (!up)
		return NULL;
	memset(up, 0, size);
	up->kind = kind;
	up->env = *env;
	atomic_init(&up->fd, -1);
	up->port.ops = kind->ops;
	up->port.is_uplink = true;
	snprintf(up->spec, sizeof(up->spec), "%s", spec);
	return up;
}

int uplink_open(const char *spec, const struct uplink_env *env, struct uplink **ret_uplink,
		const char **ret_why)
{
	const struct uplink_kind *kind;
	struct uplink *up;
	const char *rest;
	int ret;

	*ret_uplink = NULL;
	*ret_why = uplink_spec_wrong(spec);
	if (*ret_why)
		return -EINVAL;
	kind = kind_of(spec, &rest);
	if (!kind) /* "none" */
		return 0;
	*ret_why = "out of memory";
	up = new_uplink(kind, spec, env);
	if (!up)
		return -ENOMEM;
	ret = kind->open(up, rest, ret_why);
	if (ret < 0)
		free(up);
	else
		*ret_uplink = up;
	return ret;
}

void uplink_close(struct uplink *uplink)
{
	int fd;

	if (!uplink)
		return;
	if (uplink->kind->close)
		uplink->kind->close(uplink);
	fd = uplink_fd(uplink);
	fd_close(&fd);
	free(uplink);
}

int uplink_attach(struct uplink *uplink, struct nic_card *card)
{
	int ret;

	uplink->card = card;
	ret = nic_card_set_uplink(card, &uplink->port, uplink_fd(uplink));
	if (ret < 0)
		uplink->card = NULL;
	return ret;
}

void uplink_detach(struct uplink *uplink)
{
	if (!uplink->card)
		return;
	if (uplink->kind->detach)
		uplink->kind->detach(uplink);
	nic_card_set_uplink(uplink->card, NULL, -1);
	uplink->card = NULL;
}

bool uplink_service(struct uplink *uplink, uint64_t now_ns, uint64_t *ret_wait_ns)
{
	atomic_store_explicit(&uplink->attend, false, memory_order_relaxed);
	if (uplink->kind->service)
		return uplink->kind->service(uplink, now_ns, ret_wait_ns);
	*ret_wait_ns = UPLINK_SERVICE_NS;
	if (!uplink_failed(uplink))
		return true;
	uplink_set_fd(uplink, -1);
	*ret_wait_ns = UPLINK_NEVER;
	return false;
}

void uplink_set_fd(struct uplink *up, int fd)
{
	int former = uplink_fd(up);

	if (former >= 0) {
		if (up->card)
			nic_dp_watch_fd(up->card->dp, -1);
		atomic_store_explicit(&up->fd, -1, memory_order_release);
		if (up->card)
			nic_dp_quiesce(up->card->dp);
		fd_close(&former);
	}
	if (fd < 0)
		return;
	atomic_store_explicit(&up->failed, false, memory_order_relaxed);
	atomic_store_explicit(&up->fd, fd, memory_order_release);
	if (up->card)
		nic_dp_watch_fd(up->card->dp, fd);
}

void uplink_fail(struct uplink *up)
{
	atomic_store_explicit(&up->failed, true, memory_order_release);
	uplink_attend(up);
}

void uplink_attend(struct uplink *up)
{
	atomic_store_explicit(&up->attend, true, memory_order_release);
	if (up->card)
		nic_dp_notify(up->card->dp);
}

bool uplink_wants_service(const struct uplink *uplink)
{
	return atomic_load_explicit(&uplink->attend, memory_order_acquire);
}

int uplink_error(const struct uplink *uplink)
{
	return atomic_load_explicit(&uplink->err, memory_order_relaxed);
}

bool uplink_failed(const struct uplink *uplink)
{
	return atomic_load_explicit(&uplink->failed, memory_order_acquire);
}
