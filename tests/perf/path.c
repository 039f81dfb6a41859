/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * path.c - the data path from VF to VF with nobody beside it, for instructions.py to count
 * under callgrind: a daemon with its default policy in this process, two drivers of libladon,
 * and one thread that does the card's rounds and the drivers' calls in turn.
 *
 *	path CASE	64, 1500: bytes of no protocol; udp: 64 of UDP, csum: 1500 of TCP whose
 *			checksums the card makes; tso: 64 KiB of TCP, cut by the card
 *
 * What is counted are the functions counted_card and counted_driver_*, and what they call;
 * filling frames is the application's and is not. Prints "frames N": how many went through
 * while counting. Neither clocks nor other threads have a say in it: the thread of the data
 * path has ended, and the daemon's loop waits for messages that do not come.
 */
#include <ladon/igbvf.h>

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bits.h"
#include "card.h"
#include "clock.h"
#include "daemon.h"
#include "net_csum.h"
#include "net_offload.h"
#include "nic_dp.h"

#define WARM_BURSTS    40u /* every buffer has been used, every translation is known */
#define COUNTED_BURSTS 32u
#define BURST	       32u
#define BIG	       16384u /* a sender's buffer for TSO */
#define SEGMENTS       45u
#define MSS	       1448u
#define TCP_HEADERS    54u
#define IP_LEN	       20u
#define ROUND_NS       1000u
#define NOINLINE       __attribute__((noinline))

struct test_case {
	const char *name;
	unsigned burst; /* frames */
	uint32_t len;	/* bytes of a frame without FCS */
	uint8_t proto;	/* over IPv4; 0 = no protocol anybody knows */
	uint32_t flags; /* what the card is asked for */
	struct ladon_igbvf_config tx, rx;
};

static const struct test_case cases[] = {
	{.name = "64", .burst = BURST, .len = 60},
	{.name = "1500", .burst = BURST, .len = 1496},
	{.name = "udp", .burst = BURST, .len = 60, .proto = IPPROTO_UDP},
	{.name = "csum",
	 .burst = BURST,
	 .len = 1496,
	 .proto = IPPROTO_TCP,
	 .flags = LADON_TX_IP_CSUM | LADON_TX_L4_CSUM},
	{.name = "tso",
	 .burst = 4,
	 .len = TCP_HEADERS + SEGMENTS * MSS,
	 .proto = IPPROTO_TCP,
	 .flags = LADON_TX_TSO,
	 .tx = {.buf_size = BIG, .num_bufs = 512},
	 .rx = {.rx_desc = 1024}},
};

struct side {
	struct ladon_function *fn;
	struct ladon_igbvf *vf;
	uint8_t mac[6];
};

static struct rig {
	char dir[32];
	struct daemon *daemon;
	struct nic_dp *dp;
	pthread_t loop;
	struct loop_fd *stop_source;
	int stop_fd; /* ends the loop when it can be read */
	struct side side[2];
	uint64_t now; /* ns, as the rounds are told */
} rig;

/* ---- what is counted ---- */

static NOINLINE bool counted_card(void)
{
	return nic_dp_round(rig.dp, rig.now += ROUND_NS);
}

/* Buffers for a burst; big frames take several each. Returns frames. */
static NOINLINE unsigned counted_driver_alloc(const struct test_case *c, struct ladon_buf **ret)
{
	struct ladon_igbvf *vf = rig.side[0].vf;
	unsigned n;

	for (n = 0; n < c->burst && (ret[n] = ladon_igbvf_buf_alloc(vf)); n++) {
		struct ladon_buf *last = ret[n];

		for (uint32_t room = last->size; room < c->len && last; room += BIG)
			last = last->next = ladon_igbvf_buf_alloc(vf);
	}
	return n;
}

static NOINLINE int counted_driver_send(struct ladon_buf **bufs, unsigned n)
{
	return ladon_igbvf_tx_burst(rig.side[0].vf, bufs, n);
}

static NOINLINE unsigned counted_driver_receive(void)
{
	struct ladon_buf *bufs[BURST];
	int n = ladon_igbvf_rx_burst(rig.side[1].vf, bufs, BURST);

	for (int i = 0; i < n; i++)
		ladon_igbvf_buf_free(rig.side[1].vf, bufs[i]);
	return n > 0 ? (unsigned)n : 0;
}

/* ---- traffic ---- */

/* The checksums, where the card is not asked for them: of UDP. */
static void sum(const struct test_case *c, uint8_t *frame)
{
	struct net_offload off = {.l2_len = NET_ETH_HLEN, .l3_len = IP_LEN, .l4 = NET_L4_UDP};
	uint8_t *l4 = frame + NET_ETH_HLEN + IP_LEN;
	uint32_t len = c->len - NET_ETH_HLEN - IP_LEN;
	uint64_t pseudo = net_pseudo_sum(frame, &off, len);

	net_ip_csum_set(frame, &off);
	put_le16(l4 + 6, (uint16_t)~net_csum_fold(net_csum_add(pseudo, l4, len)));
}

/* IPv4, and TCP or UDP over it. */
static void fill_headers(const struct test_case *c, struct ladon_buf *buf)
{
	uint8_t *ip = buf->data + NET_ETH_HLEN, *l4 = ip + IP_LEN;

	memset(ip, 0, TCP_HEADERS - NET_ETH_HLEN);
	put_be16(ip - 2, NET_ETH_P_IPV4);
	ip[0] = 0x45;
	put_be16(ip + 2, (uint16_t)(c->len - NET_ETH_HLEN));
	ip[8] = 64;
	ip[9] = c->proto;
	memcpy(ip + 12, "\x0a\0\0\1\x0a\0\0\2", 8);
	if (c->proto == IPPROTO_TCP)
		l4[12] = 0x50;
	else
		put_be16(l4 + 4, (uint16_t)(c->len - NET_ETH_HLEN - IP_LEN));
	if (!c->flags)
		sum(c, buf->data);
	buf->flags = c->flags;
	buf->l2_len = NET_ETH_HLEN;
	buf->l3_len = IP_LEN;
	buf->l4_len = 20;
	buf->l4 = LADON_L4_TCP;
	buf->mss = MSS;
}

