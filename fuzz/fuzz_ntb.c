/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_ntb.c - a bridge port (windows, look-up table, epochs, requests) and a register page
 * whose peer writes any word of it, each against a model that is slow and plain.
 *
 * The input is operations of 12 bytes: opcode, x (8 bits), y (16 bits), value (64 bits).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "ir.h"
#include "ntb_port.h"
#include "ntb_regs.h"

#define OP_BYTES 12u
#define MAX_OPS	 300u
#define BASE	 BIT64(46)
#define SIZE	 BIT64(40)
#define PAGE	 4096ull

/* Not assert: the harness must also find bugs when it is built with NDEBUG. */
#define MUST(cond) ((cond) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct op {
	uint8_t code, x;
	uint16_t y;
	uint64_t value;
};

/* ---- the port ---- */

typedef unsigned __int128 wide; /* nothing wraps */

static struct ntb_port port;
static uint64_t drained_at;
static bool forgotten;

static struct {
	bool up;
	uint64_t floor, slot_epoch[NTB_WINDOWS];
	struct {
		bool set, revoked;
		struct ntb_window w;
	} window[NTB_WINDOWS];
	struct {
		bool set, revoked;
		struct ntb_requester who;
		pci_rid_t rid;
		uint64_t epoch;
	} lut[NTB_LUT];
} model;

static void forget(void *arg)
{
	(void)arg;
	forgotten = true;
}

static void drain(void *arg)
{
	(void)arg;
	drained_at = ntb_port_generation(&port);
}

/* Every change moves the generation, none else does; what takes away has forgotten and drained.
 */
static void check_change(uint64_t before, bool changed, bool narrower)
{
	MUST(ntb_port_generation(&port) == before + changed);
	MUST(forgotten == narrower);
	if (narrower)
		MUST(drained_at == before + 1);
	forgotten = false;
}

static struct ntb_window window_of(const struct op *op)
{
	struct ntb_window w = {
		.base = op->x & 0x40 ? op->value : BASE + (op->y & 15) * PAGE,
		.xlat = op->x & 0x80 ? op->value << 12 : (op->value & 0xffff) << 12,
		.epoch = op->value >> 56,
		.perm = op->y >> 7 & 7,
		.kind = (enum ntb_kind)(op->y >> 10 & 3),
	};

	if (op->y & 0x8000)
		w.xlat += IR_WINDOW;
	w.limit = w.base + ((op->y >> 4 & 7) + 1) * PAGE - 1 - (op->y >> 14 & 1);
	return w;
}

static bool violates_kind(const struct ntb_window *w)
{
	wide end = (wide)w->xlat + (w->limit - w->base);
	bool touches = end >= IR_WINDOW && w->xlat < IR_WINDOW + IR_WINDOW_SIZE;

	if (w->kind == NTB_INTERRUPTS)
		return w->perm != 2 || w->xlat < IR_WINDOW || end >= IR_WINDOW + IR_WINDOW_SIZE;
	return w->kind > NTB_INTERRUPTS || !w->perm || w->perm > 3 || touches;
}

/* Is ret what may be said of this window? */
static bool answer_fits(unsigned slot, const struct ntb_window *w, int ret)
{
	bool inval = slot >= NTB_WINDOWS || w->base > w->limit || w->base % PAGE ||
		     (w->limit + 1) % PAGE || w->xlat % PAGE || violates_kind(w);
	bool range = w->base < BASE || w->limit >= BASE + SIZE ||
		     ((wide)w->xlat + (w->limit - w->base)) >> 52;
	bool stale = w->epoch <= model.floor ||
		     (slot < NTB_WINDOWS && w->epoch <= model.slot_epoch[slot]);
	bool exist = false;

	for (unsigned i = 0; i < NTB_WINDOWS; i++)
		exist |= i != slot && model.window[i].set &&
			 w->base <= model.window[i].w.limit &&
			 model.window[i].w.base <= w->limit;
	switch (ret) {
	case -EINVAL:
		return inval;
	case -ERANGE:
		return range;
	case -ESTALE:
		return stale;
	case -EEXIST:
		return exist;
	}
	return ret == 0 && !inval && !range && !stale && !exist;
}

