/* SPDX-License-Identifier: BSD-3-Clause */
/* One line of the control socket as JSON. */
#include <errno.h>
#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "request.h"

static void bad(const char *line, int err, const char *want)
{
	struct cmd_error error = {0};
	struct request req;

	assert_int_equal(request_parse(line, strlen(line), &req, &error), err);
	assert_int_equal(error.err, -err);
	if (!strstr(error.text, want))
		fail_msg("\"%s\" got \"%s\", not \"%s\"", line, error.text, want);
	request_done(&req);
}

static void words_id_and_stats_are_taken(void **state)
{
	static const char line[] =
		"{\"words\":[\"link\",\"show\"],\"id\":[1,{\"a\":2}],\"stats\":true}";
	struct cmd_error error = {0};
	struct request req;

	(void)state;
	assert_int_equal(request_parse(line, strlen(line), &req, &error), 0);
	assert_int_equal(req.num, 2);
	assert_string_equal(req.words[0], "link");
	assert_string_equal(req.words[1], "show");
	assert_true(req.stats);
	assert_string_equal(json_object_to_json_string_ext(req.id, JSON_C_TO_STRING_PLAIN),
			    "[1,{\"a\":2}]");
	request_done(&req);
	assert_null(req.root);
}

/* Beside the words, and gone with the request. */
static void a_token_is_taken_and_wiped(void **state)
{
	static const char line[] = "{\"token\":\"secret\",\"words\":[\"token\",\"set\"]}";
	struct cmd_error error = {0};
	struct json_object *token;
	struct request req;

	(void)state;
	assert_int_equal(request_parse(line, strlen(line), &req, &error), 0);
	assert_string_equal(req.token, "secret");
	assert_int_equal(req.num, 2);
	token = json_object_get(json_object_object_get(req.root, "token"));
	request_done(&req);
	assert_null(req.token);
	assert_memory_equal(json_object_get_string(token), "\0\0\0\0\0\0", 6);
	json_object_put(token);
	bad("{\"words\":[\"ping\"],\"token\":1}", -EINVAL, "\"token\" is no text");
	bad("{\"words\":[\"ping\"],\"token\":[\"a\"]}", -EINVAL, "\"token\" is no text");
	bad("{\"words\":[\"ping\"],\"token\":\"a\\u0000b\"}", -EINVAL, "\"token\" is no text");
}

static void what_is_missing_has_a_default(void **state)
{
	static const char line[] = "{\"words\":[],\"more\":1}";
	struct cmd_error error = {0};
	struct request req;

	(void)state;
	assert_int_equal(request_parse(line, strlen(line), &req, &error), 0);
	assert_int_equal(req.num, 0);
	assert_false(req.stats);
	assert_null(req.token);
	assert_null(req.id);
	request_done(&req);
}

static void bad_json_is_refused(void **state)
{
	static const char *const lines[] = {
		"",
		"{",
		"}",
		"{\"words\":[\"ping\"]",
		"null",
		"nonsense",
		"{\"words\":[\"ping\"]} x",
		"{\"words\":[\"ping\"],}",
		"{\"words\":[\"\xff\"]}",
		"12",
		"{\"words\":[\"a\nb\"]}x",
		"[[[[[[[[[[1]]]]]]]]]]",
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct cmd_error error = {0};
		struct request req;
		int ret = request_parse(lines[i], strlen(lines[i]), &req, &error);

		if (ret != -EBADMSG)
			fail_msg("line %u \"%s\" gave %d", i, lines[i], ret);
		assert_int_equal(strncmp(error.text, "the line is no JSON: ", 21), 0);
		request_done(&req);
	}
}

static void wrong_types_are_refused(void **state)
{
	(void)state;
	bad("[]", -EINVAL, "the line is no object");
	bad("{}", -EINVAL, "\"words\" is missing or no array");
	bad("{\"words\":\"ping\"}", -EINVAL, "\"words\" is missing or no array");
	bad("{\"words\":[\"ping\",1]}", -EINVAL, "word 2 is no string");
	bad("{\"words\":[null]}", -EINVAL, "word 1 is no string");
	bad("{\"words\":[\"a\\u0000b\"]}", -EINVAL, "word 1 holds a NUL character");
	bad("{\"words\":[\"ping\"],\"stats\":1}", -EINVAL, "\"stats\" is no boolean");
}

static void sizes_are_bounded(void **state)
{
	static char line[REQUEST_LINE_MAX + 1];
	size_t at;

	(void)state;
	memset(line, ' ', REQUEST_LINE_MAX);
	bad(line, -E2BIG, "the line is too long: at most 65536 bytes");
	at = (size_t)sprintf(line, "{\"words\":[\"a\"");
	for (unsigned i = 0; i < WORDS_MAX; i++)
		at += (size_t)sprintf(line + at, ",\"a\"");
	sprintf(line + at, "]}");
	bad(line, -E2BIG, "65 words are too many: at most 64");
}

static void an_error_finds_its_question(void **state)
{
	static const char line[] = "{\"id\":\"q7\",\"words\":7}";
	struct cmd_error error = {0};
	struct request req;
	size_t len;
	char *reply;

	(void)state;
	assert_int_equal(request_parse(line, strlen(line), &req, &error), -EINVAL);
	reply = reply_error(req.id, &error, &len);
	assert_int_equal(reply[len - 1], '\n');
	reply[len - 1] = '\0';
	assert_string_equal(
		reply,
		"{\"id\":\"q7\",\"ok\":false,\"error\":\"\\\"words\\\" is missing or no "
		"array: {\\\"words\\\":[\\\"ping\\\"]} is right\",\"errno\":\"EINVAL\"}");
	free(reply);
	request_done(&req);
}

static void replies_are_one_line(void **state)
{
	struct json_object *data = json_object_new_string("a\nb /c");
	size_t len;
	char *reply = reply_ok(NULL, data, &len);

	(void)state;
	assert_int_equal(len, strlen("{\"id\":null,\"ok\":true,\"data\":\"a\\nb /c\"}\n"));
	assert_memory_equal(reply, "{\"id\":null,\"ok\":true,\"data\":\"a\\nb /c\"}\n", len);
	free(reply);
	reply = reply_ok(NULL, NULL, &len);
	assert_memory_equal(reply, "{\"id\":null,\"ok\":true,\"data\":null}\n", len);
	free(reply);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_id_and_stats_are_taken),
		cmocka_unit_test(a_token_is_taken_and_wiped),
		cmocka_unit_test(what_is_missing_has_a_default),
		cmocka_unit_test(bad_json_is_refused),
		cmocka_unit_test(wrong_types_are_refused),
		cmocka_unit_test(sizes_are_bounded),
		cmocka_unit_test(an_error_finds_its_question),
		cmocka_unit_test(replies_are_one_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
