/* SPDX-License-Identifier: BSD-3-Clause */
/* card_uplink.c - a card and its wire: opened with it, looked after, told to its functions. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "card.h"
#include "clock.h"
#include "daemon.h"
#include "helper.h"
#include "log.h"
#include "pcap_spec.h"
#include "uplink.h"

/*
 * What is handed over came through exec. Descriptors of our own making are all close-on-exec,
 * and so are those of other uplinks: a number that means one of them must not make us close it.
 */
static bool is_ours_to_take(const char *uplink)
{
	unsigned fd = 0;
	int flags;

	if (strncmp(uplink, "fd:", 3))
		return true;
	if (word_number(uplink + 3, STDERR_FILENO + 1, INT_MAX, &fd) < 0)
		return false;
	flags = fcntl((int)fd, F_GETFD);
	return flags >= 0 && !(flags & FD_CLOEXEC);
}

/* One wire has one card. */
static const struct card *user_of(const struct card *card)
{
	const struct card *other = card->daemon->cards;

	if (!strncmp(card->params.uplink, PCAP_SPEC_PREFIX, strlen(PCAP_SPEC_PREFIX)))
		return NULL; /* a file may be read by many; one that is written is locked */
	while (other && strcmp(other->params.uplink, card->params.uplink))
		other = other->next;
	return strcmp(card->params.uplink, "none") ? other : NULL;
}

/* The carrier has come or gone: the functions hear of it. */
static void look_after(struct card *card)
{
	uint64_t wait;
	bool up = uplink_service(card->uplink, clock_ns(), &wait);

	if (wait != UINT64_MAX)
		loop_timer_arm(card->uplink_timer, wait);
	if (up == card->nic->uplink_up)
		return;
	if (up)
		log_info("%s: uplink %s is there", card->name, card->params.uplink);
	else
		log_warn("%s: uplink %s is gone%s%s", card->name, card->params.uplink,
			 uplink_error(card->uplink) ? ": " : "",
			 uplink_error(card->uplink) ? strerror(uplink_error(card->uplink))
						    : "");
	nic_card_uplink_state(card->nic, up);
	function_pf_wire(card->pf);
	card_tell_links(card);
}

static void on_timer(void *arg)
{
	look_after(arg);
}

void card_uplink_event(struct card *card)
{
	if (card->uplink && uplink_wants_service(card->uplink))
		look_after(card);
}

static bool find(void *arg, const char *name, struct uplink **ret_uplink)
{
	const struct daemon *daemon = arg;
	const struct card *card = daemon->cards;

	while (card && strcmp(card->name, name))
		card = card->next;
	*ret_uplink = card ? card->uplink : NULL;
	return card;
}

static int open_it(struct card *card, struct cmd_error *error)
{
	struct helper *helper = card->daemon->helper;
	const struct uplink_env env = {
		.mtu = card->params.mtu,
		.tap = helper ? helper_tap : NULL,
		.packet = helper ? helper_packet : NULL,
		.arg = helper,
		.card = card->name,
		.find = find,
		.find_arg = card->daemon,
		.files = card->params.files,
	};
	const char *why = "no reason is known";
	int ret = uplink_open(card->params.uplink, &env, &card->uplink, &why);

	if (ret < 0)
		return cmd_fail(error, ret, "uplink %.160s of %s cannot be used: %s (%s)",
				card->params.uplink, card->name, why, strerror(-ret));
	return 0;
}

/* Whether there is another end is known before the first function is made. */
static int attach(struct card *card, struct cmd_error *error)
{
	uint64_t wait;
	int ret = uplink_attach(card->uplink, card->nic);

	if (ret < 0)
		return cmd_fail(error, ret,
				"uplink %.160s of %s finds no place in the data path: %s",
				card->params.uplink, card->name, strerror(-ret));
	ret = loop_add_timer(card->daemon->loop, on_timer, card, &card->uplink_timer);
	if (ret < 0)
		return cmd_fail(error, ret, "there is not enough memory");
	if (!uplink_service(card->uplink, clock_ns(), &wait)) {
		log_info("%s: uplink %s: nobody is there yet, the link is down", card->name,
			 card->params.uplink);
		nic_card_uplink_state(card->nic, false);
	}
	if (wait != UINT64_MAX)
		loop_timer_arm(card->uplink_timer, wait);
	return 0;
}

int card_uplink_make(struct card *card, struct cmd_error *error)
{
	const struct card *other = user_of(card);
	int ret;

	if (!is_ours_to_take(card->params.uplink))
		return cmd_fail(
			error, -EINVAL,
			"uplink %.160s of %s cannot be used: the daemon was not started "
			"with this descriptor, or it is in use",
			card->params.uplink, card->name);
	if (other)
		return cmd_fail(error, -EBUSY, "uplink %.160s of %s is taken: %s has it",
				card->params.uplink, card->name, other->name);
	ret = open_it(card, error);
	if (ret < 0 || !card->uplink)
		return ret;
	return attach(card, error);
}

void card_uplink_quiet(struct card *card)
{
	loop_timer_del(card->uplink_timer);
	card->uplink_timer = NULL;
}

void card_uplink_free(struct card *card)
{
	if (!card->uplink)
		return;
	uplink_detach(card->uplink);
	uplink_close(card->uplink);
	card->uplink = NULL;
}

bool card_uplink_up(const struct card *card)
{
	return !card->nic->uplink || card->nic->uplink_up;
}
