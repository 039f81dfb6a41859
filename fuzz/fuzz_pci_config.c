/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_pci_config.c - configuration space against a byte-wise model.
 *
 * The input first chooses a configuration the builder accepts (BARs, capabilities, their order
 * and gaps), then is a list of operations: write, read, reset, error bits raised by the device.
 * The model knows the masks of the sealed space and states the rules for the exceptions a
 * second time: power states, VF Enable's locks, NumVFs, System Page Size. After each operation
 * the whole space must equal the model's, and the events must be the model's.
 */
#include <stdlib.h>

#include "bits.h"
#include "pci_config.h"

#define CHECK(cond)              \
	do {                     \
		if (!(cond))     \
			abort(); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *at;
	size_t left;
};

/* The next byte; zeros when the input has ended. */
static uint8_t next8(struct input *in)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->at++;
}

static uint16_t next16(struct input *in)
{
	uint8_t low = next8(in);

	return (uint16_t)(low | next8(in) << 8);
}

/* What the model remembers of a configuration besides its bytes. */
struct model {
	uint8_t value[PCI_CFG_SIZE], reset[PCI_CFG_SIZE];
	const struct pci_config
		*masks; /* borrowed: only rw, w1c, sticky and offsets are read */
	unsigned total_vfs;
	bool flr;
};

static void build_bars(struct input *in, struct pci_config *cfg)
{
	static const uint8_t min_order[] = {0, 2, 4, 4, 4}, orders[] = {1, 7, 28, 60, 60};

	for (unsigned i = 0; i < PCI_NUM_BARS; i++) {
		enum pci_bar_type type = next8(in) % 5;
		bool wide = type >= PCI_BAR_MEM64;
		uint64_t size = BIT64(min_order[type] + next8(in) % orders[type]);

		if (type == PCI_BAR_NONE || (wide && i + 1 == PCI_NUM_BARS))
			continue;
		pci_add_bar(cfg, i, type, size);
		i += wide;
	}
}

/* A BAR that can hold a small MSI-X table, or one that is not there. */
static unsigned pick_bir(struct input *in, const struct pci_config *cfg)
{
	unsigned first = next8(in) % PCI_NUM_BARS;

	for (unsigned i = 0; i < PCI_NUM_BARS; i++) {
		unsigned bir = (first + i) % PCI_NUM_BARS;

		if (!cfg->bar_size[bir] || cfg->bar_size[bir] >= 0x4000)
			return bir;
	}
	return PCI_NUM_BARS;
}

static void build_msix(struct input *in, struct pci_config *cfg, unsigned at)
{
	unsigned bir = pick_bir(in, cfg);

	if (bir < PCI_NUM_BARS)
		pci_add_msix(cfg, at, 1 + next8(in), bir, 0, bir, 0x2000);
}

static void build_legacy(struct input *in, struct pci_config *cfg)
{
	static const uint8_t sizes[] = {PCI_PM_SIZE, PCI_MSI_SIZE, PCI_MSIX_SIZE,
					PCI_PCIE_SIZE};
	unsigned at = PCI_HEADER_SIZE, done = 0;

	for (unsigned n = next8(in) % 5; n; n--) {
		unsigned which = next8(in) % 4;

		at += 4 * (next8(in) % 8);
		if (done & BIT(which) || at + sizes[which] > PCI_EXT_CAP_START)
			continue;
		done |= BIT(which);
		if (which == 0)
			pci_add_pm(cfg, at);
		else if (which == 1)
			pci_add_msi(cfg, at);
		else if (which == 2)
			build_msix(in, cfg, at);
		else
			pci_add_pcie(cfg, at, next8(in) & 1);
		at += sizes[which];
	}
}

static void build_sriov(struct input *in, struct pci_config *cfg, unsigned at)
{
	struct pci_sriov_params params = {
		.total_vfs = (uint16_t)(1 + next16(in) % 0xffff),
		.first_offset = (uint16_t)(1 + next8(in)),
		.stride = (uint16_t)(1 + next8(in)),
		.vf_device = 0x10ca,
		.page_sizes = 1 | (uint32_t)next16(in) << next8(in) % 17,
		.not_lowest_pf = next8(in) & 1,
	};

	for (unsigned i = 0; i < PCI_NUM_BARS; i++) {
		uint8_t choice = next8(in) % 4;

		if (!choice || (choice >= 2 && i + 1 == PCI_NUM_BARS))
			continue;
		params.bar_type[i] = PCI_BAR_IO + choice;
		params.bar_size[i] = BIT64(12 + next8(in) % (choice >= 2 ? 52 : 20));
		i += choice >= 2;
	}
	pci_add_sriov(cfg, at, &params);
}

