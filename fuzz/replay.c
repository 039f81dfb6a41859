/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * replay.c - makes a test of a fuzz target without libFuzzer: feeds it the empty input and
 * every file under the arguments (files, or directories, searched downwards). A finding ends
 * the process as it would under the fuzzer; the last name on stderr tells which input.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned inputs;

static int replay_path(const char *path);

/* The buffer has exactly the file's size, so that ASan sees the first byte too many. */
static int replay_file(const char *path, size_t size)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data = malloc(size);
	int ret = -1;

	if (file && (data || !size) && fread(data, 1, size, file) == size) {
		fprintf(stderr, "%s\n", path);
		ret = LLVMFuzzerTestOneInput(data, size) ? -1 : 0;
		inputs++;
	}
	if (file)
		fclose(file);
	free(data);
	return ret;
}

static int not_hidden(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* In the order of the names, so that two runs are alike. */
static int replay_dir(const char *path)
{
	struct dirent **entries;
	int n = scandir(path, &entries, not_hidden, alphasort), ret = n < 0 ? -1 : 0;

	for (int i = 0; i < n; i++) {
		char below[PATH_MAX];

		if (snprintf(below, sizeof(below), "%s/%s", path, entries[i]->d_name) >=
			    (int)sizeof(below) ||
		    replay_path(below) < 0)
			ret = -1;
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	return ret;
}

static int replay_path(const char *path)
{
	struct stat st;
	int ret;

	if (stat(path, &st) < 0)
		ret = -1;
	else if (S_ISDIR(st.st_mode))
		return replay_dir(path);
	else
		ret = replay_file(path, (size_t)st.st_size);
	if (ret < 0)
		fprintf(stderr, "replay: %s: %s\n", path, errno ? strerror(errno) : "refused");
	return ret;
}

int main(int argc, char **argv)
{
	int ret = LLVMFuzzerTestOneInput(NULL, 0);

	for (int i = 1; i < argc; i++) {
		errno = 0;
		if (replay_path(argv[i]) < 0)
			ret = 1;
	}
	printf("%u inputs\n", inputs);
	return ret ? EXIT_FAILURE : EXIT_SUCCESS;
}
