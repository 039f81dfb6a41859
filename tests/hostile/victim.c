/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * victim.c - the neighbours who must never notice: two drivers in processes of their own, one
 * sends numbered frames, the other looks at every byte of what it gets.
 *
 *	hostile_victim SENDER_SOCKET RECEIVER_SOCKET
 *
 * Lines on stdin: "rate N" (frames a second from now on, arrears forgotten; 0 = as many as go,
 * the default), "mark" (answered by one line of JSON about the time since the last mark). At
 *the end of stdin all frames under way must arrive; then comes the last line.
 *
 * At most WINDOW frames are under way, fewer than the receiver's ring holds: so none may be
 * lost. A frame's latency counts from the moment at which it was due, not from when it was
 * sent: a sender that was held up does not hide it.
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ladon/igbvf.h>

#include "bits.h"
#include "clock.h"

#define WINDOW	   200u /* below the receiver's ring of 256 */
#define BURST	   32u
#define ETH_LEN	   14u
#define HEAD_LEN   (ETH_LEN + 20)
#define FRAME_TYPE 0x88b6
#define NAP_US	   30
#define WAIT_MS	   10
#define DRAIN_NS   (5 * NSEC_PER_SEC)
#define BUCKETS	   256u /* four for each power of two nanoseconds */

/* Between the three processes. The receiver alone writes the second half. */
struct shared {
	_Atomic bool no_more, stop;	    /* for the sender; for the receiver */
	_Atomic int failed;		    /* -errno of whoever did not get to work */
	_Atomic uint64_t rate, epoch, sent; /* epoch: how often the rate was set */
	_Atomic bool sender_ready, receiver_ready;
	uint8_t mac[2][6]; /* before the ready flags */

	_Alignas(CACHE_LINE) _Atomic uint64_t next, received, lost, wrong, strangers, worst_ns;
	_Atomic uint64_t bucket[BUCKETS];
};
static struct shared *shared;

