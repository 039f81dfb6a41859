/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * race.c - a guest that changes frames and descriptors while the card looks at them: one thread
 * sends the same buffers over and over, another flips a part of them between what is allowed
 * and what is not. What the card judged must be what arrives.
 *
 *	hostile_race WHAT ATTACKER_SOCKET OBSERVER_SOCKET FORGED_MAC MILLISECONDS
 *
 * WHAT is what is flipped: mac (source address), vlan (7 <-> 8; the attacker is a member of the
 * first, the observer of both), pause (an EtherType that guests must not send) or desc
 * (address, length and kind in the descriptor). Prints one line of JSON: frames sent and
 * received, how many of those the attacker must not be able to send (forged), and bytes in them
 * that were never in a frame of his (alien).
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "raw.h"

#define FILL	  0xa5
#define FRAME_LEN 300u
#define TYPE	  0x88b7
#define PAUSE	  0x8808
#define TAG	  0x8100
#define OWN_VID	  7u
#define OTHER_VID 8u
#define BURST	  32u
#define HEADERS	  18u /* with a tag */
#define MIN_FRAME 60u /* shorter ones are padded by the card */
#define WAIT_NS	  (10 * NSEC_PER_SEC)

/* Between the two processes. */
static struct {
	_Atomic bool ready, stop;
	_Atomic uint64_t received, forged, alien;
	uint8_t mac[6]; /* the observer's, before ready */
	uint8_t attacker[6];
} * shared;

static struct raw raw;
static uint8_t forged_mac[6];
static _Atomic bool over;

/* ---- what is flipped: even rounds are allowed, odd ones are not ---- */

static void flip_mac(uint32_t i, bool bad)
{
	memcpy(raw.buf + (size_t)i * RAW_BUF + 6, bad ? forged_mac : raw.mac, 6);
}

static void flip_vlan(uint32_t i, bool bad)
{
	put_be16(raw.buf + (size_t)i * RAW_BUF + 14, bad ? OTHER_VID : OWN_VID);
}

static void flip_pause(uint32_t i, bool bad)
{
	put_be16(raw.buf + (size_t)i * RAW_BUF + 12, bad ? PAUSE : TYPE);
}

static void flip_desc(uint32_t i, bool bad)
{
	uint32_t what = raw_random();

	if (!bad) {
		raw_desc(&raw, i, FRAME_LEN);
		return;
	}
	if (what & 1)
		raw.desc[i].addr = RAW_NOWHERE + what;
	if (what & 2)
		raw.desc[i].cmd_type_len = TXD_CTX | TXD_DEXT | (what >> 8 & 0xfff00);
	if (what & 4)
		raw.desc[i].olinfo_status = what & ~(TXD_IXSM | TXD_TXSM);
	if (what & 8)
		raw.desc[i].cmd_type_len |= what >> 16;
}

static const struct race {
	const char *word;
	void (*flip)(uint32_t i, bool bad);
} races[] = {
	{"mac", flip_mac},
	{"vlan", flip_vlan},
	{"pause", flip_pause},
	{"desc", flip_desc},
};

static void *flipper(void *arg)
{
	const struct race *race = arg;

	for (uint32_t n = 0; !atomic_load_explicit(&over, memory_order_relaxed); n++) {
		race->flip(raw_random() % RAW_RING, n & 1);
		atomic_signal_fence(memory_order_seq_cst); /* the stores are to be made */
	}
	return NULL;
}

/* ---- the observer ---- */

static void judge(const struct ladon_buf *b)
{
	bool bad = memcmp(b->data + 6, shared->attacker, 6) || get_be16(b->data + 12) == PAUSE;

	if (b->flags & LADON_RX_VLAN && (b->vlan_tci & 0xfff) == OTHER_VID)
		bad = true;
	if (get_be16(b->data + 12) == TAG && (get_be16(b->data + 14) & 0xfff) == OTHER_VID)
		bad = true;
	atomic_fetch_add(&shared->received, 1);
	atomic_fetch_add(&shared->forged, bad);
	for (uint32_t i = HEADERS; i < b->len && b->len > MIN_FRAME; i++) {
		if (b->data[i] != FILL) {
			atomic_fetch_add(&shared->alien, 1);
			break;
		}
	}
}

