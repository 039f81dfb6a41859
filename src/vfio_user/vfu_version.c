/* SPDX-License-Identifier: BSD-3-Clause */
#include "vfu_version.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "bits.h"

#define MAX_MSG_FDS_SANE 1024 /* what libvfio-user believes at most */

#ifdef LADON_BREAK_JSON_DEPTH
#undef VFU_VERSION_JSON_DEPTH
#define VFU_VERSION_JSON_DEPTH 64
#endif

static const char caps_text[] = "{\"capabilities\":{\"max_msg_fds\":16,"
				"\"max_data_xfer_size\":1048576,\"max_dma_maps\":65535,"
				"\"pgsizes\":4096}}";
static_assert(VFU_MAX_FDS == 16 && VFU_MAX_DATA == 1048576 && VFU_MAX_DMA_MAPS == 65535 &&
		      VFU_PAGE_SIZE == 4096,
	      "caps_text says these");
static_assert(sizeof(struct vfu_header) + sizeof(struct vfu_msg_version) + sizeof(caps_text) <=
		      VFU_VERSION_REPLY_MAX,
	      "QEMU's buffer is no longer");

/*
 * An optional integer key within [min, max]. *value stays as it is when the key is missing.
 * False when it is there and not such a number.
 */
static bool get_int(json_object *obj, const char *key, int64_t min, int64_t max,
		    uint64_t *value)
{
	json_object *item;
	int64_t number;

	if (!json_object_object_get_ex(obj, key, &item))
		return true;
	if (!json_object_is_type(item, json_type_int))
		return false;
	number = json_object_get_int64(item);
	if (number < min || number > max)
		return false;
	*value = (uint64_t)number;
	return true;
}

/* The legacy migration object: nothing in it is used, but nonsense is refused as elsewhere. */
static bool migration_ok(json_object *caps)
{
	json_object *migration;
	uint64_t pgsize = VFU_PAGE_SIZE;

	if (!json_object_object_get_ex(caps, "migration", &migration))
		return true;
	if (!json_object_is_type(migration, json_type_object))
		return false;
	return get_int(migration, "pgsize", 1, INT64_MAX, &pgsize) && !(pgsize & (pgsize - 1));
}

/* Takes the text and leaves none behind in the object. */
static bool get_token(json_object *obj, struct vfu_client_caps *caps)
{
	const size_t room = sizeof(caps->vf_token);
	json_object *item;
	char *text;
	size_t len;

	if (!json_object_object_get_ex(obj, "vf_token", &item))
		return true;
	if (!json_object_is_type(item, json_type_string))
		return false;
	text = (char *)json_object_get_string(item);
	len = (size_t)json_object_get_string_len(item);
	if (len >= room || memchr(text, '\0', len))
		return false;
	memcpy(caps->vf_token, text, len);
	caps->vf_token[len] = '\0';
	caps->shows_token = true;
	explicit_bzero(text, len);
	return true;
}

static bool get_bool(json_object *obj, const char *key, bool *value)
{
	json_object *item;

	if (!json_object_object_get_ex(obj, key, &item))
		return true;
	if (!json_object_is_type(item, json_type_boolean))
		return false;
	*value = json_object_get_boolean(item);
	return true;
}

/* Returns what is wrong, or NULL. */
static const char *read_caps(json_object *obj, struct vfu_client_caps *caps)
{
	uint64_t fds = caps->max_msg_fds, unused;

	if (!get_int(obj, "max_msg_fds", 0, MAX_MSG_FDS_SANE, &fds))
		return "max_msg_fds is not a number from 0 to 1024";
	if (!get_int(obj, "max_data_xfer_size", 1, INT64_MAX, &caps->max_data_xfer))
		return "max_data_xfer_size is not a positive number";
	if (!get_int(obj, "max_dma_maps", 0, INT64_MAX, &unused))
		return "max_dma_maps is not a number";
	if (!get_int(obj, "pgsizes", 1, INT64_MAX, &unused))
		return "pgsizes is not a positive number";
	if (!migration_ok(obj))
		return "migration is not an object with a power of two as pgsize";
	if (!get_bool(obj, "write_multiple", &caps->write_multiple))
		return "write_multiple is not true or false";
	if (!get_token(obj, caps))
		return "vf_token is not a string of at most 36 characters";
	caps->max_msg_fds = (uint32_t)fds;
	/* Our own limit holds too: the data comes back through a buffer of that size. */
	caps->max_data_xfer = MIN(caps->max_data_xfer, VFU_MAX_DATA);
	return NULL;
}

