/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench_proc.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

double bench_proc_kib(pid_t pid, const char *what)
{
	char path[64], line[256];
	double kib = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		size_t len = strlen(what);

		if (!strncmp(line, what, len) && line[len] == ':')
			sscanf(line + len + 1, "%lf", &kib);
	}
	if (file)
		fclose(file);
	return kib;
}

static double thread_ns(pid_t pid, const char *thread)
{
	char path[320];
	double ns = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%s/schedstat", (int)pid, thread);
	file = fopen(path, "re");
	if (!file)
		return 0;
	if (fscanf(file, "%lf", &ns) != 1)
		ns = 0;
	fclose(file);
	return ns;
}

double bench_proc_cpu_ns(pid_t pid)
{
	const struct dirent *entry;
	char path[64];
	double ns = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			ns += thread_ns(pid, entry->d_name);
	if (dir)
		closedir(dir);
	return ns;
}
