/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * demo_attack.c - the checks of the demo. VFs 0 and 1 are the neighbours who must never notice;
 * VFs 3 to 6 attack. A verdict is what the receiving drivers and the card's counters show.
 */
#include "demo_attack.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bits.h"
#include "clock.h"
#include "fd.h"

#define NEIGHBOUR_ROUNDS 100u
#define GARBAGE_ROUNDS	 2000
#define STORM_WRITES	 20000
#define RING_NUM	 64u
#define MEM_SIZE	 0x200000u
#define PATIENCE_MS	 3000
#define BAR0_WORDS	 0x1000u

/* The transmit and receive queue registers of a VF (82576 data sheet 8.10, 8.12). */
enum { RX_REGS = 0x2800, TX_REGS = 0x3800, Q_LEN = 0x08, Q_TAIL = 0x18, Q_CTL = 0x28 };
#define VF_STATUS 0x0008
#define Q_ENABLE  BIT(25)

static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static void say(struct verdict *v, bool ok, const char *good, const char *bad)
{
	v->ok = ok;
	v->outcome = ok ? good : bad;
}

/* xorshift64*; the same attack every time. */
static uint64_t garbage(void)
{
	static uint64_t x = 88172645463325252ull;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	return x * 0x2545f4914f6cdd1dull;
}

/* The neighbours talk: how many of num frames arrived. */
static unsigned neighbours(struct demo *d, unsigned num)
{
	unsigned got = 0;

	for (unsigned i = 0; i < num; i++)
		got += demo_passes(d, i % 2, 1 - i % 2);
	return got;
}

/* The neighbours after an attack by process or VF: the usual verdict. */
static void judge_neighbours(struct demo *d, struct verdict *v, unsigned got, unsigned of)
{
	snprintf(v->note, sizeof(v->note), "vf0 <-> vf1 %u of %u frames", got, of);
	say(v, got == of && demo_daemon_alive(&d->daemon), "contained", "HARM");
}

/* Frames from a and to b that were dropped for this reason. */
static uint64_t drops(struct demo *d, unsigned a, unsigned b, const char *reason)
{
	char key[48];
	uint64_t n;

	snprintf(key, sizeof(key), "ladon.tx_drops.%s", reason);
	n = demo_daemon_counter(&d->daemon, a, key);
	snprintf(key, sizeof(key), "ladon.rx_drops.%s", reason);
	return n + demo_daemon_counter(&d->daemon, b, key);
}

/* A frame that must be dropped for reason, told by the sender's or the receiver's counter. */
static void judge_blocked(struct demo *d, struct verdict *v, unsigned from,
			  struct ladon_buf *frame, unsigned to, unsigned fence,
			  const char *reason)
{
	uint64_t before = drops(d, from, to, reason);
	bool judged, leaked = demo_leaks(d, from, frame, to, fence, &judged);
	bool counted = drops(d, from, to, reason) > before;

	v->reason = counted ? reason : "?";
	say(v, !leaked && judged && counted, "blocked",
	    leaked   ? "LEAKED"
	    : judged ? "lost"
		     : "STUCK");
}

static void delivered(struct demo *d, struct verdict *v)
{
	unsigned got = neighbours(d, NEIGHBOUR_ROUNDS);

	snprintf(v->note, sizeof(v->note), "%u of %u frames", got, NEIGHBOUR_ROUNDS);
	say(v, got == NEIGHBOUR_ROUNDS, "delivered", "LOST");
}

static void other_vlan(struct demo *d, struct verdict *v)
{
	struct ladon_buf *frame = demo_frame(d, 0, d->drv[2].mac, d->drv[0].mac, 0x0800);

	judge_blocked(d, v, 0, frame, 2, 1, "vlan");
}

static void spoofed_source(struct demo *d, struct verdict *v)
{
	struct ladon_buf *frame = demo_frame(d, 3, d->drv[4].mac, d->drv[1].mac, 0x0800);

	judge_blocked(d, v, 3, frame, 4, 5, "spoof");
}

static void pause_frame(struct demo *d, struct verdict *v)
{
	static const uint8_t group[6] = {0x01, 0x80, 0xc2, 0, 0, 0x01};
	struct ladon_buf *frame = demo_frame(d, 3, group, d->drv[3].mac, 0x8808);

	judge_blocked(d, v, 3, frame, 4, 5, "pause");
}

