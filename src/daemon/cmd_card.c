/* SPDX-License-Identifier: BSD-3-Clause */
/* cmd_card.c - card add, card del, card show. */
#include <string.h>

#include "capture.h"
#include "card.h"
#include "cmd.h"
#include "daemon.h"
#include "event.h"
#include "function_json.h"
#include "json_util.h"
#include "log.h"

CMD_RUN(cmd_card_add)
{
	uint8_t uuid[UUID_SIZE];
	struct card *card;
	int token = cmd_token_read(cmd, cmd->add.token_file, uuid, error);
	int ret = token < 0 ? token : card_new(daemon, &cmd->add, &card, error);

	(void)ret_data;
	if (ret == 0 && token)
		token_set(&card->token, uuid);
	explicit_bzero(uuid, sizeof(uuid));
	if (ret < 0)
		return ret;
	log_info("%s: card made, %u VFs at %s, uplink %s%s", card->name, card_num_vfs(card),
		 card->dir, card->params.uplink, token ? ", with a VF token" : "");
	event_card(daemon, "card-add", card);
	return 0;
}

CMD_RUN(cmd_card_del)
{
	struct card *card;
	int ret = card_find(daemon, cmd->card, &card, error);

	(void)ret_data;
	if (ret < 0)
		return ret;
	log_info("%s: card removed", card->name);
	event_card(daemon, "card-del", card);
	card_free(card);
	return 0;
}

/* VFs first: what can fail. */
CMD_RUN(cmd_card_set)
{
	struct card *card;
	int ret = card_find(daemon, cmd->card, &card, error);

	(void)ret_data;
	if (ret == 0 && cmd->add.vfs_set)
		ret = card_set_vfs(card, cmd->add.num_vfs, error);
	return ret < 0 ? ret : card_set_control(card, &cmd->add, error);
}

static struct json_object *pf_json(const struct function *pf)
{
	struct json_object *obj = json_object_new_object();

	json_add(obj, "attached", function_client_json(pf));
	json_add_u64(obj, "vfs_enabled", pf->pf->vfs_enabled);
	json_add_str(obj, "socket", pf->path);
	return obj;
}

static struct json_object *card_json(const struct card *card, bool unused)
{
	struct json_object *obj = json_object_new_object();
	char rid[16], list[CARD_VF_LIST_BYTES];
	unsigned attached = 0;

	(void)unused;
	for (struct function *fn = card_next_vf(card, NULL); fn; fn = card_next_vf(card, fn))
		attached += fn->client.attached;
	json_add_str(obj, "name", card->name);
	json_add_str(obj, "model", "82576");
	json_add_str(obj, "host", card->daemon->local.name);
	json_add_u64(obj, "vfs", card_num_vfs(card));
	json_add_str(obj, "vf_list", card_vf_list(card, list));
	json_add_u64(obj, "attached", attached);
	json_add_str(obj, "uplink", card->params.uplink);
	json_add_bool(obj, "uplink_up", card_uplink_up(card));
	json_add_mac(obj, "address", card->nic->base_mac);
	json_add_u64(obj, "mtu", card->params.mtu);
	json_add_bool(obj, "strict_model", card->params.strict);
	json_add_u64(obj, "link_rate", card->params.link_mbps);
	json_add_str(obj, "flow_control", card_flow_words[card->params.flow_mode]);
	json_add_str(obj, "control_frames", card->params.pass_control ? "pass" : "drop");
	json_add_str(obj, "rid", pci_rid_str(card->pf_rid, rid));
	json_add_u64(obj, "vf_offset", card->params.place.first_offset);
	json_add_u64(obj, "vf_stride", card->params.place.stride);
	json_add_str(obj, "dir", card->dir);
	json_add_u64(obj, "captures", capture_count(card));
	json_add_str(obj, "policy_owner", card_guest_owns(card) ? "guest" : "builtin");
	json_add(obj, "pf", pf_json(card->pf));
	json_add(obj, "token", card_token_json(card));
	return obj;
}

CMD_RUN(cmd_card_show)
{
	return cards_json(daemon, cmd->card, card_json, false, ret_data, error);
}