static void count(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

/* ---- frames ---- */

static uint32_t frame_len(uint64_t seq)
{
	return 60 + (uint32_t)(seq * 7 % 1400);
}

static uint32_t mix(uint64_t seq, uint64_t due)
{
	return (uint32_t)((seq ^ due * 0x9e3779b97f4a7c15ull) * 0x2545f4914f6cdd1dull >> 32);
}

static void make(struct ladon_buf *b, uint64_t seq, uint64_t due)
{
	b->len = frame_len(seq);
	memcpy(b->data, shared->mac[1], 6);
	memcpy(b->data + 6, shared->mac[0], 6);
	put_be16(b->data + 12, FRAME_TYPE);
	put_le64(b->data + ETH_LEN, seq);
	put_le64(b->data + ETH_LEN + 8, due);
	put_le32(b->data + ETH_LEN + 16, mix(seq, due));
	memset(b->data + HEAD_LEN, (int)(seq * 31 & 0xff), b->len - HEAD_LEN);
}

static bool is_whole(const struct ladon_buf *b, uint64_t seq, uint64_t due)
{
	if (memcmp(b->data, shared->mac[1], 6) || get_be16(b->data + 12) != FRAME_TYPE ||
	    get_le32(b->data + ETH_LEN + 16) != mix(seq, due) || b->len != frame_len(seq) ||
	    b->next)
		return false;
	for (uint32_t i = HEAD_LEN; i < b->len; i++) {
		if (b->data[i] != (uint8_t)(seq * 31))
			return false;
	}
	return true;
}

/* ---- the receiver ---- */

static unsigned bucket_of(uint64_t ns)
{
	unsigned log = 63 - (unsigned)__builtin_clzll(ns | 4);

	return log * 4 + (ns >> (log - 2) & 3);
}

/* Its upper end. */
static uint64_t bucket_ns(unsigned b)
{
	return (uint64_t)(b % 4 + 5) << (b / 4) >> 2;
}

static void judge(const struct ladon_buf *b)
{
	uint64_t seq = get_le64(b->data + ETH_LEN), due = get_le64(b->data + ETH_LEN + 8);
	uint64_t next = atomic_load_explicit(&shared->next, memory_order_relaxed), ns;

	if (memcmp(b->data + 6, shared->mac[0], 6)) {
		count(&shared->strangers, 1);
		return;
	}
	if (b->len < HEAD_LEN || !is_whole(b, seq, due) || seq < next) {
		count(&shared->wrong, 1);
		return;
	}
	count(&shared->lost, seq - next);
	count(&shared->received, 1);
	ns = clock_ns() - due;
	count(&shared->bucket[bucket_of(ns)], 1);
	if (ns > atomic_load_explicit(&shared->worst_ns, memory_order_relaxed))
		atomic_store_explicit(&shared->worst_ns, ns, memory_order_relaxed);
	atomic_store_explicit(&shared->next, seq + 1, memory_order_release);
}

static int receive(struct ladon_igbvf *vf)
{
	struct ladon_buf *bufs[BURST];

	ladon_igbvf_mac(vf, shared->mac[1]);
	atomic_store(&shared->receiver_ready, true);
	while (!atomic_load_explicit(&shared->stop, memory_order_relaxed)) {
		int n = ladon_igbvf_rx_burst(vf, bufs, BURST);

		for (int i = 0; i < n; i++) {
			judge(bufs[i]);
			ladon_igbvf_buf_free(vf, bufs[i]);
		}
		if (n == 0)
			n = ladon_igbvf_wait(vf, WAIT_MS);
		if (n < 0)
			return n;
	}
	return 0;
}

/* ---- the sender ---- */

/* When frame number n of the present rate is due, and how many are due now. */
struct pace {
	uint64_t epoch, rate, start, first;
};

static uint64_t due_at(const struct pace *p, uint64_t seq, uint64_t now)
{
	return p->rate ? p->start + (seq - p->first) * NSEC_PER_SEC / p->rate : now;
}

static unsigned room(struct pace *p, uint64_t seq, uint64_t now)
{
	uint64_t epoch = atomic_load_explicit(&shared->epoch, memory_order_acquire), due;
	uint64_t under_way = seq - atomic_load_explicit(&shared->next, memory_order_acquire);
	uint64_t n = under_way < WINDOW ? MIN(WINDOW - under_way, BURST) : 0;

	if (epoch != p->epoch)
		*p = (struct pace){epoch, atomic_load(&shared->rate), now, seq};
	if (!p->rate)
		return (unsigned)n;
	due = (now - p->start) / 1000 * p->rate / 1000000 + p->first;
	return (unsigned)(due > seq ? MIN(n, due - seq) : 0);
}

static int send_some(struct ladon_igbvf *vf, struct pace *pace, uint64_t *seq)
{
	struct ladon_buf *bufs[BURST];
	uint64_t now = clock_ns();
	unsigned n = room(pace, *seq, now), have = 0;
	int sent = 0;

	for (; have < n; have++) {
		bufs[have] = ladon_igbvf_buf_alloc(vf);
		if (!bufs[have])
			break;
		make(bufs[have], *seq + have, due_at(pace, *seq + have, now));
	}
	if (have)
		sent = ladon_igbvf_tx_burst(vf, bufs, have);
	for (unsigned i = sent < 0 ? 0 : (unsigned)sent; i < have; i++)
		ladon_igbvf_buf_free(vf, bufs[i]);
	if (sent < 0)
		return sent;
	*seq += (unsigned)sent;
	atomic_store_explicit(&shared->sent, *seq, memory_order_relaxed);
	if (!sent) {
		ladon_igbvf_tx_reap(vf);
		usleep(NAP_US);
	}
	return 0;
}

static int transmit(struct ladon_igbvf *vf)
{
	struct pace pace = {0};
	uint64_t seq = 0;
	int ret = 0;

	ladon_igbvf_mac(vf, shared->mac[0]);
	atomic_store(&shared->sender_ready, true);
	while (!atomic_load(&shared->receiver_ready))
		usleep(NAP_US);
	while (ret == 0 && !atomic_load_explicit(&shared->no_more, memory_order_relaxed))
		ret = send_some(vf, &pace, &seq);
	/* To close the queue now would be to lose what is in it. */
	for (uint64_t end = clock_ns() + DRAIN_NS; clock_ns() < end && ladon_igbvf_tx_reap(vf);)
		usleep(NAP_US);
	return ret;
}

/* ---- three processes ---- */

static int drive(const char *path, bool receiver)
{
	static const struct ladon_igbvf_config irq = {.use_irq = true};
	const struct ladon_options opt = {.timeout_ms = 20000};
	struct ladon_function *fn = NULL;
	struct ladon_igbvf *vf = NULL;
	int ret = ladon_function_attach(path, &opt, &fn);

	if (ret == 0)
		ret = ladon_igbvf_open(fn, receiver ? &irq : NULL, &vf);
	if (ret == 0)
		ret = receiver ? receive(vf) : transmit(vf);
	if (ret < 0)
		atomic_store(&shared->failed, ret);
	ladon_igbvf_close(vf);
	ladon_function_detach(fn);
	return ret < 0;
}

static pid_t spawn(const char *path, bool receiver)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fclose(stdin);
	_exit(drive(path, receiver));
}