static void op_window(const struct op *op)
{
	uint64_t before = ntb_port_generation(&port);
	struct ntb_window w = window_of(op);
	unsigned slot = op->x & 63;
	int ret = ntb_window_set(&port, slot, &w);

	MUST(answer_fits(slot, &w, ret));
	check_change(before, ret == 0, ret == 0 && model.window[slot].set);
	if (ret < 0)
		return;
	model.window[slot].set = true;
	model.window[slot].revoked = false;
	model.window[slot].w = w;
	model.slot_epoch[slot] = w.epoch;
}

static void op_clear(const struct op *op)
{
	uint64_t before = ntb_port_generation(&port);
	unsigned slot = op->x & 63;
	bool set = slot < NTB_WINDOWS && model.window[slot].set;

	MUST(ntb_window_clear(&port, slot) ==
	     (slot >= NTB_WINDOWS ? -EINVAL : (set ? 0 : -ENOENT)));
	check_change(before, set, set);
	if (set)
		model.window[slot].set = false;
}

static struct ntb_requester who_of(const struct op *op)
{
	return (struct ntb_requester){.segment = op->x & 1, .rid = op->y & 0x1f};
}

static unsigned model_lut(struct ntb_requester who)
{
	unsigned i = 0;

	while (i < NTB_LUT &&
	       (!model.lut[i].set || memcmp(&model.lut[i].who, &who, sizeof(who))))
		i++;
	return i;
}

static void op_admit(const struct op *op)
{
	uint64_t before = ntb_port_generation(&port), epoch = op->value >> 56;
	struct ntb_requester who = who_of(op);
	pci_rid_t rid = (pci_rid_t)(op->value & 0x1f);
	unsigned at = model_lut(who);
	int ret = ntb_lut_add(&port, who, rid, epoch),
	    want = epoch <= model.floor ? -ESTALE : 0;

	for (unsigned i = 0; !want && i < NTB_LUT; i++)
		if (model.lut[i].set &&
		    (i == at ? !model.lut[i].revoked : model.lut[i].rid == rid))
			want = -EEXIST;
	MUST(ret == want);
	check_change(before, ret == 0, false);
	if (ret < 0)
		return;
	for (unsigned i = 0; at == NTB_LUT && i < NTB_LUT; i++)
		if (!model.lut[i].set)
			at = i;
	model.lut[at].set = true;
	model.lut[at].revoked = false;
	model.lut[at].who = who;
	model.lut[at].rid = rid;
	model.lut[at].epoch = epoch;
}

static void op_dismiss(const struct op *op)
{
	uint64_t before = ntb_port_generation(&port);
	unsigned at = model_lut(who_of(op));

	MUST(ntb_lut_del(&port, who_of(op)) == (at < NTB_LUT ? 0 : -ENOENT));
	check_change(before, at < NTB_LUT, at < NTB_LUT);
	if (at < NTB_LUT)
		model.lut[at].set = false;
}

static void op_revoke(const struct op *op)
{
	uint64_t before = ntb_port_generation(&port), epoch = op->value >> 56;

	ntb_port_revoke(&port, epoch);
	check_change(before, epoch > model.floor, epoch > model.floor);
	model.floor = MAX(model.floor, epoch);
	for (unsigned i = 0; i < NTB_WINDOWS; i++)
		model.window[i].revoked |= model.window[i].w.epoch <= epoch;
	for (unsigned i = 0; i < NTB_LUT; i++)
		model.lut[i].revoked |= model.lut[i].epoch <= epoch;
}

static void op_link(const struct op *op)
{
	uint64_t before = ntb_port_generation(&port);
	bool up = op->x & 3; /* mostly */

	ntb_port_set_link(&port, up);
	check_change(before, up != model.up, model.up && !up);
	model.up = up;
}

