/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_uplink_stream.c - a hostile peer at the other end of a stream uplink. Input: pieces,
 * each a length byte and that many bytes, written to the socket as they are; length 0 polls the
 * uplink, 255 lets the card send a frame. What the uplink makes of the bytes is compared with a
 * slow reading of them.
 */
#include "fuzz.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "fd.h"
#include "net_eth.h"
#include "uplink_impl.h"

#define ANNOUNCED_MAX (64u * 1024 + 4096)
#define INPUT_MAX     4096u
static struct uplink *up;
static struct nic_port *port;
static struct nic_burst burst;
static int server = -1, peer = -1;
static uint64_t now;
static uint8_t stream[INPUT_MAX]; /* all that was written on this connection */
static size_t stream_len, stream_at;

static void world_once(void)
{
	const struct uplink_env env = {.mtu = 1500};
	char path[64], spec[80];
	const char *why;

	if (up)
		return;
	snprintf(path, sizeof(path), "/tmp/ladon-fuzz-%d", (int)getpid());
	snprintf(spec, sizeof(spec), "stream:%s", path);
	server = fd_unix_listen(path);
	MUST(server >= 0 && uplink_open(spec, &env, &up, &why) == 0);
	peer = accept(server, NULL, NULL);
	MUST(peer >= 0);
	port = &up->port;
	now = clock_ns();
}

/* A new connection for each input: whoever was cut off, too. */
static void reconnect(void)
{
	uint64_t wait;

	fd_close(&peer);
	for (int i = 0; i < 8 && !uplink_failed(up); i++) {
		now += NSEC_PER_SEC;
		burst.n = burst.num_segs = 0;
		port->ops->tx_poll(port, &burst, now);
	}
	MUST(uplink_failed(up));
	now += 10 * NSEC_PER_SEC;
	uplink_service(up, now, &wait);
	now += 10 * NSEC_PER_SEC;
	MUST(uplink_service(up, now, &wait) && !uplink_failed(up));
	peer = accept(server, NULL, NULL);
	MUST(peer >= 0);
	stream_len = stream_at = 0;
}

/* The next frame of what was written, read slowly. NULL: there is none yet. */
static const uint8_t *expected(uint32_t *ret_len)
{
	while (stream_at + 4 <= stream_len) {
		uint32_t len = get_be32(stream + stream_at);
		const uint8_t *frame = stream + stream_at + 4;

		if (len > ANNOUNCED_MAX || stream_at + 4 + len > stream_len)
			return NULL;
		stream_at += 4 + len;
		if (len < NET_ETH_HLEN || len > NIC_JUMBO_MAX)
			continue;
		*ret_len = len;
		return frame;
	}
	return NULL;
}

static void check_frame(const struct nic_frame *f)
{
	uint32_t len = 0, tag = f->tagged ? NET_VLAN_HLEN : 0;
	const uint8_t *want = expected(&len);

	MUST(want && f->len + tag == len && f->num_segs <= 1);
	MUST(!memcmp(f->hdr, want, 2 * NET_ETH_ALEN));
	if (f->num_segs)
		MUST(!memcmp(f->segs[0].ptr, want + len - f->segs[0].len, f->segs[0].len));
}

static void poll_it(void)
{
	now += NSEC_PER_MSEC;
	burst.n = burst.num_segs = 0;
	port->ops->tx_poll(port, &burst, now);
	for (unsigned i = 0; i < burst.n; i++)
		check_frame(&burst.frame[i]);
	port->ops->tx_done(port, now);
}

static void send_one(void)
{
	struct nic_rx_meta meta = {.len = 60};
	struct nic_sink sink;

	if (port->ops->rx_buffers(port, &meta, &sink) != NIC_DROP_NONE)
		return;
	memset(sink.iov[0].ptr, 0, sink.iov[0].len);
	port->ops->rx_commit(port, &meta);
	port->ops->rx_done(port, now);
}

static void one_piece(const uint8_t **at, const uint8_t *end)
{
	size_t n = *(*at)++;

	if (n == 0)
		poll_it();
	if (n == 255)
		send_one();
	n = MIN(n, (size_t)(end - *at));
	if (n == 0 || uplink_failed(up))
		return;
	while (send(peer, *at, n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
		poll_it(); /* many small pieces: the socket is full */
		if (uplink_failed(up))
			return; /* nobody reads any more */
	}
	memcpy(stream + stream_len, *at, n);
	stream_len += n;
	*at += n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = data + MIN(size, (size_t)INPUT_MAX);
	uint32_t len;

	world_once();
	while (data < end)
		one_piece(&data, end);
	for (unsigned i = 0; i < INPUT_MAX / NIC_BURST; i++)
		poll_it();
	MUST(!expected(&len)); /* nothing was left out */
	reconnect();
	return 0;
}
