/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cmd_qemu.c - qemu: the arguments that plug a VF, or the PF with the views of its VFs, into a
 * VM.
 *
 * A view must stand where PF routing ID + offset + n * stride points in that VM. Behind a root
 * port there is one slot, eight functions in all. Elsewhere the root complex bus has all slots;
 * QEMU asks that function 0 of a slot says that it is one of many, if there are others in it.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "card.h"
#include "cmd.h"
#include "daemon.h"
#include "json_util.h"

#define PORT_LAST     7u    /* functions of a root port's slot: 0 to 7 */
#define ROOT_PF	      0x40u /* the PF at 00:08.0 of the root complex bus */
#define ROOT_LAST     0xf7u /* 00:1f is the chipset's */
#define FIRST_CHASSIS 128u  /* a root port of another's making rarely has it */

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

/* -device and a JSON object. */
__attribute__((format(printf, 2, 3))) static void add_device(struct json_object *args,
							     const char *fmt, ...)
{
	char device[6 * FUNCTION_PATH_MAX + 256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(device, sizeof(device), fmt, ap);
	va_end(ap);
	json_object_array_add(args, json_object_new_string("-device"));
	json_object_array_add(args, json_object_new_string(device));
}

/* place: what else its object says, each with a comma behind it. */
static void add_function(struct json_object *args, const struct function *fn, const char *place)
{
	char path[6 * FUNCTION_PATH_MAX + 1];

	json_escape(fn->path, path);
	add_device(args,
		   "{\"driver\":\"vfio-user-pci\",%s\"socket\":{\"type\":\"unix\",\"path\":"
		   "\"%s\"}}",
		   place, path);
}

static void add_at(struct json_object *args, const struct function *fn, const char *bus,
		   unsigned devfn)
{
	char place[96];

	snprintf(place, sizeof(place), "\"bus\":\"%s\",\"addr\":\"%02x.%x\",%s", bus,
		 devfn >> 3, devfn & 7, devfn & 7 ? "" : "\"multifunction\":true,");
	add_function(args, fn, place);
}

/* The PF at first, the views where its SR-IOV capability says. */
static void add_all(struct json_object *args, const struct card *card, const char *bus,
		    unsigned first)
{
	const struct i82576_sriov_place *place = &card->params.place;

	add_at(args, card->pf, bus, first);
	for (unsigned n = 0; n < card->vfs_end; n++)
		add_at(args, card->views[n], bus,
		       first + place->first_offset + n * place->stride);
}

static int pf_args(struct json_object *args, const struct card *card, struct cmd_error *error)
{
	const struct i82576_sriov_place *place = &card->params.place;
	unsigned last =
		card->vfs_end ? place->first_offset + (card->vfs_end - 1) * place->stride : 0;
	char port[NIC_NAME_MAX + 16], list[CARD_VF_LIST_BYTES];

	if (!card_is_82576(card))
		return cmd_fail(
			error, -ERANGE,
			"%s has VFs %s, which no PF driver of an 82576 knows: at most 7, "
			"from VF 0 on without a gap, are right",
			card->name, card_vf_list(card, list));

	if (last <= PORT_LAST) {
		snprintf(port, sizeof(port), "ladon-%s-rp", card->name);
		add_device(args,
			   "{\"driver\":\"pcie-root-port\",\"id\":\"%s\",\"bus\":\"pcie.0\","
			   "\"chassis\":%u,\"slot\":0}",
			   port, FIRST_CHASSIS + card->slot);
		add_all(args, card, port, 0);
		return 0;
	}
	if (ROOT_PF + last > ROOT_LAST)
		return cmd_fail(
			error, -ERANGE,
			"%s has vf-offset 0x%x and vf-stride %u, which puts VF %u beyond the "
			"bus of a VM: a card with vf-offset 1 vf-stride 1 is right, or one "
			"with vf-offset 0x80 vf-stride 2",
			card->name, place->first_offset, place->stride, card->vfs_end - 1);
	add_all(args, card, "pcie.0", ROOT_PF);
	return 0;
}

CMD_RUN(cmd_qemu)
{
	struct json_object *obj, *args;
	struct function *fn = NULL;
	struct card *card;
	int ret = card_find(daemon, cmd->card, &card, error);

	if (ret == 0 && cmd->vf != NIC_PF)
		ret = card_find_function(daemon, cmd->card, cmd->vf, &fn, error);
	if (ret == 0 && fn && fn->host && fn->host->bridge)
		ret = cmd_fail(
			error, -EREMOTE,
			"%s is host %s's: its socket is %s-vf%u.sock in the --run-dir of "
			"that ladon-host",
			fn->name, fn->host->name, card->name, fn->n);
	if (ret < 0)
		return ret;
	args = json_object_new_array();
	if (fn)
		add_function(args, fn, "");
	else
		ret = pf_args(args, card, error);
	if (ret < 0) {
		json_object_put(args);
		return ret;
	}
	obj = json_object_new_object();
	json_add(obj, "args", args);
	json_add_str(obj, "need", need);
	*ret_data = obj;
	return 0;
}