static void build_extended(struct input *in, struct pci_config *cfg)
{
	unsigned at = PCI_EXT_CAP_START, sriov = next8(in) % 4;

	for (unsigned n = 0; n < 4; n++) {
		uint8_t gap = next8(in);

		if (n == sriov) {
			build_sriov(in, cfg, at);
			at += PCI_SRIOV_SIZE;
		} else if (gap & 1) {
			pci_add_aer(cfg, at);
			at += PCI_AER_SIZE;
		} else if (gap & 2) {
			pci_add_dsn(cfg, at, ~0ull / 3);
			at += PCI_DSN_SIZE;
		} else if (gap & 4) {
			pci_add_ari(cfg, at, gap);
			at += PCI_ARI_SIZE;
		} else {
			continue;
		}
		at += gap & 0xfc;
	}
}

static void build(struct input *in, struct pci_config *cfg)
{
	const struct pci_ident ident = {
		.vendor = 0x8086, .device = 0x10c9, .class_code = 0x20000};

	pci_config_init(cfg, &ident, next8(in) % 5);
	build_bars(in, cfg);
	build_legacy(in, cfg);
	build_extended(in, cfg);
	pci_config_seal(cfg);
}

static void model_init(struct model *m, const struct pci_config *cfg)
{
	memcpy(m->value, cfg->value, sizeof(m->value));
	memcpy(m->reset, cfg->value, sizeof(m->reset));
	m->masks = cfg;
	m->total_vfs = cfg->sriov.cap ? get_le16(&cfg->value[cfg->sriov.cap + 0x0e]) : 0;
	m->flr = cfg->cap_pcie && get_le32(&cfg->value[cfg->cap_pcie + 4]) >> 28 & 1;
}

/* A register of len bytes at reg of a capability (0: absent), byte by byte. */
static bool is_in(unsigned at, unsigned cap, unsigned reg, unsigned len)
{
	return cap && at >= cap + reg && at < cap + reg + len;
}

static unsigned model_control(const struct model *m)
{
	return m->masks->sriov.cap ? m->value[m->masks->sriov.cap + 8] : 0;
}

/* VF BAR address bits below the System Page Size do not exist. */
static void model_align_vf_bars(struct model *m)
{
	unsigned cap = m->masks->sriov.cap, shift = 12;
	uint32_t pages = get_le32(&m->value[cap + 0x20]);

	for (; pages && !(pages & 1); pages >>= 1)
		shift++;
	for (unsigned i = 0; i < PCI_NUM_BARS; i++) {
		uint8_t *low = &m->value[cap + 0x24 + 4 * i];
		bool wide = (*low & 6) == 4;
		uint64_t bar = wide ? get_le64(low) : get_le32(low);

		bar = (bar >> shift << shift) | (*low & 15);
		memcpy(low, &bar, wide ? 8 : 4);
		i += wide;
	}
}

/* What one byte of a write does, and asks of the function. */
static unsigned model_byte(struct model *m, unsigned at, uint8_t data)
{
	const struct pci_config *masks = m->masks;
	unsigned sriov = masks->sriov.cap, ev = 0;
	uint8_t old = m->value[at], rw = masks->rw[at], want;
	bool locked = model_control(m) & 1 &&
		      (is_in(at, sriov, 0x10, 2) || is_in(at, sriov, 0x20, 4));

	want = (uint8_t)((old & ~rw) | (data & rw));
	want &= (uint8_t) ~(data & masks->w1c[at]);
	if (locked)
		want = old;
	if (is_in(at, masks->cap_pm, 4, 1) && ((want & 3) == 1 || (want & 3) == 2))
		want = (uint8_t)((want & ~3) | (old & 3));
	if (is_in(at, sriov, 8, 1) && old & want & 1 && (old ^ want) & 0x10) {
		want ^= 0x10;
		ev |= PCI_EV_BAD;
	}
	m->value[at] = want;
	if (sriov)
		model_align_vf_bars(m);
	if ((locked && data != old) || (is_in(at, sriov, 0x20, 4) && data & ~rw))
		ev |= PCI_EV_BAD;
	if (rw && (is_in(at, sriov, 0x24, 24) || (at >= 0x10 && at < 0x28)))
		ev |= PCI_EV_BAR;
	if (m->flr && is_in(at, masks->cap_pcie, 9, 1) && data & 0x80)
		ev |= PCI_EV_FLR;
	return ev;
}

static unsigned model_power(const struct model *m)
{
	return m->masks->cap_pm ? m->value[m->masks->cap_pm + 4] & 3 : 0;
}

/* NumVFs above TotalVFs goes back to what it was before the write. */
static unsigned model_num_vfs(struct model *m, const struct model *before)
{
	unsigned at = m->masks->sriov.cap + 0x10;

	if (!m->masks->sriov.cap || get_le16(&m->value[at]) <= m->total_vfs)
		return 0;
	memcpy(&m->value[at], &before->value[at], 2);
	return PCI_EV_BAD;
}

static unsigned model_changes(const struct model *m, const struct model *before)
{
	unsigned msix = m->masks->cap_msix, was = model_power(before), is = model_power(m);
	unsigned old = model_control(before), now = model_control(m), ev = 0;

	ev |= memcmp(&m->value[4], &before->value[4], 2) ? PCI_EV_COMMAND : 0;
	ev |= msix && memcmp(&m->value[msix + 2], &before->value[msix + 2], 2) ? PCI_EV_MSIX
									       : 0;
	ev |= was == 3 && is == 0 ? PCI_EV_D0_RESET : 0;
	ev |= was == 0 && is == 3 ? PCI_EV_POWER : 0;
	ev |= ~old & now & 1 ? PCI_EV_SRIOV_ENABLE : 0;
	ev |= old & ~now & 1 ? PCI_EV_SRIOV_DISABLE : 0;
	ev |= (old ^ now) & 8 ? PCI_EV_SRIOV_MSE : 0;
	return ev;
}