static void dma_outside(struct demo *d, struct verdict *v)
{
	struct ladon_buf *frame = demo_frame(d, 3, broadcast, d->drv[3].mac, 0x0800);
	unsigned before = demo_daemon_faults(&d->daemon);
	uint64_t end = clock_ns() + PATIENCE_MS * NSEC_PER_MSEC, iova;

	if (!frame)
		return;
	/* An address that nobody ever mapped. */
	iova = frame->iova;
	frame->iova = 0x7700000000ull;
	judge_blocked(d, v, 3, frame, 4, 5, "iommu");
	frame->iova = iova;
	while (demo_daemon_faults(&d->daemon) == before && clock_ns() < end)
		;
	snprintf(v->note, sizeof(v->note), "%u fault recorded",
		 demo_daemon_faults(&d->daemon) - before);
	if (demo_daemon_faults(&d->daemon) == before)
		say(v, false, "", "NO FAULT");
}

static void wr(struct demo *d, unsigned n, uint32_t reg, uint32_t value)
{
	ladon_bar_write32(d->drv[n].fn, 0, reg, value);
}

/* Puts a queue of VF n onto other memory, behind the driver's back. */
static void queue_move(struct demo *d, unsigned n, uint32_t regs, uint64_t iova)
{
	uint32_t status;

	wr(d, n, regs + Q_CTL, 0);
	ladon_bar_read32(d->drv[n].fn, 0, VF_STATUS, &status);
	wr(d, n, regs, (uint32_t)iova);
	wr(d, n, regs + 4, (uint32_t)(iova >> 32));
	wr(d, n, regs + Q_LEN, RING_NUM * 16);
	wr(d, n, regs + 0x10, 0);
	wr(d, n, regs + Q_TAIL, 0);
	wr(d, n, regs + Q_CTL, Q_ENABLE);
}

/* One ring of descriptors that mean nothing, some of them with addresses that exist. */
static void garbage_round(struct demo *d, struct ladon_dma *mem, uint32_t round)
{
	uint64_t *words = ladon_dma_pointer(mem), iova = ladon_dma_iova(mem);

	for (unsigned i = 0; i < RING_NUM * 4; i++)
		words[i] = garbage();
	for (unsigned i = 0; i < RING_NUM; i += 3) {
		words[2 * i] = iova + 8192 + garbage() % 65536;
		words[2 * i + 1] &= ~0xf00000ull;
		words[2 * i + 1] |= 0x20300000ull;
	}
	wr(d, 4, TX_REGS + Q_TAIL, (uint32_t)garbage() % (RING_NUM + round % 2 * 1000));
	wr(d, 4, RX_REGS + Q_TAIL, (uint32_t)garbage() % (RING_NUM + round % 2 * 1000));
}

static void garbage_rings(struct demo *d, struct verdict *v)
{
	struct ladon_dma *mem;
	unsigned got = 0, of = 0;

	if (ladon_dma_alloc(d->drv[4].fn, MEM_SIZE, 0, &mem) < 0)
		return;
	for (unsigned round = 0; round < GARBAGE_ROUNDS; round++) {
		if (round % 100 == 0) {
			queue_move(d, 4, TX_REGS, ladon_dma_iova(mem));
			queue_move(d, 4, RX_REGS, ladon_dma_iova(mem) + RING_NUM * 16);
		}
		garbage_round(d, mem, round);
		if (round % 20)
			continue;
		got += neighbours(d, 2);
		of += 2;
	}
	judge_neighbours(d, v, got, of);
	demo_vf_close(d, 4);
	if (demo_vf_open(d, 4) < 0)
		say(v, false, "", "VF LOST");
}

static void register_storm(struct demo *d, struct verdict *v)
{
	unsigned got;

	for (unsigned i = 0; i < STORM_WRITES; i++)
		wr(d, 4, (uint32_t)(garbage() % BAR0_WORDS) * 4, (uint32_t)garbage());
	got = neighbours(d, NEIGHBOUR_ROUNDS);
	judge_neighbours(d, v, got, NEIGHBOUR_ROUNDS);
	demo_vf_close(d, 4);
	if (demo_vf_open(d, 4) < 0)
		say(v, false, "", "VF LOST");
}