static enum ntb_reason model_window(uint64_t addr, uint64_t len, uint32_t need,
				    unsigned *ret_at)
{
	for (unsigned i = 0; i < NTB_WINDOWS; i++) {
		const struct ntb_window *w = &model.window[i].w;

		if (!model.window[i].set || addr < w->base || addr > w->limit)
			continue;
		*ret_at = i;
		if (model.window[i].revoked)
			return NTB_FAULT_REVOKED;
		if ((wide)addr + (len ? len : 1) > (wide)w->limit + 1)
			return NTB_FAULT_LIMIT;
		if (w->kind == NTB_INTERRUPTS)
			return need == 2 && len == 4 && !(addr & 3) ? NTB_PASSED
								    : NTB_FAULT_INTERRUPT;
		if (need & 1 && !(w->perm & 1))
			return NTB_FAULT_READ;
		return need & 2 && !(w->perm & 2) ? NTB_FAULT_WRITE : NTB_PASSED;
	}
	return NTB_FAULT_NO_WINDOW;
}

static void op_request(const struct op *op)
{
	uint64_t addr = op->value & BIT64(63) ? op->value << 1 : BASE + op->value % (20 * PAGE);
	uint64_t len = op->x & 0x40 ? op->value >> 32 : (op->y >> 5) & 15;
	uint32_t need = (op->y >> 9) % 3 + 1;
	enum ntb_reason want = NTB_FAULT_LINK_DOWN;
	unsigned win = 0, lut = model_lut(who_of(op));
	struct ntb_path path;
	struct ntb_fault fault;

	if (model.up)
		want = model_window(addr, len, need, &win);
	if (want == NTB_PASSED && lut == NTB_LUT)
		want = NTB_FAULT_REQUESTER;
	else if (want == NTB_PASSED && model.lut[lut].revoked)
		want = NTB_FAULT_STALE_REQUESTER;
	MUST(ntb_route(&port, who_of(op), addr, len, need, &path) == want);
	MUST(ntb_fault_pop(&port.faults, &fault) == (want != NTB_PASSED));
	if (want != NTB_PASSED) {
		MUST(fault.reason == want && fault.addr == addr && fault.len == len);
		return;
	}
	MUST(path.rid == model.lut[lut].rid && path.kind == model.window[win].w.kind);
	MUST(path.addr - model.window[win].w.xlat == addr - model.window[win].w.base);
	MUST(path.first == model.window[win].w.base && path.last == model.window[win].w.limit);
}

/* ---- the registers: side 0 is ours, side 1 is a peer that does as it likes ---- */

static int page_file = -1, events[2][NTB_EVENTS];
static struct ntb_dev dev;
static bool enabled;
static uint64_t db_mask, told[2]; /* told: a bit for each event of a side that is due */
static uint32_t msg_mask, msg_failed;

static struct ntb_side *side(unsigned n)
{
	return &((struct ntb_page *)(void *)dev.mem->base)->side[n];
}

static bool up(void)
{
	return enabled && side(1)->link == 1;
}

/* Exactly the events that are due have come. */
static void check_events(void)
{
	for (unsigned i = 0; i < 2 * NTB_EVENTS; i++) {
		uint64_t count = 0;

		if (read(events[i / NTB_EVENTS][i % NTB_EVENTS], &count, 8) != 8)
			count = 0;
		MUST(count == (told[i / NTB_EVENTS] >> i % NTB_EVENTS & 1));
	}
	told[0] = told[1] = 0;
}

/* Doorbells of side n went from before to after: bit by bit, which vectors are told? */
static void model_rise(unsigned n, uint64_t before, uint64_t after, uint64_t mask)
{
	for (unsigned v = 0; v < NTB_DB_VECTORS; v++) {
		bool was = false, is = false;

		for (unsigned bit = v * 16; bit < v * 16 + 16; bit++) {
			was |= before >> bit & ~mask >> bit & 1;
			is |= after >> bit & ~mask >> bit & 1;
		}
		if (is && !was)
			told[n] |= BIT64(v);
	}
}

static void op_doorbell(const struct op *op)
{
	uint64_t before = side(op->x & 1)->db;

	if (op->x & 1) {
		uint64_t mask = side(1)->db_mask;

		MUST(ntb_peer_db_set(&dev, op->value) == (up() ? 0 : -ENOTCONN));
		if (up())
			model_rise(1, before, before | op->value, mask);
		MUST(side(1)->db == (up() ? before | op->value : before));
		return;
	}
	ntb_db_set(&dev, op->value);
	model_rise(0, before, before | op->value, db_mask);
	MUST(ntb_db_read(&dev) == (before | op->value));
}

