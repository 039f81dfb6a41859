/* SPDX-License-Identifier: BSD-3-Clause */
#include "capture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bits.h"
#include "card.h"
#include "clock.h"
#include "control.h"
#include "control_client.h"
#include "daemon.h"
#include "net_pcapng.h"
#include "nic_capture.h"
#include "uplink.h"

#define PUMP_IDLE_NS   (10 * NSEC_PER_MSEC)
#define PUMP_BUSY_NS   NSEC_PER_MSEC
#define RECORDS_TURN   2048u
#define NAME_MAX_BYTES (NIC_NAME_MAX + 16u)
#define INTERFACE_NONE 0xffff

struct capture {
	struct capture *next;	       /* the card's list */
	struct control_client *client; /* borrowed: frees us */
	struct card *card;	       /* borrowed; NULL = it is gone */
	struct nic_capture *nic;       /* owned */
	const struct nic_port *port; /* borrowed: that of the one VF it looks at; NULL = none */
	struct loop_timer *timer;    /* owned */
	int64_t wall_ns;	     /* of 1970 to the data path's clock */
	uint64_t lost_told;
	uint32_t snaplen, num_interfaces;
	uint16_t interface[NIC_MAX_PORTS]; /* by port index; INTERFACE_NONE = not told yet */
	bool begun;
	uint8_t block[NET_PCAPNG_ROOM + NIC_CAPTURE_SNAP];
};

static int64_t wall_clock_offset(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * (int64_t)NSEC_PER_SEC + ts.tv_nsec - (int64_t)clock_ns();
}

/* ---- blocks ---- */

static void send_block(struct capture *c, uint32_t len)
{
	control_client_send(c->client, (const char *)c->block, len);
}

static void begin(struct capture *c)
{
	c->begun = true;
	send_block(c, net_pcapng_section(c->block, "ladond " LADON_VERSION));
}

/* "nic0/vf1", "nic0/pf", "nic0/uplink". */
static void port_name(const struct card *card, unsigned index, char *buf, size_t size)
{
	if (index < NIC_MAX_VFS) /* a VF's port has the VF's number */
		snprintf(buf, size, "%s/vf%u", card->name, index);
	else if (card->nic->uplink && card->nic->uplink->index == index)
		snprintf(buf, size, "%s/uplink", card->name);
	else
		snprintf(buf, size, "%s/pf", card->name);
}

static uint32_t interface_of(struct capture *c, uint16_t index)
{
	uint8_t block[NET_PCAPNG_ROOM]; /* c->block has a packet's bytes */
	char name[NAME_MAX_BYTES];
	uint32_t len;

	if (c->interface[index] != INTERFACE_NONE)
		return c->interface[index];
	port_name(c->card, index, name, sizeof(name));
	len = net_pcapng_interface(block, name, c->snaplen);
	control_client_send(c->client, (const char *)block, len);
	c->interface[index] = (uint16_t)c->num_interfaces++;
	return c->interface[index];
}

static const char *comment_of(const struct nic_capture_rec *rec, char *buf, size_t size)
{
	enum nic_drop reason = (enum nic_drop)rec->reason;
	int at;

	if (reason == NIC_DROP_NONE)
		return NULL;
	at = snprintf(buf, size, "dropped: %s (%s)", nic_drop_word(reason),
		      nic_drop_text(reason));
	if (rec->frames > 1 && at > 0 && (size_t)at < size)
		snprintf(buf + at, size - (size_t)at, ", %u frames", rec->frames);
	return buf;
}

/* The port's point of view; the uplink's is that of the wire, whose frames come in. */
static bool is_inbound(const struct capture *c, const struct nic_capture_rec *rec)
{
	const struct nic_port *uplink = c->card->nic->uplink;

	return rec->received != (uplink && uplink->index == rec->port);
}

/* rec's bytes are in the block already. */
static void send_packet(struct capture *c, const struct nic_capture_rec *rec)
{
	char comment[NET_PCAPNG_TEXT];
	struct net_pcapng_packet p = {
		.interface = interface_of(c, rec->port),
		.time_ns = rec->time_ns + (uint64_t)c->wall_ns,
		.data = c->block + NET_PCAPNG_DATA,
		.cap_len = rec->cap_len,
		.orig_len = rec->orig_len,
		.inbound = is_inbound(c, rec),
		.lost = rec->lost - c->lost_told,
		.comment = comment_of(rec, comment, sizeof(comment)),
	};

	c->lost_told = rec->lost;
	send_block(c, net_pcapng_packet(c->block, &p));
}

