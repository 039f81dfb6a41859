/* SPDX-License-Identifier: BSD-3-Clause */
#include "request.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define JSON_FLAGS (JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)

/* ---- in ---- */

/* The tokener keeps the last string that it saw, which may have been a token. */
static void forget_last_string(struct json_tokener *tok)
{
	static const char other[] =
		"\"................................................................\"";

	json_tokener_reset(tok);
	json_object_put(json_tokener_parse_ex(tok, other, sizeof(other)));
}

static int parse_json(const char *line, size_t len, struct json_object **ret_root,
		      struct cmd_error *error)
{
	struct json_tokener *tok = json_tokener_new_ex(REQUEST_DEPTH_MAX);
	struct json_object *root;
	enum json_tokener_error err;

	if (!tok)
		return cmd_fail(error, -ENOMEM, "there is not enough memory");
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	root = json_tokener_parse_ex(tok, line, (int)len);
	err = json_tokener_get_error(tok);
	/* A bare number or an open brace wants more; a line has no more. */
	if (err == json_tokener_continue)
		err = json_tokener_error_parse_eof;
	if (err == json_tokener_success && json_tokener_get_parse_end(tok) != len)
		err = json_tokener_error_parse_unexpected;
	forget_last_string(tok);
	json_tokener_free(tok);
	if (err != json_tokener_success) {
		json_object_put(root);
		return cmd_fail(error, -EBADMSG, "the line is no JSON: %s",
				json_tokener_error_desc(err));
	}
	*ret_root = root;
	return 0;
}

static int take_word(struct json_object *word, unsigned i, struct request *req,
		     struct cmd_error *error)
{
	const char *text;

	if (!json_object_is_type(word, json_type_string))
		return cmd_fail(error, -EINVAL, "word %u is no string: strings are right",
				i + 1);
	text = json_object_get_string(word);
	if (strlen(text) != (size_t)json_object_get_string_len(word))
		return cmd_fail(error, -EINVAL, "word %u holds a NUL character", i + 1);
	req->words[req->num++] = text;
	return 0;
}

static int take_words(struct json_object *words, struct request *req, struct cmd_error *error)
{
	size_t num;

	if (!json_object_is_type(words, json_type_array))
		return cmd_fail(
			error, -EINVAL,
			"\"words\" is missing or no array: {\"words\":[\"ping\"]} is right");
	num = json_object_array_length(words);
	if (num > WORDS_MAX)
		return cmd_fail(error, -E2BIG, "%zu words are too many: at most %u are right",
				num, WORDS_MAX);
	for (unsigned i = 0; i < num; i++) {
		int ret = take_word(json_object_array_get_idx(words, i), i, req, error);

		if (ret < 0)
			return ret;
	}
	return 0;
}

static int take_stats(struct json_object *stats, struct request *req, struct cmd_error *error)
{
	if (!stats)
		return 0;
	if (!json_object_is_type(stats, json_type_boolean))
		return cmd_fail(error, -EINVAL,
				"\"stats\" is no boolean: true or false is right");
	req->stats = json_object_get_boolean(stats);
	return 0;
}

static int take_token(struct json_object *token, struct request *req, struct cmd_error *error)
{
	if (!token)
		return 0;
	/* Before anything else, for request_done wipes it whatever it is. */
	if (json_object_is_type(token, json_type_string))
		req->token = json_object_get_string(token);
	if (!req->token || strlen(req->token) != (size_t)json_object_get_string_len(token))
		return cmd_fail(error, -EINVAL, "\"token\" is no text: a UUID is right");
	return 0;
}

int request_parse(const char *line, size_t len, struct request *ret, struct cmd_error *error)
{
	int err;

	*ret = (struct request){0};
	if (len >= REQUEST_LINE_MAX)
		return cmd_fail(error, -E2BIG,
				"the line is too long: at most %d bytes are right",
				REQUEST_LINE_MAX);
	err = parse_json(line, len, &ret->root, error);
	if (err < 0)
		return err;
	if (!json_object_is_type(ret->root, json_type_object))
		return cmd_fail(error, -EINVAL,
				"the line is no object: {\"words\":[\"ping\"]} is right");
	ret->id = json_object_object_get(ret->root, "id");
	err = take_token(json_object_object_get(ret->root, "token"), ret, error);
	if (err == 0)
		err = take_words(json_object_object_get(ret->root, "words"), ret, error);
	if (err < 0)
		return err;
	return take_stats(json_object_object_get(ret->root, "stats"), ret, error);
}

void request_done(struct request *request)
{
	if (request->token)
		explicit_bzero((char *)(uintptr_t)request->token, strlen(request->token));
	json_object_put(request->root);
	*request = (struct request){0};
}

/* ---- out ---- */

char *reply_line(struct json_object *obj, size_t *ret_len)
{
	size_t len;
	const char *text = json_object_to_json_string_length(obj, JSON_FLAGS, &len);
	char *line = text ? malloc(len + 1) : NULL;

	if (!line)
		return NULL;
	memcpy(line, text, len);
	line[len] = '\n';
	*ret_len = len + 1;
	return line;
}

static char *finish(struct json_object *reply, size_t *ret_len)
{
	char *line = reply_line(reply, ret_len);

	json_object_put(reply);
	return line;
}

static struct json_object *start(struct json_object *id, bool ok)
{
	struct json_object *reply = json_object_new_object();

	json_object_object_add(reply, "id", json_object_get(id));
	json_object_object_add(reply, "ok", json_object_new_boolean(ok));
	return reply;
}

char *reply_ok(struct json_object *id, struct json_object *data, size_t *ret_len)
{
	struct json_object *reply = start(id, true);

	json_object_object_add(reply, "data", data);
	return finish(reply, ret_len);
}

char *reply_error(struct json_object *id, const struct cmd_error *error, size_t *ret_len)
{
	struct json_object *reply = start(id, false);
	const char *name = strerrorname_np(error->err);

	json_object_object_add(reply, "error", json_object_new_string(error->text));
	json_object_object_add(reply, "errno", json_object_new_string(name ? name : "EIO"));
	return finish(reply, ret_len);
}