static void op_doorbell_clear(const struct op *op)
{
	uint64_t before = side(0)->db, after = before & ~op->value;

	ntb_db_clear(&dev, op->value);
	MUST(ntb_db_read(&dev) == after);
	for (unsigned v = 0; v < NTB_DB_VECTORS; v++)
		if ((before ^ after) & ntb_db_vector_mask(v) &&
		    after & ~db_mask & ntb_db_vector_mask(v))
			told[0] |= BIT64(v);
}

static void op_doorbell_mask(const struct op *op)
{
	if (op->x & 1) {
		ntb_db_set_mask(&dev, op->value);
		db_mask |= op->value;
	} else {
		for (unsigned v = 0; v < NTB_DB_VECTORS; v++)
			if (db_mask & op->value & side(0)->db & ntb_db_vector_mask(v))
				told[0] |= BIT64(v);
		ntb_db_clear_mask(&dev, op->value);
		db_mask &= ~op->value;
	}
	MUST(ntb_db_read_mask(&dev) == db_mask && side(0)->db_mask == db_mask);
}

static void op_scratchpad(const struct op *op)
{
	unsigned i = op->y & 31;
	bool there = i < NTB_SPADS;
	uint32_t value = (uint32_t)op->value;

	MUST(ntb_spad_read(&dev, i) == (there ? side(0)->spad[i % 16] : UINT32_MAX));
	MUST(ntb_peer_spad_read(&dev, i) ==
	     (there && up() ? side(1)->spad[i % 16] : UINT32_MAX));
	if (op->x & 1) {
		MUST(ntb_spad_write(&dev, i, value) == (there ? 0 : -EINVAL));
		MUST(!there || side(0)->spad[i] == value);
	} else {
		MUST(ntb_peer_spad_write(&dev, i, value) ==
		     (!there ? -EINVAL : (up() ? 0 : -ENOTCONN)));
		MUST(!there || !up() || side(1)->spad[i] == value);
	}
}

static void op_message(const struct op *op)
{
	unsigned i = op->y & 7;
	bool there = i < NTB_MSGS, full = side(1)->msg[i & 3] >> 32 & 1;
	int ret = ntb_peer_msg_write(&dev, i, (uint32_t)op->value);

	MUST(ret == (!there ? -EINVAL : (!up() ? -ENOTCONN : (full ? -EAGAIN : 0))));
	if (ret == 0) {
		MUST(side(1)->msg[i] == (BIT64(32) | (uint32_t)op->value));
		if (!(side(1)->msg_mask >> i & 1))
			told[1] |= BIT64(NTB_EVENT_MSG);
	} else if (ret == -EAGAIN) {
		msg_failed |= BIT(16 + i);
		if (!(msg_mask >> (16 + i) & 1))
			told[0] |= BIT64(NTB_EVENT_MSG);
	}
}

static uint64_t model_status(void)
{
	uint64_t status = msg_failed;

	for (unsigned i = 0; i < NTB_MSGS; i++)
		status |= (side(0)->msg[i] >> 32 & 1) << i;
	return status;
}

static void op_message_read(const struct op *op)
{
	unsigned i = op->y & 7;
	bool full = side(0)->msg[i & 3] >> 32 & 1;
	uint32_t msg = 0;

	MUST(ntb_msg_read(&dev, i, &msg) == (i >= NTB_MSGS ? -EINVAL : (full ? 0 : -ENOMSG)));
	MUST(i >= NTB_MSGS || !full || msg == (uint32_t)side(0)->msg[i]);
	MUST(ntb_msg_read_sts(&dev) == model_status());
}