static const char *read_root(json_object *root, struct vfu_client_caps *caps)
{
	json_object *obj;

	if (!json_object_is_type(root, json_type_object))
		return "the JSON text is not an object";
	if (!json_object_object_get_ex(root, "capabilities", &obj))
		return NULL;
	if (!json_object_is_type(obj, json_type_object))
		return "capabilities is not an object";
	return read_caps(obj, caps);
}

/* The tokener keeps the last string that it saw, which may have been a token. */
static void forget_last_string(json_tokener *tokener)
{
	static const char other[] = "\"........................................\"";

	json_tokener_reset(tokener);
	json_object_put(json_tokener_parse_ex(tokener, other, sizeof(other)));
}

/* text has a NUL at text[len - 1] or before. */
static int read_json(const char *text, struct vfu_client_caps *caps, const char **ret_why)
{
	json_tokener *tokener = json_tokener_new_ex(VFU_VERSION_JSON_DEPTH);
	json_object *root;

	if (!tokener)
		return -ENOMEM;
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	root = json_tokener_parse_ex(tokener, text, (int)strlen(text) + 1);
	*ret_why = root ? read_root(root, caps) : "the JSON text does not parse";
	json_object_put(root);
	forget_last_string(tokener);
	json_tokener_free(tokener);
	return *ret_why ? -EINVAL : 0;
}

static int decode(const uint8_t *payload, size_t len, struct vfu_client_caps *caps,
		  const char **ret_why)
{
	struct vfu_msg_version version;
	const char *text = (const char *)payload + sizeof(version);

	*ret_why = "it is shorter than 4 bytes";
	if (len < sizeof(version))
		return -EINVAL;
	memcpy(&version, payload, sizeof(version));
	*ret_why = "the major version is not 0";
	if (version.major != VFU_MAJOR)
		return -EINVAL;
	caps->major = version.major;
	caps->minor = version.minor;
	len -= sizeof(version);
	*ret_why = "the JSON text is longer than 4096 bytes";
#ifndef LADON_BREAK_JSON_SIZE
	if (len > VFU_VERSION_JSON_MAX)
		return -EINVAL;
#endif
	*ret_why = "the JSON text does not end in NUL";
	if (len && text[len - 1] != '\0')
		return -EINVAL;
	caps->has_json = len && text[0];
	return caps->has_json ? read_json(text, caps, ret_why) : 0;
}

int vfu_version_decode(const void *payload, size_t len, struct vfu_client_caps *ret_caps,
		       const char **ret_why)
{
	struct vfu_client_caps caps = {.max_msg_fds = 1, .max_data_xfer = VFU_MAX_DATA};
	const char *why = NULL;
	int ret = decode(payload, len, &caps, &why);

	if (ret == 0)
		*ret_caps = caps;
	else if (ret_why)
		*ret_why = ret == -ENOMEM ? "out of memory" : why;
	explicit_bzero(caps.vf_token, sizeof(caps.vf_token));
	return ret;
}

size_t vfu_version_encode_reply(void *buf, size_t room, uint16_t minor)
{
	struct vfu_msg_version version = {VFU_MAJOR, MIN(minor, VFU_MINOR)};

	assert(room >= sizeof(version) + sizeof(caps_text));
	(void)room;
	memcpy(buf, &version, sizeof(version));
	memcpy((char *)buf + sizeof(version), caps_text, sizeof(caps_text));
	return sizeof(version) + sizeof(caps_text);
}

/* json-c quotes the token, whatever is in it. */
static json_object *token_caps(const char *vf_token)
{
	json_object *root = json_tokener_parse(caps_text);
	json_object *caps, *item = json_object_new_string(vf_token);

	if (root && item && json_object_object_get_ex(root, "capabilities", &caps) &&
	    json_object_object_add(caps, "vf_token", item) == 0)
		return root;
	json_object_put(item);
	json_object_put(root);
	return NULL;
}

int vfu_version_encode_request(void *buf, size_t room, const char *vf_token)
{
	struct vfu_msg_version version = {VFU_MAJOR, VFU_MINOR};
	char *text = (char *)buf + sizeof(version);
	json_object *root;
	int len;

	assert(room >= VFU_VERSION_JSON_MAX);
	memcpy(buf, &version, sizeof(version));
	if (!vf_token)
		return (int)vfu_version_encode_reply(buf, room, VFU_MINOR);
	if (strlen(vf_token) >= sizeof(((struct vfu_client_caps *)0)->vf_token))
		return -EINVAL;
	root = token_caps(vf_token);
	if (!root)
		return -ENOMEM;
	len = snprintf(text, room - sizeof(version), "%s",
		       json_object_to_json_string_ext(root, JSON_C_TO_STRING_PLAIN));
	json_object_put(root);
	return len + (int)sizeof(version) + 1;
}
