// SPDX-License-Identifier: BSD-3-Clause
/*
 * regfuzz ADDRESS WRITES SEED [bar|config]
 *
 * A hostile PF driver: writes random values to random registers of a PCI
 * function's BAR0 (mapped from sysfs) or to its configuration space, half of
 * them read back. The same seed does the same. Values are random words, few
 * bits, addresses near others, and all ones, for pure noise seldom gets deep.
 *
 * Configuration writes keep off what would take the function from the guest's
 * reach for good: the BARs (0x10-0x27) and the power state (0x44) of the PF
 * itself; and off MSI and MSI-X (0x50-0x7b), where QEMU 11.1 ends with an
 * assertion of its own when they are enabled both. SR-IOV's registers are the favourite target.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SRIOV = 0x160, SRIOV_LEN = 0x40 };

static uint64_t state;

/* Return the next random number (xorshift64*). */
static uint32_t next(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (uint32_t)((state * 0x2545f4914f6cdd1dULL) >> 32);
}

/* Return a value of a kind that finds more than noise does. */
static uint32_t value(void)
{
	switch (next() % 6) {
	case 0:
		return UINT32_MAX;
	case 1:
		return 1u << next() % 32;
	case 2:
		return next() & next() & next();
	case 3:
		return next() % 256;
	case 4:
		return 0;
	default:
		return next();
	}
}

/* Open a file of the function in sysfs. */
static int open_sysfs(const char *address, const char *name)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", address, name);
	fd = open(path, O_RDWR | O_SYNC | O_CLOEXEC);
	if (fd < 0) {
		perror(path);
		exit(2);
	}
	return fd;
}

/* Return an offset in BAR0: anywhere, or in the neighbourhood of the last one. */
static uint32_t offset(uint32_t size)
{
	static uint32_t last;

	last = next() % 4 ? next() % size : last + next() % 64;
	return last % size & ~3u;
}

/* Write to the registers. */
static void fuzz_bar(const char *address, unsigned long writes)
{
	int fd = open_sysfs(address, "resource0");
	struct stat st;
	volatile uint8_t *bar;

	fstat(fd, &st);
	bar = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (bar == MAP_FAILED) {
		perror("mmap");
		exit(2);
	}
	for (unsigned long i = 0; i < writes; i++) {
		uint32_t at = offset((uint32_t)st.st_size), v = value();

		*(volatile uint32_t *)(bar + at) = v;
		if (next() % 2)
			v = *(volatile uint32_t *)(bar + at);
		if (next() % 64 == 0)
			*(bar + at + next() % 4) =
				(uint8_t)v; /* one byte: not what a driver does */
	}
}

/* Write to the configuration space. */
static void fuzz_config(const char *address, unsigned long writes)
{
	int fd = open_sysfs(address, "config");
	uint8_t buf[4];

	for (unsigned long i = 0; i < writes; i++) {
		uint32_t at = next() % 3 ? SRIOV + next() % SRIOV_LEN : next() % 4096,
			 v = value();
		size_t size = (size_t)1 << next() % 3;

		at &= ~(uint32_t)(size - 1);
		if ((at >= 0x10 && at < 0x28) || (at & ~3u) == 0x44 ||
		    (at >= 0x50 && at < 0x7c))
			continue;
		memcpy(buf, &v, sizeof(buf));
		if (pwrite(fd, buf, size, at) < 0 || pread(fd, buf, size, at) < 0)
			continue; /* a short configuration space is an answer, too */
	}
}

/* Command line. */
int main(int argc, char **argv)
{
	if (argc != 5) {
		fprintf(stderr, "usage: regfuzz ADDRESS WRITES SEED bar|config\n");
		return 2;
	}
	state = strtoull(argv[3], NULL, 0) * 2 + 1;
	if (!strcmp(argv[4], "bar"))
		fuzz_bar(argv[1], strtoul(argv[2], NULL, 0));
	else
		fuzz_config(argv[1], strtoul(argv[2], NULL, 0));
	printf("done\n");
	return 0;
}
