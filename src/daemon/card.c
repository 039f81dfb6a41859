/* SPDX-License-Identifier: BSD-3-Clause */
#include "card.h"
#include "capture.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon.h"
#include "event.h"
#include "log.h"

/* ---- finding ---- */

static struct card *find(struct daemon *daemon, const char *name)
{
	struct card *card = daemon->cards;

	while (card && strcmp(card->name, name))
		card = card->next;
	return card;
}

static void list_names(const struct daemon *daemon, char *buf, size_t size)
{
	size_t at = 0;

	buf[0] = '\0';
	for (const struct card *c = daemon->cards; c && at < size; c = c->next)
		at += (size_t)snprintf(buf + at, size - at, "%s%s", at ? ", " : "", c->name);
}

int card_find(struct daemon *daemon, const char *name, struct card **ret_card,
	      struct cmd_error *error)
{
	struct card *card = find(daemon, name);
	char names[256];

	if (card) {
		*ret_card = card;
		return 0;
	}
	list_names(daemon, names, sizeof(names));
	if (!names[0])
		return cmd_fail(
			error, -ENODEV,
			"there is no card \"%s\", nor any other: \"card add\" makes one", name);
	return cmd_fail(error, -ENODEV, "there is no card \"%s\": one of %s is right", name,
			names);
}

static int no_vf(const struct card *card, unsigned n, struct cmd_error *error)
{
	char list[CARD_VF_LIST_BYTES];

	if (!card->vfs_end)
		return cmd_fail(error, -EINVAL, "%s has no VF: \"vf add\" makes one",
				card->name);
	if (card_num_vfs(card) == card->vfs_end)
		return cmd_fail(error, -EINVAL, "%s has no VF %u: 0 to %u is right", card->name,
				n, card->vfs_end - 1);
	return cmd_fail(error, -EINVAL, "%s has no VF %u: one of %s is right", card->name, n,
			card_vf_list(card, list));
}

int card_find_function(struct daemon *daemon, const char *name, unsigned n,
		       struct function **ret_fn, struct cmd_error *error)
{
	struct card *card;
	int ret = card_find(daemon, name, &card, error);

	if (ret < 0)
		return ret;
	if (n < CARD_VFS_MAX && card->functions[n]) {
		*ret_fn = card->functions[n];
		return 0;
	}
	return no_vf(card, n, error);
}

/* ---- making ---- */

/* The longest path the card will need; nothing has been made yet. */
static int check_paths(struct daemon *daemon, struct card *card, struct cmd_error *error)
{
	char dir[PATH_MAX + 32], path[sizeof(dir) + 32];
	int n;

	snprintf(dir, sizeof(dir), "%s/%s", daemon->run_dir, card->name);
	n = function_path(&function_vf, dir, CARD_VFS_MAX - 1, path, sizeof(path));
	if ((size_t)n >= FUNCTION_PATH_MAX)
		return cmd_fail(
			error, -ENAMETOOLONG,
			"socket path %.300s has %d bytes: at most %zu are right, so choose "
			"a shorter --run-dir or name",
			path, n, FUNCTION_PATH_MAX - 1);
	n = snprintf(card->dir, sizeof(card->dir), "%s", dir);
	return n < 0 ? -EINVAL : 0;
}

static int take_slot(struct daemon *daemon, struct card *card, struct cmd_error *error)
{
	bool used[DAEMON_CARDS_MAX] = {false};

	for (const struct card *c = daemon->cards; c; c = c->next)
		used[c->slot] = true;
	while (card->slot < DAEMON_CARDS_MAX && used[card->slot])
		card->slot++;
	if (card->slot == DAEMON_CARDS_MAX)
		return cmd_fail(error, -ENOSPC, "there are %d cards already, that is the limit",
				DAEMON_CARDS_MAX);
	card->pf_rid = PCI_RID(1 + 2 * card->slot, 0, 0);
	return 0;
}

#define FOREVER_US 1000000u

