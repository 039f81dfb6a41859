/* SPDX-License-Identifier: BSD-3-Clause */
#include "e2e.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "clock.h"

#define WAIT_NS	    (20 * NSEC_PER_SEC) /* for what must come */
#define WINDOW	    64u
#define FENCE_TYPE  0x88b5
#define STREAM_TYPE 0x88b6
#define RING_BUF    2048u

struct e2e e2e;
static struct e2e_frame scratch;

const char *e2e_ladond(void)
{
	const char *path = getenv("LADOND");

	if (!path) {
		fprintf(stderr, "LADOND is not set: the path of ladond is needed\n");
		exit(77);
	}
	return path;
}

/* Some programs are run a second time, for a data path of several threads. */
const char *e2e_card(void)
{
	static char line[64];
	const char *workers = getenv("E2E_WORKERS");

	snprintf(line, sizeof(line), "card add nic0 model 82576 vfs 7 workers %s\n",
		 workers ? workers : "1");
	return line;
}

static int setup(bool mapped)
{
	const char *const extra[] = {mapped ? NULL : "--no-mapped-doorbells", NULL};
	char log[2000];
	int err = demo_daemon_start(&e2e.daemon, e2e_ladond(), e2e_card(), extra);

	e2e.mapped = mapped;
	if (err)
		print_error("ladond: %s\n%s\n", strerror(-err),
			    demo_daemon_log(&e2e.daemon, log, sizeof(log)));
	return err;
}

int e2e_setup_mapped(void **state)
{
	(void)state;
	return setup(true);
}

int e2e_setup_trapped(void **state)
{
	(void)state;
	return setup(false);
}

int e2e_teardown(void **state)
{
	char log[4000];
	bool alive = demo_daemon_alive(&e2e.daemon);

	(void)state;
	demo_daemon_log(&e2e.daemon, log, sizeof(log));
	if (demo_daemon_stop(&e2e.daemon) == 0 && alive)
		return 0;
	print_error("ladond did not end well; its log:\n%s\n", log);
	return -1;
}

int e2e_close_all(void **state)
{
	(void)state;
	for (unsigned n = 0; n < E2E_VFS; n++)
		e2e_close(n);
	return demo_daemon_alive(&e2e.daemon) ? 0 : -1;
}

void e2e_attach(unsigned n)
{
	uint64_t end = clock_ns() + WAIT_NS;
	char buf[DEMO_PATH_MAX];
	const char *path =
		e2e.socket ? e2e.socket(n, buf) : demo_daemon_vf(&e2e.daemon, n, buf);
	int err;

	/* After a client was lost the daemon may still be at it. */
	do {
		err = ladon_function_attach(path, NULL, &e2e.fn[n]);
	} while (err && clock_ns() < end);
	assert_int_equal(err, 0);
}

void e2e_open(unsigned n, const struct ladon_igbvf_config *config)
{
	e2e_attach(n);
	assert_int_equal(ladon_igbvf_open(e2e.fn[n], config, &e2e.vf[n]), 0);
	ladon_igbvf_mac(e2e.vf[n], e2e.mac[n]);
}

void e2e_close(unsigned n)
{
	ladon_igbvf_close(e2e.vf[n]);
	ladon_function_detach(e2e.fn[n]);
	e2e.vf[n] = NULL;
	e2e.fn[n] = NULL;
}

void e2e_eth(struct e2e_frame *f, const uint8_t *dst, unsigned from, uint16_t type,
	     uint32_t payload, uint8_t seed)
{
	memset(&f->meta, 0, sizeof(f->meta));
	memcpy(f->bytes, dst, 6);
	memcpy(f->bytes + 6, e2e.mac[from], 6);
	put_be16(f->bytes + 12, type);
	for (uint32_t i = 0; i < payload; i++)
		f->bytes[ETH_LEN + i] = (uint8_t)(seed + i + (i >> 8));
	f->len = ETH_LEN + payload;
}

/* Into as many buffers as it takes. */
static struct ladon_buf *frame_bufs(unsigned n, const struct e2e_frame *f)
{
	struct ladon_buf *first = NULL, **link = &first;

