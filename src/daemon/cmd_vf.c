/* SPDX-License-Identifier: BSD-3-Clause */
/* cmd_vf.c - vf add, vf del, vf show, vf reset, pf show: one function. */
#include "bits.h"
#include "card.h"
#include "cmd.h"
#include "daemon.h"
#include "function_json.h"
#include "json_util.h"
#include "mirror.h"

/* ---- what all functions have ---- */

static struct json_object *memory_json(const struct function *fn)
{
	struct json_object *obj = json_object_new_object();
	struct iommu_usage usage;

	iommu_usage(fn->dom, &usage);
	json_add_u64(obj, "maps", usage.maps);
	json_add_u64(obj, "bytes", usage.bytes_mem);
	json_add_u64(obj, "bytes_without_file", usage.bytes_msg);
	return obj;
}

static struct json_object *vectors_json(struct nic_intr *intr)
{
	struct json_object *list = json_object_new_array();

	for (unsigned i = 0; i < intr->num; i++) {
		struct json_object *obj = json_object_new_object();

		json_add_bool(obj, "eventfd", atomic_load(&intr->vec[i].msg) != 0);
		json_add_u64(obj, "fired", atomic_load(&intr->vec[i].fired));
		json_add_u64(obj, "posted", atomic_load(&intr->vec[i].posted));
		json_add_u64(obj, "coalesced", atomic_load(&intr->vec[i].coalesced));
		json_add_u64(obj, "interval_us", atomic_load(&intr->vec[i].interval_us));
		json_object_array_add(list, obj);
	}
	return list;
}

/* Only what may be read while the data path runs: whether it uses the ring. */
static struct json_object *queues_json(const struct i82576_queue *queue, unsigned num)
{
	struct json_object *list = json_object_new_array();

	for (unsigned i = 0; i < num; i++)
		json_object_array_add(list,
				      json_object_new_boolean(atomic_load(&queue[i].active)));
	return list;
}

static void add_head(struct json_object *obj, const struct function *fn)
{
	char rid[16];

	json_add_str(obj, "function", fn->name);
	json_add_str(obj, "rid", pci_rid_str(fn->rid, rid));
	json_add_str(obj, "host", fn->host ? fn->host->name : "");
	json_add_str(obj, "socket", fn->path);
	json_add(obj, "attached", function_client_json(fn));
	function_add_access(obj, fn);
}

static void add_state(struct json_object *obj, const struct function *fn)
{
	const struct i82576_fn *dev = fn->dev;

	json_add_bool(obj, "bus_master", pci_config_bme(&fn->cfg));
	json_add(obj, "memory", memory_json(fn));
	json_add(obj, "interrupts", vectors_json(&fn->dev->intr));
	json_add_u64(obj, "interrupts_refused", nic_counter(&fn->dev->intr.refused));
	json_add_u64(obj, "interrupt_window_dma", nic_counter(&fn->dev->intr.window_faults));
	json_add_u64(obj, "posted_vectors", fn->posted.count);
	json_add(obj, "rx_queues", queues_json(dev->rx, dev->num_queues));
	json_add(obj, "tx_queues", queues_json(dev->tx, dev->num_queues));
	json_add_u64(obj, "attaches", fn->attaches);
	json_add_u64(obj, "refusals", fn->refusals);
	json_add_u64(obj, "kicks", fn->kicks);
	json_add_u64(obj, "bad_requests", function_bad_requests(fn));
	json_add_u64(obj, "resets", dev->resets);
	json_add_u64(obj, "traps", dev->traps);
	json_add_u64(obj, "unknown_regs", dev->unknown_regs);
}

/* ---- vf show ---- */

/* What the built-in PF knows of the VF's driver: a PF driver in a guest keeps that to itself.
 */
static void add_guest(struct json_object *obj, const struct nic_vf *vf)
{
	json_add_mac(obj, "address", vf->guest.mac);
	json_add_bool(obj, "driver_active", vf->guest.active);
	json_add_u64(obj, "max_frame", vf->guest.max_frame);
	json_add_u64(obj, "mac_filters", vf->guest.num_filters);
	json_add_u64(obj, "vlans", vf->guest.num_vlans);
	json_add_bool(obj, "allmulti", vf->guest.allmulti);
	json_add_bool(obj, "promisc", vf->guest.promisc);
}

CMD_RUN(cmd_vf_show)
{
	struct json_object *obj;
	struct function *fn;
	int ret = card_find_function(daemon, cmd->card, cmd->vf, &fn, error);

	if (ret < 0)
		return ret;
	obj = json_object_new_object();
	add_head(obj, fn);
	json_add_bool(obj, "exists", fn->vf->exists);
	if (!card_guest_owns(fn->card))
		add_guest(obj, &fn->card->nic->vf[fn->n]);
	mirror_add_json(obj, &fn->card->nic->vf[fn->n].admin.mirror);
	add_state(obj, fn);
	json_add_u64(obj, "mailbox_msgs", fn->vf->mailbox_msgs);
	function_add_counters(obj, &fn->dev->port.stats);
	*ret_data = obj;
	return 0;
}

/* ---- pf show ---- */

static const char *irqs_word(const struct function *fn)
{
	static const char *const words[] = {
		[VFU_IRQ_INDEX_INTX] = "intx",
		[VFU_IRQ_INDEX_MSI] = "msi",
		[VFU_IRQ_INDEX_MSIX] = "msix",
	};

	return fn->irqs.index < ARRAY_SIZE(words) ? words[fn->irqs.index] : "none";
}

CMD_RUN(cmd_pf_show)
{
	struct json_object *obj;
	struct function *fn;
	struct card *card;
	int ret = card_find(daemon, cmd->card, &card, error);

	if (ret < 0)
		return ret;
	fn = card->pf;
	obj = json_object_new_object();
	add_head(obj, fn);
	json_add_str(obj, "policy_owner", card_guest_owns(card) ? "guest" : "builtin");
	json_add_u64(obj, "vfs_enabled", fn->pf->vfs_enabled);
	json_add_bool(obj, "ext_config_shown", !fn->ext_hidden);
	json_add_str(obj, "irqs", irqs_word(fn));
	add_state(obj, fn);
	json_add_u64(obj, "bad_config", fn->bad_config);
	function_add_counters(obj, &fn->dev->port.stats);
	*ret_data = obj;
	return 0;
}

/* ---- vf add, vf del ---- */

CMD_RUN(cmd_vf_add)
{
	struct json_object *obj;
	struct card *card;
	unsigned n;
	int ret = card_find(daemon, cmd->card, &card, error);

	if (ret == 0)
		ret = card_add_vf(card, cmd->vf, &n, error);
	if (ret < 0)
		return ret;
	obj = json_object_new_object();
	json_add_u64(obj, "vf", n);
	json_add_str(obj, "function", card->functions[n]->name);
	json_add_str(obj, "socket", card->functions[n]->path);
	*ret_data = obj;
	return 0;
}

CMD_RUN(cmd_vf_del)
{
	struct function *fn;
	int ret = card_find_function(daemon, cmd->card, cmd->vf, &fn, error);

	(void)ret_data;
	return ret < 0 ? ret : card_del_vf(fn->card, fn->n, error);
}

/* ---- vf reset ---- */

CMD_RUN(cmd_vf_reset)
{
	struct function *fn;
	int ret = card_find_function(daemon, cmd->card, cmd->vf, &fn, error);

	(void)ret_data;
	if (ret < 0)
		return ret;
	function_reset_by_card(fn, "asked for by the operator");
	return 0;
}