static int observe(struct ladon_igbvf *vf)
{
	struct ladon_buf *bufs[BURST];

	ladon_igbvf_mac(vf, shared->mac);
	atomic_store(&shared->ready, true);
	while (!atomic_load_explicit(&shared->stop, memory_order_relaxed)) {
		int n = ladon_igbvf_rx_burst(vf, bufs, BURST);

		for (int i = 0; i < n; i++) {
			judge(bufs[i]);
			ladon_igbvf_buf_free(vf, bufs[i]);
		}
		if (n == 0)
			n = ladon_igbvf_wait(vf, 1);
		if (n < 0)
			return n;
	}
	return 0;
}

static int observer(const char *path)
{
	static const struct ladon_igbvf_config irq = {.use_irq = true};
	struct ladon_function *fn = NULL;
	struct ladon_igbvf *vf = NULL;
	int ret = ladon_function_attach(path, NULL, &fn);

	if (ret == 0)
		ret = ladon_igbvf_open(fn, &irq, &vf);
	if (ret == 0)
		ret = ladon_igbvf_vlan_add(vf, OWN_VID);
	if (ret == 0)
		ret = ladon_igbvf_vlan_add(vf, OTHER_VID);
	if (ret == 0)
		ret = observe(vf);
	ladon_igbvf_close(vf);
	ladon_function_detach(fn);
	return ret < 0;
}

/* ---- the attacker ---- */

static void make_frames(const struct race *race)
{
	for (uint32_t i = 0; i < RAW_RING; i++) {
		bool tagged = race->flip == flip_vlan;

		raw_frame(&raw, i, shared->mac, tagged ? TAG : TYPE, FILL, RAW_BUF - 14);
		if (tagged) {
			put_be16(raw.buf + (size_t)i * RAW_BUF + 14, OWN_VID);
			put_be16(raw.buf + (size_t)i * RAW_BUF + 16, TYPE);
		}
		raw_desc(&raw, i, FRAME_LEN);
	}
}

static int attack(const char *path, const struct race *race, uint64_t ns)
{
	uint64_t end = clock_ns() + WAIT_NS;
	pthread_t thread;
	int ret = raw_open(&raw, path);

	if (ret == 0)
		ret = ladon_igbvf_vlan_add(raw.vf, OWN_VID);
	if (ret < 0)
		return ret;
	while (!atomic_load(&shared->ready) && clock_ns() < end)
		usleep(1000);
	memcpy(shared->attacker, raw.mac, 6);
	make_frames(race);
	if (pthread_create(&thread, NULL, flipper, (void *)race))
		return -1;
	for (end = clock_ns() + ns; clock_ns() < end;) {
		if (!raw_announce(&raw, BURST))
			sched_yield();
	}
	atomic_store(&over, true);
	pthread_join(thread, NULL);
	return 0;
}

static int run(const char *attacker, const char *path, const struct race *race, uint64_t ns)
{
	int ret, status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(observer(path));
	}
	ret = attack(attacker, race, ns);
	usleep(50000); /* what is under way arrives */
	atomic_store(&shared->stop, true);
	waitpid(pid, &status, 0);
	raw_close(&raw);
	printf("{\"sent\": %llu, \"received\": %llu, \"forged\": %llu, \"alien\": %llu}\n",
	       (unsigned long long)raw.sent, (unsigned long long)atomic_load(&shared->received),
	       (unsigned long long)atomic_load(&shared->forged),
	       (unsigned long long)atomic_load(&shared->alien));
	return ret || status;
}

int main(int argc, char **argv)
{
	unsigned m[6];

	if (argc != 6 ||
	    sscanf(argv[4], "%x:%x:%x:%x:%x:%x", m, m + 1, m + 2, m + 3, m + 4, m + 5) != 6) {
		fprintf(stderr, "usage: hostile_race WHAT ATTACKER OBSERVER MAC MS\n");
		return 2;
	}
	for (unsigned i = 0; i < 6; i++)
		forged_mac[i] = (uint8_t)m[i];
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (shared == MAP_FAILED)
		return 1;
	for (unsigned i = 0; i < ARRAY_SIZE(races); i++) {
		if (!strcmp(argv[1], races[i].word))
			return run(argv[2], argv[3], &races[i],
				   strtoull(argv[5], NULL, 10) * NSEC_PER_MSEC);
	}
	return 2;
}