static void op_message_bits(const struct op *op)
{
	uint64_t bits = op->y & 1 ? op->value : op->value & 0xf000f;
	int want = bits & ~0xf000full ? -EINVAL : 0;
	uint64_t status = model_status();

	if (op->x % 3 == 0) {
		MUST(ntb_msg_clear_sts(&dev, bits) == want);
		if (!want)
			msg_failed &= ~(uint32_t)bits;
		MUST(ntb_msg_read_sts(&dev) == (want ? status : status & ~bits));
	} else if (op->x % 3 == 1) {
		MUST(ntb_msg_set_mask(&dev, bits) == want);
		msg_mask |= want ? 0 : (uint32_t)bits;
	} else {
		MUST(ntb_msg_clear_mask(&dev, bits) == want);
		if (!want && status & msg_mask & bits)
			told[0] |= BIT64(NTB_EVENT_MSG);
		msg_mask &= want ? ~0u : ~(uint32_t)bits;
	}
}

static void op_regs_link(const struct op *op)
{
	bool enable = op->x & 3;

	if (enable != enabled)
		told[0] |= BIT64(NTB_EVENT_LINK), told[1] |= BIT64(NTB_EVENT_LINK);
	(enable ? ntb_link_enable : ntb_link_disable)(&dev);
	enabled = enable;
	MUST(ntb_link_is_up(&dev) == up());
}

/* The peer writes a word of the page, or says that it wants the link. */
static void op_poke(const struct op *op)
{
	_Atomic uint64_t *word = (_Atomic uint64_t *)(void *)dev.mem->base;

	word[op->y % (sizeof(struct ntb_page) / 8)] = op->value;
	if (op->x & 1)
		side(1)->link = 1;
	MUST(ntb_link_is_up(&dev) == up());
	MUST(ntb_db_read_mask(&dev) == db_mask);
}

/* ---- both ---- */

static void start(void)
{
	const struct ntb_slice slice = {.base = BASE, .size = SIZE};
	const struct ntb_port_hooks hooks = {.forget = forget, .drain = drain};

	ntb_port_init(&port, &slice, &hooks);
	memset(&model, 0, sizeof(model));
	forgotten = false;
	if (page_file < 0) {
		page_file = ntb_page_new();
		for (unsigned i = 0; i < 2 * NTB_EVENTS; i++)
			events[i / NTB_EVENTS][i % NTB_EVENTS] =
				eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	}
	MUST(iommu_mem_guard_init() == 0);
	MUST(ntb_dev_init(&dev, fcntl(page_file, F_DUPFD_CLOEXEC, 0), 0, events[0], events[1],
			  NULL) == 0);
	memset((void *)side(1), 0, sizeof(struct ntb_side));
	enabled = false;
	db_mask = ~0ull;
	msg_mask = 0xf000f;
	msg_failed = 0;
	told[0] = told[1] = 0;
}

/* Something to break: links up, a window onto memory, one onto interrupts, three requesters. */
static void furnish(void)
{
	const uint64_t epoch = BIT64(56);

	op_link(&(struct op){.x = 1});
	op_window(&(struct op){.x = 0, .y = 3 << 7 | 7 << 4, .value = epoch | 0x100});
	op_window(&(struct op){.x = 1, .y = 0x8000 | 2 << 10 | 2 << 7 | 8, .value = epoch});
	for (uint16_t i = 0; i < 3; i++)
		op_admit(&(struct op){.y = i, .value = epoch | i});
	op_regs_link(&(struct op){.x = 1});
	op_poke(&(struct op){.x = 1, .y = 8});
	check_events();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const ops[])(const struct op *op) = {
		op_window,     op_clear,	 op_admit,   op_dismiss,      op_revoke,
		op_link,       op_request,	 op_request, op_doorbell,     op_doorbell_clear,
		op_scratchpad, op_doorbell_mask, op_message, op_message_read, op_message_bits,
		op_regs_link,  op_poke,		 op_poke,
	};

	start();
	furnish();
	for (unsigned i = 0; i < MAX_OPS && size >= OP_BYTES; i++) {
		struct op op = {data[0], data[1], get_le16(data + 2), get_le64(data + 4)};

		ops[op.code % ARRAY_SIZE(ops)](&op);
		check_events();
		data += OP_BYTES;
		size -= OP_BYTES;
	}
	ntb_dev_done(&dev);
	told[0] = told[1] = enabled ? BIT64(NTB_EVENT_LINK) : 0;
	check_events();
	return 0;
}