static void fill(const struct test_case *c, struct ladon_buf *buf)
{
	uint32_t left = c->len;

	memcpy(buf->data, rig.side[1].mac, 6);
	memcpy(buf->data + 6, rig.side[0].mac, 6);
	put_be16(buf->data + 12, 0x88b5);
	if (c->proto)
		fill_headers(c, buf);
	for (struct ladon_buf *b = buf; b; b = b->next) {
		b->len = MIN(left, b->size);
		left -= b->len;
	}
}

/* Everything that was sent in a burst has to be there after one round. */
static bool burst(const struct test_case *c)
{
	struct ladon_buf *bufs[BURST];
	unsigned n = counted_driver_alloc(c, bufs), got = 0, more;

	for (unsigned i = 0; i < n; i++)
		fill(c, bufs[i]);
	if (n != c->burst || counted_driver_send(bufs, n) != (int)n || !counted_card())
		return false;
	while ((more = counted_driver_receive()))
		got += more;
	return got == c->burst * (c->flags & LADON_TX_TSO ? SEGMENTS : 1);
}

/* What was counted before is forgotten when this begins. */
static NOINLINE bool counted_bursts(const struct test_case *c)
{
	for (unsigned i = 0; i < COUNTED_BURSTS; i++)
		if (!burst(c))
			return false;
	return true;
}

/* ---- set-up ---- */

static void *run_loop(void *arg)
{
	(void)arg;
	loop_run(rig.daemon->loop);
	return NULL;
}

static void on_stop(void *arg, uint32_t events)
{
	(void)arg;
	(void)events;
	loop_stop(rig.daemon->loop);
}

static int start_loop(void)
{
	int r;

	rig.stop_fd = eventfd(0, EFD_CLOEXEC);
	if (rig.stop_fd < 0)
		return -errno;
	r = loop_add_fd(rig.daemon->loop, rig.stop_fd, EPOLLIN, on_stop, NULL,
			&rig.stop_source);
	return r < 0 ? r : -pthread_create(&rig.loop, NULL, run_loop, NULL);
}

static int open_side(unsigned n, const struct ladon_igbvf_config *config)
{
	struct side *s = &rig.side[n];
	char path[FUNCTION_PATH_MAX];
	int r;

	snprintf(path, sizeof(path), "%s/nic0/vf%u.sock", rig.dir, n);
	r = ladon_function_attach(path, NULL, &s->fn);
	if (r == 0)
		r = ladon_igbvf_open(s->fn, config, &s->vf);
	if (r == 0)
		ladon_igbvf_mac(s->vf, s->mac);
	return r;
}

static int start_daemon(void)
{
	static const char *const words[] = {"card",  "add", "nic0", "model",
					    "82576", "vfs", "2"};
	struct opts opts = {
		.mapped_doorbells = true, .busy_poll = true, .cpu = -1, .run_dir = rig.dir};
	struct json_object *data;
	struct cmd_error error;
	struct cmd cmd;
	int r;

	log_set_level(LOG_LVL_ERR);
	strcpy(rig.dir, "/tmp/ladon-path-XXXXXX");
	if (!mkdtemp(rig.dir))
		return -errno;
	r = daemon_new(&opts, &rig.daemon, &error);
	if (r == 0)
		r = cmd_parse(words, ARRAY_SIZE(words), &cmd, &error);
	if (r == 0)
		r = cmd_run(rig.daemon, &cmd, &data, &error);
	if (r < 0) {
		fprintf(stderr, "%s\n", error.text);
		return r;
	}
	rig.dp = rig.daemon->cards->nic->dp;
	nic_dp_stop(rig.dp);
	rig.now = clock_ns();
	return start_loop();
}

static int start(const struct test_case *c)
{
	int r = start_daemon();

	if (r == 0)
		r = open_side(0, &c->tx);
	if (r == 0)
		r = open_side(1, &c->rx);
	if (r < 0) {
		fprintf(stderr, "path: %s\n", strerror(-r));
		return r;
	}
	return 0;
}

static void stop(void)
{
	uint64_t one = 1;

	for (unsigned n = 0; n < 2; n++) {
		ladon_igbvf_close(rig.side[n].vf);
		ladon_function_detach(rig.side[n].fn);
	}
	if (write(rig.stop_fd, &one, sizeof(one)) != sizeof(one))
		return;
	pthread_join(rig.loop, NULL);
	loop_fd_del(rig.stop_source);
	close(rig.stop_fd);
	daemon_free(rig.daemon);
	rmdir(rig.dir);
}

int main(int argc, char **argv)
{
	const struct test_case *c = cases, *end = cases + ARRAY_SIZE(cases);
	bool ok = true;

	while (c < end && (argc != 2 || strcmp(argv[1], c->name) != 0))
		c++;
	if (c == end) {
		fprintf(stderr, "usage: path 64|1500|udp|csum|tso\n");
		return 2;
	}
	if (start(c) < 0)
		return 1;
	for (unsigned i = 0; i < WARM_BURSTS && ok; i++)
		ok = burst(c);
	ok = ok && counted_bursts(c);
	printf("frames %u\n", COUNTED_BURSTS * c->burst);
	stop();
	return ok ? 0 : 1;
}
