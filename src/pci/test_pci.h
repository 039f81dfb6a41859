/* SPDX-License-Identifier: BSD-3-Clause */
/* test_pci.h - what the tests of this room share: an 82576, short accessors.
 */
#ifndef LADON_TEST_PCI_H
#define LADON_TEST_PCI_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "bits.h"
#include "pci_config.h"

#define PM    0x40u
#define MSI   0x50u
#define MSIX  0x70u
#define PCIE  0xa0u
#define AER   0x100u
#define DSN   0x140u
#define ARI   0x150u
#define SRIOV 0x160u

static const struct pci_ident test_ident = {
	.vendor = 0x8086,
	.device = 0x10c9,
	.subsys_vendor = 0x8086,
	.subsys_device = 0xa03c,
	.class_code = 0x020000,
	.revision = 1,
	.multifunction = true,
};

static const struct pci_sriov_params test_sriov = {
	.total_vfs = 7,
	.first_offset = 1,
	.stride = 1,
	.vf_device = 0x10ca,
	.page_sizes = 0x553,
	.bar_type = {[0] = PCI_BAR_MEM64, [3] = PCI_BAR_MEM64_PREF},
	.bar_size = {[0] = 0x4000, [3] = 0x4000},
};

/* The PF with all its capabilities; not sealed. */
static inline void test_build_pf(struct pci_config *cfg)
{
	pci_config_init(cfg, &test_ident, 1);
	pci_add_bar(cfg, 0, PCI_BAR_MEM32, 0x20000);
	pci_add_bar(cfg, 2, PCI_BAR_IO, 32);
	pci_add_bar(cfg, 3, PCI_BAR_MEM64, 0x4000);
	pci_add_pm(cfg, PM);
	pci_add_msi(cfg, MSI);
	pci_add_msix(cfg, MSIX, 10, 3, 0, 3, 0x2000);
	pci_add_pcie(cfg, PCIE, true);
	pci_add_aer(cfg, AER);
	pci_add_dsn(cfg, DSN, 0x001b21ffff123456);
	pci_add_ari(cfg, ARI, 0);
	pci_add_sriov(cfg, SRIOV, &test_sriov);
}

static inline void test_pf(struct pci_config *cfg)
{
	test_build_pf(cfg);
	pci_config_seal(cfg);
}

static inline uint8_t rd8(const struct pci_config *cfg, unsigned offset)
{
	uint8_t v;

	pci_config_read(cfg, offset, &v, sizeof(v));
	return v;
}

static inline uint16_t rd16(const struct pci_config *cfg, unsigned offset)
{
	uint16_t v;

	pci_config_read(cfg, offset, &v, sizeof(v));
	return v;
}

static inline uint32_t rd32(const struct pci_config *cfg, unsigned offset)
{
	uint32_t v;

	pci_config_read(cfg, offset, &v, sizeof(v));
	return v;
}

static inline unsigned wr8(struct pci_config *cfg, unsigned offset, uint8_t v)
{
	return pci_config_write(cfg, offset, &v, sizeof(v));
}

static inline unsigned wr16(struct pci_config *cfg, unsigned offset, uint16_t v)
{
	return pci_config_write(cfg, offset, &v, sizeof(v));
}

static inline unsigned wr32(struct pci_config *cfg, unsigned offset, uint32_t v)
{
	return pci_config_write(cfg, offset, &v, sizeof(v));
}

/* Reads, writes ones, reads, writes back: what software does to size a BAR. */
static inline uint32_t size_bar(struct pci_config *cfg, unsigned offset)
{
	uint32_t old = rd32(cfg, offset), mask;

	wr32(cfg, offset, 0xffffffff);
	mask = rd32(cfg, offset);
	wr32(cfg, offset, old);
	return mask;
}

/* Does the builder refuse this (assert)? In a child, quietly, without a core file. */
static inline bool refused(void (*build)(struct pci_config *cfg))
{
	static struct pci_config cfg;
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		struct rlimit none = {0, 0};

		setrlimit(RLIMIT_CORE, &none);
		signal(SIGABRT, SIG_DFL);
		if (!freopen("/dev/null", "w", stderr))
			_exit(2);
		pci_config_init(&cfg, &test_ident, 0);
		build(&cfg);
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

/* xorshift64: the tests' random numbers, the same in every run. */
static inline uint64_t prng(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

#endif