static unsigned model_write(struct model *m, unsigned offset, const uint8_t *buf, unsigned len)
{
	struct model before = *m;
	unsigned ev = 0;

	for (unsigned i = 0; i < len && offset + i < PCI_CFG_SIZE; i++)
		ev |= model_byte(m, offset + i, buf[i]);
	ev |= model_num_vfs(m, &before);
	return ev | model_changes(m, &before);
}

static void model_reset(struct model *m)
{
	for (unsigned at = 0; at < PCI_CFG_SIZE; at++) {
		uint8_t keep = m->masks->sticky[at];

		m->value[at] = (uint8_t)((m->value[at] & keep) | (m->reset[at] & ~keep));
	}
}

static void op_reset(struct pci_config *cfg, struct model *m)
{
	pci_config_reset(cfg);
	model_reset(m);
}

/* An offset that is likely to meet a register: low space, a capability, or anywhere. */
static unsigned pick_offset(struct input *in, const struct pci_config *cfg)
{
	const unsigned base[] = {0,
				 cfg->cap_pm,
				 cfg->cap_msix,
				 cfg->cap_pcie,
				 cfg->sriov.cap,
				 PCI_EXT_CAP_START,
				 cfg->sriov.cap,
				 PCI_CFG_SIZE - 8};
	uint8_t choice = next8(in);

	if (choice >= 240)
		return next16(in) % (PCI_CFG_SIZE + 8);
	return base[choice % 8] + next8(in) % 64;
}

static void fill(struct input *in, uint8_t *buf, unsigned len)
{
	for (unsigned i = 0; i < len; i++)
		buf[i] = next8(in);
}

static void op_write(struct input *in, struct pci_config *cfg, struct model *m, unsigned len)
{
	unsigned offset = pick_offset(in, cfg), got, want;
	uint8_t buf[64];

	fill(in, buf, len);
	got = pci_config_write(cfg, offset, buf, len);
	want = model_write(m, offset, buf, len);
	CHECK(got == want);
	CHECK(pci_sriov_num_vfs(cfg) <= m->total_vfs);
	if (got & (PCI_EV_FLR | PCI_EV_D0_RESET))
		op_reset(cfg, m);
}

static void op_read(struct input *in, struct pci_config *cfg, const struct model *m,
		    unsigned len)
{
	unsigned offset = pick_offset(in, cfg);
	uint8_t buf[64];

	cfg->is_vf_view = next8(in) & 1;
	pci_config_read(cfg, offset, buf, len);
	for (unsigned i = 0; i < len; i++) {
		unsigned at = offset + i;
		bool ones = at >= PCI_CFG_SIZE || (cfg->is_vf_view && at < 4);

		CHECK(buf[i] == (ones ? 0xff : m->value[at]));
	}
}

/* The device raises error bits, as hardware would; software clears them. */
static void op_raise(struct input *in, struct pci_config *cfg, struct model *m)
{
	unsigned at = pick_offset(in, cfg) % PCI_CFG_SIZE;

	cfg->value[at] |= cfg->w1c[at];
	m->value[at] |= cfg->w1c[at];
}

static void walk(const struct pci_config *cfg)
{
	unsigned at = cfg->value[PCI_CAPABILITIES_POINTER], steps = 0, last = 0;

	for (; at; at = cfg->value[at + PCI_CAP_NEXT], steps++) {
		CHECK(at >= PCI_HEADER_SIZE && !(at & 3) && steps < 48);
		last = at;
	}
	CHECK(last == cfg->last_cap);
	for (at = PCI_EXT_CAP_START, steps = 0; at; steps++) {
		CHECK(at >= PCI_EXT_CAP_START && !(at & 3) && steps < 480);
		last = at;
		at = get_le32(&cfg->value[at]) >> PCI_EXT_CAP_NEXT_SHIFT;
	}
	CHECK(last == cfg->last_ext);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	struct pci_config cfg;
	struct model m;

	build(&in, &cfg);
	model_init(&m, &cfg);
	while (in.left) {
		uint8_t op = next8(&in);
		unsigned len = (op >> 2) % 16 == 15 ? 64 : (op >> 2) % 16;

		if (op % 4 <= 1)
			op_write(&in, &cfg, &m, len);
		else if (op % 4 == 2)
			op_read(&in, &cfg, &m, len);
		else if (op >= 128)
			op_raise(&in, &cfg, &m);
		else if (op >= 120)
			op_reset(&cfg, &m);
		CHECK(!memcmp(cfg.value, m.value, PCI_CFG_SIZE));
	}
	walk(&cfg);
	return 0;
}
