/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_fabric.c - what a compute host may say once it has joined: messages, right or wrong,
 * writes to its remapping unit, offers, tables in memory that it has offered. In between its
 * function's DMA is translated, and its function raises interrupts.
 *
 * Input: records of an operation and its arguments (struct op). Promised and checked with
 * MUST: what is translated lies in a window that is offered at this moment, and so does what an
 * interrupt writes; the books of windows are right; when the host has gone nothing of it is
 * left, descriptors neither, and it may join again.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cmd.h"
#include "compute.h"
#include "daemon.h"
#include "fd.h"
#include "function.h"
#include "fuzz.h"
#include "opts.h"

#define HPA (1ull << 32)
#define MEM (8ull << 20)

enum { RAW, SET_REG, TAKE_OFFER, WITHDRAW, OPEN, POKE, DMA, AGAIN, OPS };

struct op {
	uint8_t what, a, b, c;
	uint64_t value;
} __attribute__((packed));

static struct {
	struct daemon *daemon;
	struct compute *host;
	char dir[32];
	uint8_t key[UUID_SIZE], *mem, *before; /* the file, and as it was */
	int file, sock, fds;		       /* fds: open without a host */
} w = {.sock = -1};

static void turn(void)
{
	for (unsigned i = 0; i < 4; i++)
		MUST(loop_once(w.daemon->loop, 0) == 0);
}

static void run(const char *line)
{
	const char *words[WORDS_MAX];
	struct json_object *data = NULL;
	struct cmd_error error;
	struct cmd cmd;
	char copy[64];

	snprintf(copy, sizeof(copy), "%s", line);
	MUST(cmd_parse(words, (unsigned)words_cut(copy, words, WORDS_MAX), &cmd, &error) == 0);
	MUST(cmd_run(w.daemon, &cmd, &data, &error) == 0);
}

static void tidy(void)
{
	daemon_free(w.daemon);
	rmdir(w.dir);
}