/* Losses that no later record has told of. */
static void tell_losses(struct capture *c)
{
	uint64_t lost = nic_capture_lost(c->nic);

	if (lost == c->lost_told || !c->num_interfaces)
		return;
	c->lost_told = lost;
	send_block(c,
		   net_pcapng_statistics(c->block, 0, clock_ns() + (uint64_t)c->wall_ns, lost));
}

/* ---- the stream ---- */

/* Takes out what the connection takes. Returns whether the ring may hold more. */
static bool drain(struct capture *c)
{
	struct nic_capture_rec rec;

	for (unsigned n = 0; n < RECORDS_TURN; n++) {
		if (!control_client_takes(c->client))
			return true;
		if (!nic_capture_read(c->nic, &rec, c->block + NET_PCAPNG_DATA)) {
			tell_losses(c);
			return false;
		}
		send_packet(c, &rec);
	}
	return true;
}

static void pump(void *arg)
{
	struct capture *c = arg;

	if (!c->begun)
		begin(c);
	loop_timer_arm(c->timer, drain(c) ? PUMP_BUSY_NS : PUMP_IDLE_NS);
}

/* ---- life ---- */

static int on_data_path(struct capture *c, struct cmd_error *error)
{
	int ret = nic_dp_capture_add(c->card->nic->dp, c->nic);

	if (ret < 0)
		return cmd_fail(error, ret, "%s has %u captures already: end one of them first",
				c->card->name, NIC_CAPTURES_MAX);
	c->next = c->card->captures;
	c->card->captures = c;
	return 0;
}

static int build(struct capture *c, const struct cmd *cmd, struct cmd_error *error)
{
	struct nic_capture_params params = {.uplink = cmd->capture.uplink,
					    .drops = cmd->capture.drops,
					    .snaplen = cmd->capture.snaplen};

	if (cmd->capture.vf)
		c->port = params.port = &c->card->functions[cmd->vf]->vf->fn.port;
	if (nic_capture_new(&params, &c->nic) < 0 ||
	    loop_add_timer(c->client->daemon->loop, pump, c, &c->timer) < 0)
		return cmd_fail(error, -ENOMEM, "there is not enough memory");
	return on_data_path(c, error);
}

int capture_new(struct control_client *client, const struct cmd *cmd,
		struct capture **ret_capture, struct cmd_error *error)
{
	struct function *fn;
	struct capture *c;
	struct card *card;
	int ret = card_find(client->daemon, cmd->card, &card, error);

	if (ret == 0 && cmd->capture.vf)
		ret = card_find_function(client->daemon, cmd->card, cmd->vf, &fn, error);
	if (ret == 0 && cmd->capture.uplink && !card->nic->uplink)
		ret = cmd_fail(error, -ENODEV, "%s has no uplink", card->name);
	if (ret < 0)
		return ret;
	c = calloc(1, sizeof(*c));
	if (!c)
		return cmd_fail(error, -ENOMEM, "there is not enough memory");
	c->client = client;
	c->card = card;
	c->wall_ns = wall_clock_offset();
	c->snaplen = cmd->capture.snaplen ? cmd->capture.snaplen : NIC_CAPTURE_SNAP;
	memset(c->interface, 0xff, sizeof(c->interface));
	ret = build(c, cmd, error);
	if (ret < 0) {
		capture_free(c);
		return ret;
	}
	loop_timer_arm(c->timer, 0);
	*ret_capture = c;
	return 0;
}

/* Off the data path and out of the card's list, if it was on. */
static void leave_card(struct card *card, struct capture *c)
{
	for (struct capture **at = &card->captures; *at; at = &(*at)->next) {
		if (*at != c)
			continue;
		*at = c->next;
		nic_dp_capture_del(card->nic->dp, c->nic);
		break;
	}
	c->card = NULL;
}

void capture_free(struct capture *capture)
{
	if (!capture)
		return;
	if (capture->card)
		leave_card(capture->card, capture);
	loop_timer_del(capture->timer);
	nic_capture_free(capture->nic);
	free(capture);
}

/* What it looked at goes: the rest of its records, and no more. */
static void end(struct capture *c)
{
	loop_timer_disarm(c->timer);
	if (!c->begun)
		begin(c);
	drain(c);
	leave_card(c->card, c);
	control_client_end(c->client);
}

void capture_card_gone(struct card *card)
{
	while (card->captures)
		end(card->captures);
}

void capture_vf_gone(struct card *card, unsigned n)
{
	const struct nic_port *port = &card->functions[n]->vf->fn.port;
	struct capture *next;

	for (struct capture *c = card->captures; c; c = next) {
		next = c->next;
		if (c->port == port)
			end(c);
	}
}

unsigned capture_count(const struct card *card)
{
	unsigned n = 0;

	for (const struct capture *c = card->captures; c; c = c->next)
		n++;
	return n;
}