static int make_nic(struct card *card, struct cmd_error *error)
{
	const struct opts *opts = &card->daemon->opts;
	/* Where every doorbell is a message, each wakes the data path: no need to look for
	 * more. */
	uint32_t unmapped_sleep_us = opts->mapped_doorbells ? 0 : FOREVER_US;
	struct nic_dp_params params = {
		.busy_poll = opts->busy_poll,
		.workers = MAX(card->params.workers, card->params.num_cpus),
		.num_cpus = card->params.num_cpus,
		.link_mbps = card->params.link_mbps,
		.idle_sleep_us = opts->idle_sleep_us ? opts->idle_sleep_us : unmapped_sleep_us,
	};
	int ret;

	memcpy(params.cpu, card->params.cpu, sizeof(params.cpu));
	if (!params.num_cpus && params.workers <= 1 && opts->cpu >= 0)
		params.cpu[params.num_cpus++] = opts->cpu;
	ret = nic_card_new(card->name, 0, &params, &card->nic);
	if (ret < 0 && params.num_cpus)
		return cmd_fail(error, ret,
				"the data path of %s does not start on cpu %d%s: %s (CPUs that "
				"are there and allowed are right)",
				card->name, params.cpu[0],
				params.num_cpus > 1 ? " and its others" : "", strerror(-ret));
	if (ret < 0)
		return cmd_fail(error, ret, "the data path of %s does not start: %s",
				card->name, strerror(-ret));
	if (card->params.mac_set)
		nic_card_set_base_mac(card->nic, card->params.mac);
	return card_set_control(card, &card->params, error);
}

static int make_dir(struct card *card, struct cmd_error *error)
{
	struct stat st;
	int ret;

	if (mkdir(card->dir, 0700) == 0) {
		card->dir_made = true;
		return 0;
	}
	ret = -errno;
	if (ret == -EEXIST && lstat(card->dir, &st) == 0 && S_ISDIR(st.st_mode)) {
		card->dir_made = st.st_uid == geteuid() && !(st.st_mode & 022);
		if (card->dir_made) /* by a former daemon */
			return 0;
		return cmd_fail(error, -EPERM,
				"directory %s belongs to others or may be written by them: "
				"one of our own with mode 0700 is right",
				card->dir);
	}
	return cmd_fail(error, ret, "directory %s cannot be made: %s", card->dir,
			strerror(-ret));
}

/* VFs before the PF, which borrows them. */
static int make_functions(struct card *card, struct cmd_error *error)
{
	int ret = card_set_vfs(card, card->params.num_vfs, error);

	if (ret == 0)
		ret = card_make_function(card, &function_pf, NIC_PF, card->pf_rid, &card->pf,
					 error);
	return ret;
}

static void dp_event(struct function *fn)
{
	function_check_client(fn);
	function_dp_event(fn);
}

/* The event fd is drained first: what comes later sets it again. */
static void on_events(void *arg, uint32_t events)
{
	struct card *card = arg;

	(void)events;
	nic_dp_event_drain(card->nic->dp);
	card_uplink_event(card);
	faults_collect(card->daemon, card);
	for (struct function *fn = card_next_vf(card, NULL); fn; fn = card_next_vf(card, fn))
		dp_event(fn);
	for (unsigned n = 0; n < I82576_PF_MAX_VFS; n++)
		if (card->views[n])
			function_check_client(card->views[n]);
	dp_event(card->pf);
	function_pf_dp_event(card->pf);
}

static int watch_events(struct card *card, struct cmd_error *error)
{
	int ret = loop_add_fd(card->daemon->loop, nic_dp_event_fd(card->nic->dp), EPOLLIN,
			      on_events, card, &card->events);

	if (ret < 0)
		return cmd_fail(error, ret, "the data path of %s cannot be watched: %s",
				card->name, strerror(-ret));
	return 0;
}

static int build(struct daemon *daemon, struct card *card, struct cmd_error *error)
{
	int ret = check_paths(daemon, card, error);

	if (ret == 0)
		ret = take_slot(daemon, card, error);
	if (ret == 0)
		ret = make_nic(card, error);
	if (ret == 0)
		ret = make_dir(card, error);
	if (ret == 0)
		ret = card_uplink_make(card, error);
	if (ret == 0)
		ret = make_functions(card, error);
	if (ret == 0)
		ret = watch_events(card, error);
	return ret;
}

