/* SPDX-License-Identifier: BSD-3-Clause */
/* cmd_vf.c - vf show, vf reset, qemu. */
#include <stdlib.h>
#include <string.h>

#include "card.h"
#include "cmd.h"
#include "daemon.h"
#include "function_json.h"
#include "json_util.h"

/* ---- vf show ---- */

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

	for (unsigned i = 0; i < I82576_VF_VECTORS; i++) {
		struct json_object *obj = json_object_new_object();

		json_add_bool(obj, "eventfd", atomic_load(&intr->vec[i].fd) >= 0);
		json_add_u64(obj, "fired", atomic_load(&intr->vec[i].fired));
		json_add_u64(obj, "coalesced", atomic_load(&intr->vec[i].coalesced));
		json_add_u64(obj, "interval_us", atomic_load(&intr->vec[i].interval_us));
		json_object_array_add(list, obj);
	}
	return list;
}

/* Only what may be read while the data path runs: whether it uses the ring. */
static struct json_object *queues_json(struct i82576_queue *queue)
{
	struct json_object *list = json_object_new_array();

	for (unsigned i = 0; i < I82576_VF_QUEUES; i++)
		json_object_array_add(list,
				      json_object_new_boolean(atomic_load(&queue[i].active)));
	return list;
}

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
	char rid[16];
	int ret = card_find_function(daemon, cmd->card, cmd->vf, &fn, error);

	if (ret < 0)
		return ret;
	obj = json_object_new_object();
	json_add_str(obj, "function", fn->name);
	json_add_str(obj, "rid", pci_rid_str(fn->rid, rid));
	json_add_str(obj, "host", fn->host->name);
	json_add_str(obj, "socket", fn->path);
	json_add(obj, "attached", function_client_json(fn));
	add_guest(obj, &fn->card->nic->vf[fn->n]);
	json_add_bool(obj, "bus_master", pci_config_bme(&fn->cfg));
	json_add(obj, "memory", memory_json(fn));
	json_add(obj, "interrupts", vectors_json(&fn->vf->intr));
	json_add(obj, "rx_queues", queues_json(fn->vf->rx));
	json_add(obj, "tx_queues", queues_json(fn->vf->tx));
	json_add_u64(obj, "attaches", fn->attaches);
	json_add_u64(obj, "refusals", fn->refusals);
	json_add_u64(obj, "resets", fn->vf->resets);
	json_add_u64(obj, "traps", fn->vf->traps);
	json_add_u64(obj, "mailbox_msgs", fn->vf->mailbox_msgs);
	json_add_u64(obj, "unknown_regs", fn->vf->unknown_regs);
	function_add_counters(obj, &fn->vf->port.stats);
	*ret_data = obj;
	return 0;
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

/* ---- qemu ---- */

static const char need[] =
	"QEMU 10.1.1 or later, and guest memory that it shares: -object "
	"memory-backend-memfd,id=m,size=1G,share=on -machine q35,memory-backend=m";

/*
 * The path as a JSON string without a character that an unquoted $( ) would split at or expand:
 * those become \u00XX, which QEMU's JSON parser turns back.
 */
static void json_escape(const char *text, char *out)
{
	static const char hot[] = " \t*?[]\\\"'";

	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < 0x20 || c == 0x7f || strchr(hot, c))
			out += sprintf(out, "\\u%04x", c);
		else
			*out++ = *text;
	}
	*out = '\0';
}

CMD_RUN(cmd_qemu)
{
	char path[6 * FUNCTION_PATH_MAX + 1], device[sizeof(path) + 96];
	struct json_object *obj, *args;
	struct function *fn;
	int ret = card_find_function(daemon, cmd->card, cmd->vf, &fn, error);

	if (ret < 0)
		return ret;
	json_escape(fn->path, path);
	snprintf(
		device, sizeof(device),
		"{\"driver\":\"vfio-user-pci\",\"socket\":{\"type\":\"unix\",\"path\":\"%s\"}}",
		path);
	args = json_object_new_array();
	json_object_array_add(args, json_object_new_string("-device"));
	json_object_array_add(args, json_object_new_string(device));
	obj = json_object_new_object();
	json_add(obj, "args", args);
	json_add_str(obj, "need", need);
	*ret_data = obj;
	return 0;
}
