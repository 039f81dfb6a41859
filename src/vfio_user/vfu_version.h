/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vfu_version.h - the payload of VERSION: two numbers and a small JSON text. Pure functions;
 * the text is the one place where a client speaks JSON to us, so length and depth are bounded.
 */
#ifndef LADON_VFU_VERSION_H
#define LADON_VFU_VERSION_H

#include "vfu_conn.h"

#define VFU_VERSION_JSON_MAX   4096 /* bytes, NUL included */
#define VFU_VERSION_JSON_DEPTH 8

/*
 * Decodes what the peer said; keys that are missing get the protocol's defaults, unknown keys
 * are ignored, known ones of a wrong type or value are an error. On failure *why (if not NULL)
 * tells what was wrong. Returns 0, -EINVAL or -ENOMEM.
 */
int vfu_version_decode(const void *payload, size_t len, struct vfu_client_caps *ret_caps,
		       const char **ret_why);

/* The server's payload into buf. Returns its length, VFU_VERSION_REPLY_MAX less a header at
 * most. */
size_t vfu_version_encode_reply(void *buf, size_t room, uint16_t minor);

/* A client's proposal into buf, with vf_token when it is not NULL. Returns the length, -EINVAL
 * (token longer than a UUID) or -ENOMEM. */
int vfu_version_encode_request(void *buf, size_t room, const char *vf_token);

#endif
