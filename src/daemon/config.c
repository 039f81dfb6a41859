/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bits.h"
#include "fd.h"

#define FILE_MAX (4u << 20)

/* Puts "NAME:LINE: " in front of the sentence. */
static int at_line(const char *name, unsigned line, int err, struct cmd_error *error)
{
	struct cmd_error inner = *error;

	return cmd_fail(error, err, "%.200s:%u: %s", name, line, inner.text);
}

static int walk_line(char *line, config_fn *fn, void *arg, struct cmd_error *error)
{
	const char *words[WORDS_MAX];
	struct cmd cmd;
	int num = words_cut(line, words, WORDS_MAX);
	int ret;

	if (num < 0)
		return cmd_fail(error, num, "the line has too many words: at most %d are right",
				WORDS_MAX);
	if (num == 0)
		return 0;
	ret = cmd_parse(words, (unsigned)num, &cmd, error);
	if (ret < 0)
		return ret;
	if (cmd.row->flags & CMD_MONITOR)
		return cmd_fail(error, -EINVAL,
				"monitor needs a connection: it has no place in a config file");
	return fn(arg, &cmd, error);
}

int config_walk(const char *name, const char *text, size_t len, config_fn *fn, void *arg,
		struct cmd_error *error)
{
	const char *end = text + len;
	char line[CONFIG_LINE_MAX];

	for (unsigned n = 1; text < end; n++) {
		const char *eol = memchr(text, '\n', (size_t)(end - text));
		size_t size = (size_t)((eol ? eol : end) - text);
		int ret = 0;

		if (size >= sizeof(line) || n > CONFIG_LINES_MAX)
			ret = cmd_fail(
				error, -E2BIG,
				"the line or the file is too long: at most %d bytes a line and "
				"%d lines are right",
				CONFIG_LINE_MAX - 1, CONFIG_LINES_MAX);
		else if (memchr(text, '\0', size))
			ret = cmd_fail(error, -EINVAL,
				       "the line holds a NUL byte: text is right");
		if (ret == 0) {
			memcpy(line, text, size);
			line[size] = '\0';
			ret = walk_line(line, fn, arg, error);
		}
		if (ret < 0)
			return at_line(name, n, ret, error);
		text += size + !!eol;
	}
	return 0;
}

static int read_file(const char *path, char **ret_text, size_t *ret_len,
		     struct cmd_error *error)
{
	FILE *file = fopen(path, "re");
	char *text = file ? malloc(FILE_MAX + 1) : NULL;
	size_t len = text ? fread(text, 1, FILE_MAX + 1, file) : 0;
	int ret = 0;

	if (!text || ferror(file))
		ret = cmd_fail(error, -errno, "config file %.256s cannot be read: %s", path,
			       strerror(errno));
	else if (len > FILE_MAX)
		ret = cmd_fail(error, -EFBIG,
			       "config file %.256s is too long: at most %u bytes are "
			       "right",
			       path, FILE_MAX);
	if (file)
		fclose(file);
	if (ret < 0) {
		free(text);
		return ret;
	}
	*ret_text = text;
	*ret_len = len;
	return 0;
}

static const char *token_file_of(const struct cmd *cmd)
{
	return cmd->token_file ? cmd->token_file : cmd->add.token_file;
}

/* The array is wiped when it moves. */
static int add_token(struct config *config)
{
	char(*token)[CMD_TOKEN_ROOM] = calloc(config->num_tokens + 1, sizeof(*token));

	if (!token)
		return -ENOMEM;
	if (config->token) {
		memcpy(token, config->token, config->num_tokens * sizeof(*token));
		explicit_bzero(config->token, config->num_tokens * sizeof(*token));
	}
	free(config->token);
	config->token = token;
	config->num_tokens++;
	return 0;
}

static bool has_files(const struct cmd *cmd)
{
	return !strncmp(cmd->add.uplink, PCAP_SPEC_PREFIX, strlen(PCAP_SPEC_PREFIX));
}

static int keep_files(struct config *config, const struct cmd *cmd, struct cmd_error *error)
{
	int(*files)[PCAP_FILES] =
		reallocarray(config->files, config->num_files + 1, sizeof(*files));
	struct pcap_spec spec;
	const char *path;
	int ret;

	if (!files)
		return cmd_fail(error, -ENOMEM, "there is not enough memory");
	config->files = files;
	pcap_spec_parse(cmd->add.uplink + strlen(PCAP_SPEC_PREFIX), &spec);
	ret = pcap_spec_open(&spec, files[config->num_files], &path);
	if (ret < 0)
		return cmd_fail(error, ret, "pcap file %.256s cannot be opened: %s", path,
				strerror(-ret));
	config->num_files++;
	return 0;
}

/* What the sandbox would not let us open any more. */
static int keep_token(void *arg, const struct cmd *cmd, struct cmd_error *error)
{
	struct config *config = arg;
	int ret = has_files(cmd) ? keep_files(config, cmd, error) : 0;

	if (ret < 0)
		return ret;

	if (!token_file_of(cmd))
		return 0;
	if (add_token(config) < 0)
		return cmd_fail(error, -ENOMEM, "there is no memory for a VF token");
	return cmd_token_text(token_file_of(cmd), config->token[config->num_tokens - 1], error);
}

struct run {
	struct daemon *daemon;
	const struct config *config;
	unsigned next_token, next_files;
};

/* What a line shows is nobody's here. */
static int do_run(void *arg, const struct cmd *cmd, struct cmd_error *error)
{
	struct json_object *data = NULL;
	struct run *run = arg;
	struct cmd own = *cmd;
	int ret;

	if (token_file_of(cmd)) {
		own.token = run->config->token[run->next_token++];
		own.token_file = own.add.token_file = NULL;
	}
	if (has_files(cmd))
		own.add.files = run->config->files[run->next_files++];
	ret = cmd_run(run->daemon, &own, &data, error);
	json_object_put(data);
	return ret;
}

int config_read(const char *path, struct config *ret_config, struct cmd_error *error)
{
	struct config config = {.path = path};
	int ret = read_file(path, &config.text, &config.len, error);

	if (ret == 0)
		ret = config_walk(path, config.text, config.len, keep_token, &config, error);
	if (ret < 0) {
		config_done(&config);
		return ret;
	}
	*ret_config = config;
	return 0;
}

int config_run(struct daemon *daemon, const struct config *config, struct cmd_error *error)
{
	struct run run = {.daemon = daemon, .config = config};

	if (!config->text)
		return 0;
	return config_walk(config->path, config->text, config->len, do_run, &run, error);
}

void config_done(struct config *config)
{
	free(config->text);
	config->text = NULL;
	if (config->token)
		explicit_bzero(config->token, config->num_tokens * sizeof(*config->token));
	free(config->token);
	config->token = NULL;
	config->num_tokens = 0;
	for (unsigned i = 0; i < config->num_files; i++)
		fd_close_all(config->files[i], PCAP_FILES);
	free(config->files);
	config->files = NULL;
	config->num_files = 0;
}