	for (uint32_t at = 0; at < f->len;) {
		struct ladon_buf *b = ladon_igbvf_buf_alloc(e2e.vf[n]);

		assert_non_null(b);
		b->len = MIN(f->len - at, b->size);
		memcpy(b->data, f->bytes + at, b->len);
		at += b->len;
		*link = b;
		link = &b->next;
	}
	first->flags = f->meta.flags;
	first->vlan_tci = f->meta.vlan_tci;
	first->l2_len = f->meta.l2_len;
	first->l3_len = f->meta.l3_len;
	first->l4_len = f->meta.l4_len;
	first->l4 = f->meta.l4;
	first->mss = f->meta.mss;
	return first;
}

void e2e_send(unsigned n, const struct e2e_frame *f)
{
	uint64_t end = clock_ns() + WAIT_NS;
	struct ladon_buf *b = frame_bufs(n, f);
	int sent;

	do {
		sent = ladon_igbvf_tx_burst(e2e.vf[n], &b, 1);
	} while (sent == 0 && clock_ns() < end);
	assert_int_equal(sent, 1);
}

bool e2e_receive(unsigned n, struct e2e_frame *f)
{
	uint64_t end = clock_ns() + WAIT_NS;
	struct ladon_buf *frame;
	int got;

	do {
		got = ladon_igbvf_rx_burst(e2e.vf[n], &frame, 1);
		assert_true(got >= 0);
	} while (got == 0 && clock_ns() < end);
	if (got == 0)
		return false;
	f->len = 0;
	f->meta = *frame;
	for (const struct ladon_buf *b = frame; b; b = b->next) {
		assert_true(f->len + b->len <= E2E_FRAME_MAX);
		memcpy(f->bytes + f->len, b->data, b->len);
		f->len += b->len;
	}
	ladon_igbvf_buf_free(e2e.vf[n], frame);
	return true;
}

/* Short frames arrive padded to 60 bytes. */
static void assert_same(const struct e2e_frame *got, const struct e2e_frame *f)
{
	assert_int_equal(got->len, MAX(f->len, 60));
	assert_memory_equal(got->bytes, f->bytes, f->len);
}

void e2e_expect(unsigned n, const struct e2e_frame *f)
{
	assert_true(e2e_receive(n, &scratch));
	assert_same(&scratch, f);
}

void e2e_expect_nothing(unsigned from, unsigned n)
{
	static struct e2e_frame fence;
	static uint8_t count;

	e2e_eth(&fence, e2e.mac[n], from, FENCE_TYPE, 50, ++count);
	e2e_send(from, &fence);
	e2e_expect(n, &fence);
}

void e2e_healthy(unsigned a, unsigned b)
{
	e2e_expect_nothing(a, b);
	e2e_expect_nothing(b, a);
}

