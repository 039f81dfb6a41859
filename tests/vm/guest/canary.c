// SPDX-License-Identifier: BSD-3-Clause
/*
 * canary SHARE SECONDS [COMMAND ...]
 *
 * Run COMMAND (an ifdown, an rmmod), then at once lock SHARE percent of the
 * free memory - the pages the driver just freed are the likeliest to come -
 * fill it with a pattern, wait SECONDS and verify it. A card that still wrote
 * to memory after the driver took it back shows as a changed word.
 *
 * Exit code: 0 all words as written; 1 a word changed (printed with its
 * address); 2 the canary itself failed.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Return the free memory in bytes; MemFree, because what is cached was not just freed. */
static size_t free_memory(void)
{
	FILE *f = fopen("/proc/meminfo", "r");
	char row[128];
	unsigned long kb = 0;

	while (f && fgets(row, sizeof(row), f))
		if (sscanf(row, "MemFree: %lu kB", &kb) == 1)
			break;
	if (f)
		fclose(f);
	return (size_t)kb * 1024;
}

/* The word that belongs at an index. */
static uint64_t word_of(size_t i)
{
	return (i + 1) * 0x9e3779b97f4a7c15ULL;
}

/* Run the command given; return its exit code. */
static int run(char **argv)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execvp(argv[0], argv);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Compare every word; print the first that differ. */
static int verify(const volatile uint64_t *mem, size_t words)
{
	size_t wrong = 0;

	for (size_t i = 0; i < words; i++) {
		if (mem[i] == word_of(i))
			continue;
		if (wrong++ < 8)
			printf("canary: %p (offset 0x%zx) holds %016llx, was %016llx\n",
			       (const void *)&mem[i], i * 8, (unsigned long long)mem[i],
			       (unsigned long long)word_of(i));
	}
	if (wrong)
		printf("canary: %zu of %zu words changed\n", wrong, words);
	return wrong ? 1 : 0;
}

/* Command line. */
int main(int argc, char **argv)
{
	struct timespec pause = {0};
	size_t size, words;
	uint64_t *mem;
	double share, seconds;
	int rc;

	if (argc < 3 || (share = atof(argv[1])) <= 0 || share > 95 ||
	    (seconds = atof(argv[2])) < 0) {
		fprintf(stderr, "usage: canary SHARE SECONDS [COMMAND ...]\n");
		return 2;
	}
	if (argc > 3 && (rc = run(argv + 3)) != 0) {
		fprintf(stderr, "canary: %s: exit code %d\n", argv[3], rc);
		return 2;
	}
	size = (size_t)((double)free_memory() * share / 100) & ~(size_t)4095;
	mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mem == MAP_FAILED || mlock(mem, size)) {
		perror("canary: memory");
		return 2;
	}
	words = size / sizeof(*mem);
	for (size_t i = 0; i < words; i++)
		mem[i] = word_of(i);
	pause.tv_sec = (time_t)seconds;
	pause.tv_nsec = (long)((seconds - (double)pause.tv_sec) * 1e9);
	nanosleep(&pause, NULL);
	rc = verify(mem, words);
	printf("canary: %zu MiB checked\n", size >> 20);
	return rc;
}