/* What the last mark saw. */
struct snapshot {
	uint64_t ns, sent, received, lost, wrong, strangers, bucket[BUCKETS];
};

static struct snapshot look(void)
{
	struct snapshot s = {
		.ns = clock_ns(),
		.sent = atomic_load(&shared->sent),
		.received = atomic_load(&shared->received),
		.lost = atomic_load(&shared->lost),
		.wrong = atomic_load(&shared->wrong),
		.strangers = atomic_load(&shared->strangers),
	};

	for (unsigned b = 0; b < BUCKETS; b++)
		s.bucket[b] = atomic_load(&shared->bucket[b]);
	return s;
}

static double percentile_us(const struct snapshot *was, const struct snapshot *is, double part)
{
	uint64_t left = (uint64_t)((double)(is->received - was->received) * (1 - part)), above;

	for (unsigned b = BUCKETS; b-- > 0; left -= above) {
		above = is->bucket[b] - was->bucket[b];
		if (above > left)
			return (double)bucket_ns(b) / 1e3;
	}
	return 0;
}

static void tell(struct snapshot *was)
{
	struct snapshot is = look();
	uint64_t worst = atomic_exchange(&shared->worst_ns, 0);
	double s = (double)(is.ns - was->ns) / 1e9;

	printf("{\"failed\": %d, \"sent\": %llu, \"received\": %llu, \"lost\": %llu, "
	       "\"wrong\": %llu, \"strangers\": %llu, \"rate\": %.0f, \"p50_us\": %.1f, "
	       "\"p99_us\": %.1f, \"max_us\": %.1f}\n",
	       atomic_load(&shared->failed), (unsigned long long)(is.sent - was->sent),
	       (unsigned long long)(is.received - was->received),
	       (unsigned long long)(is.lost - was->lost),
	       (unsigned long long)(is.wrong - was->wrong),
	       (unsigned long long)(is.strangers - was->strangers),
	       (double)(is.received - was->received) / s, percentile_us(was, &is, 0.5),
	       percentile_us(was, &is, 0.99), (double)worst / 1e3);
	fflush(stdout);
	*was = is;
}

static void obey(void)
{
	struct snapshot was = look();
	unsigned long rate;
	char line[64];

	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "rate %lu", &rate) == 1) {
			atomic_store(&shared->rate, rate);
			atomic_fetch_add(&shared->epoch, 1);
		} else if (!strcmp(line, "mark\n")) {
			tell(&was);
		}
	}
}

/* The sender ends first; what is under way then has its time to arrive. */
static int finish(pid_t sender, pid_t receiver)
{
	uint64_t end = clock_ns() + DRAIN_NS, sent;
	int a = 0, b = 0;

	atomic_store(&shared->no_more, true);
	waitpid(sender, &a, 0);
	sent = atomic_load(&shared->sent);
	while (atomic_load(&shared->next) < sent && clock_ns() < end)
		usleep(1000);
	atomic_store(&shared->stop, true);
	waitpid(receiver, &b, 0);
	atomic_fetch_add(&shared->lost, sent - atomic_load(&shared->next));
	tell(&(struct snapshot){.ns = 0});
	return a || b;
}

int main(int argc, char **argv)
{
	pid_t sender, receiver;

	if (argc != 3) {
		fprintf(stderr, "usage: hostile_victim SENDER_SOCKET RECEIVER_SOCKET\n");
		return 2;
	}
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (shared == MAP_FAILED)
		return 1;
	sender = spawn(argv[1], false);
	receiver = spawn(argv[2], true);
	while (!atomic_load(&shared->failed) &&
	       !(atomic_load(&shared->sender_ready) && atomic_load(&shared->receiver_ready)))
		usleep(1000);
	tell(&(struct snapshot){.ns = clock_ns() - 1});
	obey();
	return finish(sender, receiver);
}