static void second_client(struct demo *d, struct verdict *v)
{
	struct ladon_options opt = {.timeout_ms = 1000};
	struct ladon_function *fn = NULL;
	char path[DEMO_PATH_MAX];
	int err = ladon_function_attach(demo_daemon_vf(&d->daemon, 0, path), &opt, &fn);

	snprintf(v->note, sizeof(v->note), "%s", err ? strerror(-err) : "");
	ladon_function_detach(fn);
	say(v, err && neighbours(d, 2) == 2, "refused", err ? "HARM" : "ADMITTED");
}

/* Does the daemon end this connection? */
static bool dropped(struct ladon_function *fn)
{
	struct pollfd pfd = {.fd = ladon_function_fd(fn), .events = POLLIN};

	return poll(&pfd, 1, PATIENCE_MS) == 1;
}

static void truncated_memory(struct demo *d, struct verdict *v)
{
	FD_AUTO int fd = memfd_create("demo-truncated", MFD_CLOEXEC);
	struct ladon_dma *mem;
	unsigned got;

	if (fd < 0 || ftruncate(fd, MEM_SIZE) < 0)
		return;
	if (ladon_dma_map_fd(d->drv[5].fn, fd, 0, MEM_SIZE, 0, &mem) < 0)
		return;
	queue_move(d, 5, TX_REGS, ladon_dma_iova(mem));
	if (ftruncate(fd, 0) < 0)
		return;
	wr(d, 5, TX_REGS + Q_TAIL, 8);
	v->ok = dropped(d->drv[5].fn);
	got = neighbours(d, NEIGHBOUR_ROUNDS);
	judge_neighbours(d, v, v->ok ? got : 0, NEIGHBOUR_ROUNDS);
	if (v->ok)
		v->outcome = "dropped";
	demo_vf_close(d, 5);
}

/* In a process of its own: floods until it is killed. */
static void flood(struct demo *d, int ready)
{
	bool told = false;

	if (demo_vf_open(d, 6) < 0)
		_exit(1);
	for (;;) {
		if (demo_send(d, 6, demo_frame(d, 6, d->drv[5].mac, d->drv[6].mac, 0x0800)) ==
			    0 &&
		    !told)
			told = write(ready, "", 1) == 1;
	}
}

/* After its client was killed the VF must open again. */
static bool reopens(struct demo *d, unsigned n)
{
	uint64_t end = clock_ns() + PATIENCE_MS * NSEC_PER_MSEC;

	do {
		if (demo_vf_open(d, n) == 0)
			return true;
		demo_vf_close(d, n);
	} while (clock_ns() < end);
	return false;
}

static void killed_process(struct demo *d, struct verdict *v)
{
	unsigned got;
	int pipe_fd[2];
	pid_t pid;
	char c;

	demo_vf_close(d, 6);
	if (pipe2(pipe_fd, O_CLOEXEC) < 0)
		return;
	pid = fork();
	if (pid == 0)
		flood(d, pipe_fd[1]);
	fd_close(&pipe_fd[1]);
	if (pid < 0 || read(pipe_fd[0], &c, 1) != 1) {
		fd_close(&pipe_fd[0]);
		return;
	}
	got = neighbours(d, NEIGHBOUR_ROUNDS / 2);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	fd_close(&pipe_fd[0]);
	got += neighbours(d, NEIGHBOUR_ROUNDS / 2);
	judge_neighbours(d, v, got, NEIGHBOUR_ROUNDS);
	if (!reopens(d, 6))
		say(v, false, "", "VF LOST");
}

const struct demo_check demo_checks[] = {
	{"vf0 <-> vf1, both VLAN 100", delivered},
	{"vf0 (VLAN 100) -> vf2 (VLAN 200)", other_vlan},
	{"vf3 sends with vf1's MAC", spoofed_source},
	{"vf3 sends an 802.3x PAUSE frame", pause_frame},
	{"vf3 DMA outside its memory map", dma_outside},
	{"vf4 rings full of garbage, 2000 rounds", garbage_rings},
	{"vf4 writes 20000 random registers", register_storm},
	{"second client opens vf0's socket", second_client},
	{"vf5 truncates the memory under its ring", truncated_memory},
	{"vf6 process killed while it floods", killed_process},
	{NULL, NULL},
};