/* FNV-1a */
static uint32_t hash(const uint8_t *p, uint32_t len)
{
	uint32_t h = 2166136261u;

	for (uint32_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 16777619u;
	return h;
}

static unsigned stream_send(unsigned a, unsigned b, unsigned seq)
{
	struct ladon_buf *buf = ladon_igbvf_buf_alloc(e2e.vf[a]);
	uint32_t payload = 46 + seq * 7 % 1400;

	assert_non_null(buf);
	memcpy(buf->data, e2e.mac[b], 6);
	memcpy(buf->data + 6, e2e.mac[a], 6);
	put_be16(buf->data + 12, STREAM_TYPE);
	memset(buf->data + ETH_LEN, (int)(seq * 31), payload);
	put_le32(buf->data + ETH_LEN + 4, seq);
	put_le32(buf->data + ETH_LEN, hash(buf->data + ETH_LEN + 4, payload - 4));
	buf->len = ETH_LEN + payload;
	if (ladon_igbvf_tx_burst(e2e.vf[a], &buf, 1) == 1)
		return 1;
	ladon_igbvf_buf_free(e2e.vf[a], buf);
	return 0;
}

static void stream_check(const struct ladon_buf *b, unsigned seq)
{
	assert_int_equal(b->len, ETH_LEN + 46 + seq * 7 % 1400);
	assert_null(b->next);
	assert_int_equal(get_be16(b->data + 12), STREAM_TYPE);
	assert_int_equal(get_le32(b->data + ETH_LEN + 4), seq);
	assert_int_equal(get_le32(b->data + ETH_LEN),
			 hash(b->data + ETH_LEN + 4, b->len - ETH_LEN - 4));
}

void e2e_stream(unsigned a, unsigned b, unsigned num)
{
	uint64_t last = clock_ns();
	unsigned sent = 0, got = 0;

	while (got < num) {
		struct ladon_buf *bufs[32];
		int n;

		while (sent < num && sent - got < WINDOW && stream_send(a, b, sent))
			sent++;
		n = ladon_igbvf_rx_burst(e2e.vf[b], bufs, 32);
		assert_true(n >= 0);
		for (int i = 0; i < n; i++) {
			stream_check(bufs[i], got++);
			ladon_igbvf_buf_free(e2e.vf[b], bufs[i]);
		}
		if (n > 0)
			last = clock_ns();
		assert_true(clock_ns() - last < WAIT_NS);
	}
}

void e2e_write(unsigned n, uint32_t reg, uint32_t value)
{
	assert_int_equal(ladon_bar_write32(e2e.fn[n], 0, reg, value), 0);
}

uint32_t e2e_read(unsigned n, uint32_t reg)
{
	uint32_t value;

	assert_int_equal(ladon_bar_read32(e2e.fn[n], 0, reg, &value), 0);
	return value;
}

void e2e_handshake(unsigned n)
{
	struct ladon_igbvf *vf;
	uint32_t words[3];

	/* The driver's own handshake tells the address; closing it resets the VF again. */
	assert_int_equal(ladon_igbvf_open(e2e.fn[n], NULL, &vf), 0);
	ladon_igbvf_mac(vf, e2e.mac[n]);
	ladon_igbvf_close(vf);
	while (e2e_read(n, VF_MAILBOX) & MBX_RSTI)
		;
	e2e_write(n, VF_MAILBOX, MBX_VFU);
	e2e_write(n, VF_MBMEM(0), MSG_RESET);
	e2e_write(n, VF_MAILBOX, MBX_REQ);
	for (uint64_t end = clock_ns() + WAIT_NS; clock_ns() < end;) {
		if (e2e_read(n, VF_MAILBOX) & MBX_PFSTS)
			break;
	}
	e2e_write(n, VF_MAILBOX, MBX_VFU);
	for (unsigned i = 0; i < 3; i++)
		words[i] = e2e_read(n, VF_MBMEM(i));
	e2e_write(n, VF_MAILBOX, MBX_ACK);
	assert_int_equal(words[0] & ~MSG_CTS, MSG_RESET | MSG_ACK);
	assert_memory_equal(&words[1], e2e.mac[n], 6);
}

void e2e_ring_start(struct e2e_ring *r, unsigned n, bool rx, uint32_t num, uint32_t srrctl)
{
	size_t ring = ALIGN_UP(num * sizeof(struct igbvf_desc), 4096);

	r->n = n;
	r->num = num;
	r->regs = rx ? VF_RDBAL : VF_TDBAL;
	assert_int_equal(ladon_dma_alloc(e2e.fn[n], ring + (size_t)num * RING_BUF, 0, &r->dma),
			 0);
	r->desc = ladon_dma_pointer(r->dma);
	r->buf = (uint8_t *)ladon_dma_pointer(r->dma) + ring;
	r->desc_iova = ladon_dma_iova(r->dma);
	r->buf_iova = r->desc_iova + ring;
	assert_int_equal(ladon_function_enable(e2e.fn[n], true), 0);
	e2e_write(n, r->regs, (uint32_t)r->desc_iova);
	e2e_write(n, r->regs + 4, (uint32_t)(r->desc_iova >> 32));
	e2e_write(n, r->regs + 8, num * (uint32_t)sizeof(struct igbvf_desc));
	if (rx)
		e2e_write(n, VF_SRRCTL, srrctl);
	e2e_write(n, r->regs + (VF_RDH - VF_RDBAL), 0);
	e2e_write(n, r->regs + (VF_RDT - VF_RDBAL), 0);
	e2e_write(n, r->regs + (VF_RXDCTL - VF_RDBAL), DCTL_ENABLE);
	e2e_read(n, VF_STATUS);
}

void e2e_ring_stop(struct e2e_ring *r)
{
	e2e_write(r->n, r->regs + (VF_RXDCTL - VF_RDBAL), 0);
	e2e_read(r->n, VF_STATUS);
	assert_int_equal(ladon_dma_free(r->dma), 0);
	r->dma = NULL;
}

uint64_t e2e_now_us(void)
{
	return clock_ns() / NSEC_PER_USEC;
}

uint32_t e2e_random(void)
{
	static uint64_t x = 0x9e3779b97f4a7c15ull;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	return (uint32_t)((x * 0x2545f4914f6cdd1dull) >> 32);
}