static void link_in(struct daemon *daemon, struct card *card)
{
	struct card **at = &daemon->cards;

	while (*at)
		at = &(*at)->next;
	*at = card;
	daemon->num_cards++;
}

static void link_out(struct card *card)
{
	struct card **at = &card->daemon->cards;

	while (*at && *at != card)
		at = &(*at)->next;
	if (!*at)
		return;
	*at = card->next;
	card->daemon->num_cards--;
}

int card_new(struct daemon *daemon, const struct card_params *params, struct card **ret_card,
	     struct cmd_error *error)
{
	struct card *card;
	int ret;

	if (find(daemon, params->name))
		return cmd_fail(error, -EEXIST,
				"there is a card \"%s\" already: another name is right",
				params->name);
	card = calloc(1, sizeof(*card));
	if (!card)
		return cmd_fail(error, -ENOMEM, "there is not enough memory");
	card->daemon = daemon;
	card->params = *params;
	card->params.token_file = NULL; /* borrowed no longer */
	if (!card->params.mtu)
		card->params.mtu = CARD_MTU;
	if (!card->params.place.first_offset)
		card->params.place.first_offset = CARD_FIRST_OFFSET;
	if (!card->params.place.stride)
		card->params.place.stride = CARD_STRIDE;
	memcpy(card->name, params->name, sizeof(card->name));
	ret = build(daemon, card, error);
	card->params.files = NULL; /* borrowed no longer */
	if (ret < 0) {
		card_free(card);
		return ret;
	}
	link_in(daemon, card);
	*ret_card = card;
	return 0;
}

void card_free(struct card *card)
{
	if (!card)
		return;
	link_out(card);
	capture_card_gone(card);
	loop_fd_del(card->events);
	card_uplink_quiet(card);
	if (card->nic)
		nic_dp_stop(card->nic->dp);
	function_free(card->pf);
	card->pf = NULL;
	card_free_vfs(card);
	card_uplink_free(card);
	nic_card_free(card->nic);
	token_clear(&card->token);
	if (card->dir_made)
		rmdir(card->dir);
	free(card);
}

int card_set_control(struct card *card, const struct card_params *params,
		     struct cmd_error *error)
{
	if (params->flow_set && nic_card_set_flow(card->nic, params->flow_mode) < 0)
		return cmd_fail(error, -ENOMEM, "there is not enough memory");
	if (params->flow_set)
		card->params.flow_mode = params->flow_mode;
	if (!params->control_set)
		return 0;
	card->params.pass_control = params->pass_control;
	nic_card_set_pass_control(card->nic, params->pass_control);
	if (params->pass_control)
		log_warn("%s: link control frames of its VFs pass: any VF can stop the whole "
			 "link with PAUSE frames, or speak LACP and STP in the host's name",
			 card->name);
	return 0;
}

bool card_guest_owns(const struct card *card)
{
	return card->pf->pf->owns;
}

void card_tell_links(struct card *card)
{
	for (struct function *fn = card_next_vf(card, NULL); fn; fn = card_next_vf(card, fn)) {
		bool up = nic_card_link_up(card->nic, fn->n);

		if (up != card->link_told[fn->n])
			event_link(card->daemon, card, fn->n, up);
		card->link_told[fn->n] = up;
	}
}

int cards_json(struct daemon *daemon, const char *name,
	       struct json_object *(*json)(const struct card *card, bool arg), bool arg,
	       struct json_object **ret_list, struct cmd_error *error)
{
	struct json_object *list;
	struct card *only = NULL;
	int ret = name[0] ? card_find(daemon, name, &only, error) : 0;

	if (ret < 0)
		return ret;
	list = json_object_new_array();
	for (const struct card *c = daemon->cards; c; c = c->next) {
		if (!only || c == only)
			json_object_array_add(list, json(c, arg));
	}
	*ret_list = list;
	return 0;
}
