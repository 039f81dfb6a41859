/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * request.h - one line of the control socket: {"id":any,"words":["link","show"],"stats":true}
 * in ("token":"UUID" beside the words of verbs that take one: words are logged, it is not),
 * {"id":..,"ok":true,"data":..} or {"id":..,"ok":false,"error":"..","errno":"EINVAL"} out.
 * Pure.
 */
#ifndef LADON_DAEMON_REQUEST_H
#define LADON_DAEMON_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "words.h"

#define REQUEST_LINE_MAX  65536 /* bytes, newline included */
#define REQUEST_DEPTH_MAX 8

struct json_object;

struct request {
	struct json_object *root;     /* owned */
	struct json_object *id;	      /* borrowed from root; NULL = none was given */
	const char *words[WORDS_MAX]; /* borrowed from root */
	unsigned num;
	bool stats;
	const char *token; /* borrowed from root, wiped by request_done; NULL = none */
};

/*
 * Reads one line of len bytes without its newline. On failure (-EINVAL, -E2BIG, -EBADMSG for
 * what is no JSON) *ret still holds the id when it could be read, so that the answer finds its
 * question. Call request_done in both cases.
 */
int request_parse(const char *line, size_t len, struct request *ret, struct cmd_error *error);
void request_done(struct request *request);

/*
 * The reply's line with its newline, malloc'ed; NULL when there is no memory. id borrowed, data
 * (may be NULL) consumed.
 */
char *reply_ok(struct json_object *id, struct json_object *data, size_t *ret_len);
char *reply_error(struct json_object *id, const struct cmd_error *error, size_t *ret_len);
/* obj borrowed. */
char *reply_line(struct json_object *obj, size_t *ret_len);

#endif
