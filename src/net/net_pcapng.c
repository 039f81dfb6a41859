/* SPDX-License-Identifier: BSD-3-Clause */
#include "net_pcapng.h"

#include <string.h>

#include "bits.h"

enum {
	BLOCK_SECTION = 0x0a0d0d0a,
	BLOCK_INTERFACE = 1,
	BLOCK_STATISTICS = 5,
	BLOCK_PACKET = 6,
};

enum {
	OPT_END = 0,
	OPT_COMMENT = 1,
	SHB_USERAPPL = 4,
	IDB_NAME = 2,
	IDB_TSRESOL = 9,
	EPB_FLAGS = 2,
	EPB_DROPCOUNT = 4,
	ISB_OSDROP = 7,
};

#define MAGIC		   0x1a2b3c4du
#define LINKTYPE_ETHERNET  1u
#define TSRESOL_NANO	   9u
#define DIRECTION_INBOUND  1u
#define DIRECTION_OUTBOUND 2u

/* A block in the making: its type and length are known at its end. */
struct block {
	uint8_t *buf;
	uint32_t len;
};

static struct block block_begin(uint8_t *buf, uint32_t type)
{
	put_le32(buf, type);
	return (struct block){buf, 8};
}

static void add16(struct block *b, uint32_t v)
{
	put_le16(b->buf + b->len, (uint16_t)v);
	b->len += 2;
}

static void add32(struct block *b, uint32_t v)
{
	put_le32(b->buf + b->len, v);
	b->len += 4;
}

/* High word first, as times are written. */
static void add_time(struct block *b, uint64_t v)
{
	add32(b, (uint32_t)(v >> 32));
	add32(b, (uint32_t)v);
}

/* Padded to whole words; the bytes may stand there already. */
static void add_bytes(struct block *b, const void *bytes, uint32_t len)
{
	if (len && bytes != b->buf + b->len)
		memcpy(b->buf + b->len, bytes, len);
	b->len += len;
	while (b->len & 3)
		b->buf[b->len++] = 0;
}

static void add_option(struct block *b, uint32_t code, const void *value, uint32_t len)
{
	add16(b, code);
	add16(b, len);
	add_bytes(b, value, len);
}

static void add_text(struct block *b, uint32_t code, const char *text)
{
	add_option(b, code, text, (uint32_t)strnlen(text, NET_PCAPNG_TEXT));
}

static void add_option64(struct block *b, uint32_t code, uint64_t v)
{
	uint8_t value[8];

	put_le64(value, v);
	add_option(b, code, value, sizeof(value));
}

static uint32_t block_end(struct block *b)
{
	put_le32(b->buf + 4, b->len + 4);
	add32(b, b->len + 4);
	return b->len;
}

uint32_t net_pcapng_section(uint8_t *buf, const char *application)
{
	struct block b = block_begin(buf, BLOCK_SECTION);

	add32(&b, MAGIC);
	add16(&b, 1); /* version 1.0 */
	add16(&b, 0);
	add32(&b, ~0u); /* the section's length: not known */
	add32(&b, ~0u);
	add_text(&b, SHB_USERAPPL, application);
	add_option(&b, OPT_END, NULL, 0);
	return block_end(&b);
}

uint32_t net_pcapng_interface(uint8_t *buf, const char *name, uint32_t snaplen)
{
	static const uint8_t resolution = TSRESOL_NANO;
	struct block b = block_begin(buf, BLOCK_INTERFACE);

	add16(&b, LINKTYPE_ETHERNET);
	add16(&b, 0);
	add32(&b, snaplen);
	add_text(&b, IDB_NAME, name);
	add_option(&b, IDB_TSRESOL, &resolution, sizeof(resolution));
	add_option(&b, OPT_END, NULL, 0);
	return block_end(&b);
}

uint32_t net_pcapng_packet(uint8_t *buf, const struct net_pcapng_packet *packet)
{
	struct block b = block_begin(buf, BLOCK_PACKET);
	uint8_t flags[4];

	add32(&b, packet->interface);
	add_time(&b, packet->time_ns);
	add32(&b, packet->cap_len);
	add32(&b, packet->orig_len);
	add_bytes(&b, packet->data, packet->cap_len);
	put_le32(flags, packet->inbound ? DIRECTION_INBOUND : DIRECTION_OUTBOUND);
	add_option(&b, EPB_FLAGS, flags, sizeof(flags));
	if (packet->lost)
		add_option64(&b, EPB_DROPCOUNT, packet->lost);
	if (packet->comment)
		add_text(&b, OPT_COMMENT, packet->comment);
	add_option(&b, OPT_END, NULL, 0);
	return block_end(&b);
}

uint32_t net_pcapng_statistics(uint8_t *buf, uint32_t interface, uint64_t time_ns,
			       uint64_t lost)
{
	struct block b = block_begin(buf, BLOCK_STATISTICS);

	add32(&b, interface);
	add_time(&b, time_ns);
	add_option64(&b, ISB_OSDROP, lost);
	add_option(&b, OPT_END, NULL, 0);
	return block_end(&b);
}