/* How many descriptors are open. */
static int open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	MUST(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void start(void)
{
	struct opts opts = {.run_dir = w.dir, .cpu = -1};
	struct cmd_error error;

	strcpy(w.dir, "/tmp/ladon-fuzz-XXXXXX");
	MUST(mkdtemp(w.dir));
	log_set_level(LOG_LVL_ERR);
	MUST(daemon_new(&opts, &w.daemon, &error) == 0);
	MUST(compute_add(w.daemon, "ch1", w.key, COMPUTE_LEASE_MAX, &error) == 0);
	w.host = compute_find(w.daemon, "ch1");
	run("card add nic0 model 82576 vfs 2");
	run("vf assign nic0 0 host ch1");
	w.file = fd_memfd("fuzz", MEM);
	w.mem = mmap(NULL, MEM, PROT_READ | PROT_WRITE, MAP_SHARED, w.file, 0);
	w.before = malloc(MEM);
	MUST(w.mem != MAP_FAILED && w.before);
	turn();
	atexit(tidy);
}

/* Reads what it was told. */
static void listen_up(void)
{
	struct fabric_parcel parcel;

	while (w.sock >= 0 && fabric_recv(w.sock, &parcel) == 1)
		fd_close(&parcel.fd);
}

static void leave(void)
{
	listen_up();
	fd_close(&w.sock);
	for (unsigned i = 0; i < 8; i++)
		turn();
	MUST(w.host->fd < 0 && !w.host->epoch && !w.host->windows && !w.host->irt);
	MUST(!w.host->num_windows && !w.host->bytes);
	MUST(open_fds() == w.fds);
}

static void join(void)
{
	struct fabric_msg msg = {.type = FABRIC_JOIN};
	char path[64];

	snprintf(path, sizeof(path), "%s/fabric.sock", w.dir);
	msg.join.version = FABRIC_VERSION;
	strcpy(msg.join.name, "ch1");
	w.sock = fd_unix_try_connect_packets(path);
	MUST(w.sock >= 0 && fabric_send(w.sock, &msg, -1) == 0);
	turn();
	MUST(w.host->fd >= 0);
	listen_up();
}

static void say(struct fabric_msg *msg, const struct op *op, int fd)
{
	msg->seq = op->value & 0xff;
	msg->epoch = w.host->epoch - !(op->c & 0x7f); /* an old one at times */
	fabric_send(w.sock, msg, fd);
}

/* All that it leads to is offered. */
static void dma(const struct op *op)
{
	uint32_t len = 8, need = 1 + op->a % 3;
	const uint8_t *at = iommu_xlate(w.host->host.functions->dom, op->value, &len, need);
	bool inside = !at;

	for (const struct compute_window *o = w.host->windows; o; o = o->next)
		inside |= at && at >= o->slice.base &&
			  at + len <= o->slice.base + o->slice.size &&
			  (o->slice.perm & need) == need;
	MUST(inside);
}

/* Offers begin where the file does. */
static bool may_write(uint64_t at)
{
	bool may = false;

	for (const struct compute_window *o = w.host->windows; o; o = o->next)
		may |= at < o->slice.size && o->slice.perm & IOMMU_WRITE;
	return may;
}

/* What entries of its table name, by the function's message or by any other. */
static void interrupt(const struct op *op)
{
	struct nic_intr *intr = &w.host->host.functions->dev->intr;
	uint64_t msg = op->a & 1 ? op->value : ir_message((unsigned)op->value & 0xffff);
	struct ir_fault fault;

	memcpy(w.before, w.mem, MEM);
	nic_intr_request(intr, (uint32_t)(msg >> 32), (uint32_t)msg);
	nic_intr_take_fault(intr, &fault);
	for (uint64_t at = 0; at < MEM; at += IOMMU_PAGE) {
		if (memcmp(w.before + at, w.mem + at, IOMMU_PAGE))
			MUST(may_write(at));
	}
}

static void check_books(void)
{
	uint64_t bytes = 0;
	unsigned n = 0;

	for (const struct compute_window *o = w.host->windows; o; o = o->next, n++)
		bytes += o->slice.size;
	MUST(n == w.host->num_windows && bytes == w.host->bytes);
}

static void one(const struct op *op, const uint8_t *more, size_t left)
{
	uint64_t addr = op->c & 0x80 ? HPA + op->value % MEM : op->value;
	struct fabric_msg msg = {0};

	switch (op->what % OPS) {
	case RAW:
		memcpy(&msg, more, MIN(left, sizeof(msg)));
		say(&msg, op, op->a & 1 ? w.file : -1);
		break;
	case SET_REG:
		msg.type = FABRIC_REG;
		msg.reg.offset = op->a;
		msg.reg.size = op->b & 1 ? 4 : 8;
		msg.reg.value = addr;
		say(&msg, op, -1);
		break;
	case TAKE_OFFER:
		msg.type = FABRIC_OFFER;
		msg.offer.hpa = op->a & 1 ? addr : ALIGN_DOWN(addr, IOMMU_PAGE);
		msg.offer.size = (uint64_t)op->b << 15;
		msg.offer.perm = op->a >> 1 & 7;
		say(&msg, op, op->a & 0x80 ? -1 : w.file);
		break;
	case WITHDRAW:
		msg.type = FABRIC_WITHDRAW;
		msg.offer.hpa =
			w.host->windows && op->a & 1 ? w.host->windows->slice.hpa : addr;
		say(&msg, op, -1);
		break;
	case OPEN:
		msg.type = FABRIC_OPEN;
		strcpy(msg.vf.card, "nic0");
		msg.vf.vf = op->a;
		say(&msg, op, -1);
		break;
	case POKE:
		memcpy(w.mem + (uint64_t)(op->a | op->b << 8) * 8, &addr, sizeof(addr));
		break;
	case DMA:
		if (op->b & 1)
			interrupt(op);
		else
			dma(op);
		break;
	default:
		leave();
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct op op;

	if (!w.daemon)
		start();
	w.fds = open_fds();
	memset(w.mem, 0, 65536 * 8);
	while (size >= sizeof(op)) {
		if (w.host->fd < 0) {
			leave();
			join();
		}
		memcpy(&op, data, sizeof(op));
		data += sizeof(op);
		size -= sizeof(op);
		one(&op, data, size);
		turn();
		listen_up();
		check_books();
	}
	leave();
	return 0;
}
