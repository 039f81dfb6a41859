/* SPDX-License-Identifier: BSD-3-Clause */
/* The EEPROM as drivers read and write it, word by word and bit by bit; the semaphores. */
#include "test_i82576_pf.h"

#define SK	  BIT(0)
#define CS	  BIT(1)
#define DI	  BIT(2)
#define DO	  BIT(3)
#define REQ	  BIT(6)
#define GNT	  BIT(7)
#define PRES	  BIT(8)
#define AUTO_RD	  BIT(9)
#define ADDR_SIZE BIT(10)
#define WEL	  2u

static int set_up(void **state)
{
	static const uint8_t mac[6] = {0x02, 0x11, 0x22, 0x33, 0x44, 0x55};
	struct nic_dp_params params = {0};

	(void)state;
	if (nic_card_new("nic0", 1, &params, &tc.card) < 0 ||
	    iommu_domain_new(NULL, 0, test_drain, NULL, &tc.dom) < 0)
		return -1;
	nic_card_set_base_mac(tc.card, mac);
	return i82576_pf_new(tc.card, PCI_RID(1, 0, 0), tc.dom, tc.vf, 0, &pf);
}

static int tear_down(void **state)
{
	(void)state;
	i82576_pf_free(pf);
	iommu_domain_free(tc.dom);
	nic_card_free(tc.card);
	return 0;
}

/* ---- EERD ---- */

static uint32_t word(uint32_t n)
{
	pf_wr(I82576_EERD, n << 2 | 1);
	assert_true(pf_rd(I82576_EERD) & 2);
	return pf_rd(I82576_EERD) >> 16;
}

static void the_checksum_is_right(void **state)
{
	uint32_t sum = 0;

	(void)state;
	for (unsigned i = 0; i <= 0x3f; i++)
		sum += word(i);
	assert_int_equal(sum & 0xffff, 0xbaba);
}

static void words_are_those_of_this_card(void **state)
{
	(void)state;
	assert_int_equal(word(0), 0x1102);
	assert_int_equal(word(1), 0x3322);
	assert_int_equal(word(2), 0x5544);
	assert_int_equal(word(0xb), 0xa03c);
	assert_int_equal(word(0xc), 0x8086);
	assert_int_equal(word(0xd), 0x10c9);
	assert_int_equal(word(0xe), 0x8086);
	assert_int_equal(word(0xf) & 0x3000, 0x3000);
	assert_int_equal(word(0x24) & 0x0400, 0x0400);
	assert_int_equal(word(0x37), 0xffff); /* no alternate address */
	assert_int_equal(word(0x43) & 0xf000, 0x8000);
}

/* As igb_read_part_string does it: a length in words, itself included, then text. */
static void the_board_number_is_text(void **state)
{
	uint32_t at = word(9), n = word(at);
	char text[32] = "";

	(void)state;
	assert_int_equal(word(8), 0xfafa);
	assert_true(n > 1 && n < 12);
	for (unsigned i = 1; i < n; i++) {
		text[2 * i - 2] = (char)(word(at + i) >> 8);
		text[2 * i - 1] = (char)word(at + i);
	}
	assert_string_equal(text, "L82576-001");
}

static void what_is_not_there_reads_erased(void **state)
{
	(void)state;
	assert_int_equal(word(I82576_NVM_WORDS - 1), 0xffff);
	assert_int_equal(word(I82576_NVM_WORDS), 0xffff);
	assert_int_equal(word(0x3fff), 0xffff);
	pf_wr(I82576_EERD, 5 << 2); /* not started */
	assert_int_equal(pf_rd(I82576_EERD), 5 << 2);
}

static void eecd_tells_size_and_state(void **state)
{
	uint32_t eecd = pf_rd(I82576_EECD);

	(void)state;
	assert_int_equal(1u << ((eecd >> 11 & 15) + 6), I82576_NVM_WORDS);
	assert_int_equal(eecd & (PRES | AUTO_RD | ADDR_SIZE), PRES | AUTO_RD | ADDR_SIZE);
	assert_false(eecd & GNT);
	pf_wr(I82576_EECD, eecd | REQ);
	assert_true(pf_rd(I82576_EECD) & GNT);
	pf_wr(I82576_EECD, eecd);
	assert_false(pf_rd(I82576_EECD) & GNT);
}

/* ---- EECD, as igb and DPDK move its bits ---- */

static void pins(uint32_t clear, uint32_t set)
{
	pf_wr(I82576_EECD, (pf_rd(I82576_EECD) & ~clear) | set);
}

static void shift_out(uint32_t data, unsigned count)
{
	for (uint32_t mask = 1u << (count - 1); mask; mask >>= 1) {
		pins(DI, data & mask ? DI : 0);
		pins(0, SK);
		pins(SK, 0);
	}
	pins(DI, 0);
}

static uint32_t shift_in(unsigned count)
{
	uint32_t data = 0;

	pins(DI, 0);
	while (count--) {
		pins(0, SK);
		data = data << 1 | !!(pf_rd(I82576_EECD) & DO);
		pins(SK, 0);
	}
	return data;
}

static void standby(void)
{
	pins(0, CS);
	pins(CS, 0);
}

static uint32_t spi_status(void)
{
	uint32_t status;

	pins(CS | SK, REQ);
	standby();
	shift_out(5, 8);
	status = shift_in(8);
	standby();
	return status;
}

static void release(void)
{
	pins(SK, CS);
	pins(REQ, 0);
}

static void acquire(void)
{
	pins(0, REQ);
	assert_true(pf_rd(I82576_EECD) & GNT);
	/* igb asks for the status as soon as the device is selected. */
	pins(CS | SK, 0);
	shift_out(5, 8);
	assert_int_equal(shift_in(8) & 1, 0);
	standby();
}

static void spi_read(uint32_t first, unsigned n, uint16_t *ret)
{
	acquire();
	shift_out(3, 8);
	shift_out(first * 2, 16);
	for (unsigned i = 0; i < n; i++)
		ret[i] = __builtin_bswap16((uint16_t)shift_in(16));
	release();
}

static void spi_op(uint32_t opcode)
{
	shift_out(opcode, 8);
	standby();
}

static void spi_write(uint32_t first, unsigned n, const uint16_t *data)
{
	acquire();
	spi_op(6);
	shift_out(2, 8);
	shift_out(first * 2, 16);
	for (unsigned i = 0; i < n; i++)
		shift_out(__builtin_bswap16(data[i]), 16);
	release();
}

static void a_serial_read_gives_what_eerd_gives(void **state)
{
	uint16_t got[0x50];

	(void)state;
	spi_read(0, ARRAY_SIZE(got), got);
	for (unsigned i = 0; i < ARRAY_SIZE(got); i++)
		assert_int_equal(got[i], word(i));
}

static void a_serial_read_begins_again_at_the_end(void **state)
{
	uint16_t got[2];

	(void)state;
	spi_read(I82576_NVM_WORDS - 1, 2, got);
	assert_int_equal(got[0], 0xffff);
	assert_int_equal(got[1], word(0));
}

static void a_serial_write_is_read_back(void **state)
{
	const uint16_t data[] = {0x1234, 0xabcd};
	uint16_t got[4];

	(void)state;
	spi_write(0x101, 2, data);
	assert_int_equal(word(0x100), 0xffff);
	assert_int_equal(word(0x101), 0x1234);
	assert_int_equal(word(0x102), 0xabcd);
	assert_int_equal(word(0x103), 0xffff);
	spi_read(0x100, 4, got);
	assert_int_equal(got[1], 0x1234);
	assert_int_equal(got[2], 0xabcd);
	i82576_pf_reset(pf);
	assert_int_equal(word(0x101), 0x1234);
}

/* 32 bytes are a page: the 17th word lands on the first. */
static void a_write_stays_in_its_page(void **state)
{
	uint16_t data[17];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(data); i++)
		data[i] = (uint16_t)(0x100 + i);
	spi_write(0x208, 17, data);
	assert_int_equal(word(0x208), 0x110);
	assert_int_equal(word(0x209), 0x101);
	assert_int_equal(word(0x20f), 0x107);
	assert_int_equal(word(0x200), 0x108);
	assert_int_equal(word(0x207), 0x10f);
	assert_int_equal(word(0x210), 0xffff);
}

static void a_write_stores_nothing_of_the_one_before(void **state)
{
	const uint16_t two[] = {1, 2}, three = 3;

	(void)state;
	spi_write(0x200, 2, two);
	spi_write(0x212, 1, &three);
	assert_int_equal(word(0x210), 0xffff);
	assert_int_equal(word(0x211), 0xffff);
	assert_int_equal(word(0x212), 3);
}

static void a_write_wants_to_be_enabled_each_time(void **state)
{
	(void)state;
	assert_int_equal(spi_status() & WEL, 0);
	shift_out(2, 8);
	shift_out(0x400, 16);
	shift_out(0x55aa, 16);
	standby();
	assert_int_equal(word(0x200), 0xffff);
	spi_op(6);
	assert_int_equal(spi_status() & WEL, WEL);
	spi_op(4); /* and disabled again */
	assert_int_equal(spi_status() & WEL, 0);
	spi_op(6);
	shift_out(2, 8);
	shift_out(0x400, 16);
	shift_out(0x55aa, 16);
	assert_int_equal(word(0x200), 0xffff); /* stored when deselected */
	standby();
	assert_int_equal(word(0x200), 0xaa55);
	assert_int_equal(spi_status() & WEL, 0);
}

static void half_a_byte_is_not_written(void **state)
{
	(void)state;
	acquire();
	spi_op(6);
	shift_out(2, 8);
	shift_out(0x400, 16);
	shift_out(0x555, 12);
	release();
	assert_int_equal(word(0x200), 0xffff);
	acquire();
	spi_op(6);
	shift_out(2, 8);
	shift_out(0x400, 16);
	release();
	assert_int_equal(word(0x200), 0xffff);
}

static void a_single_byte_leaves_the_other_one(void **state)
{
	(void)state;
	acquire();
	spi_op(6);
	shift_out(2, 8);
	shift_out(0x401, 16);
	shift_out(0x12, 8);
	release();
	assert_int_equal(word(0x200), 0x12ff);
}

static void blocks_can_be_protected(void **state)
{
	const uint16_t data = 0x4711;

	(void)state;
	assert_int_equal(spi_status(), 0);
	shift_out(1, 8); /* not enabled */
	shift_out(0xff, 8);
	standby();
	assert_int_equal(spi_status(), 0);
	spi_op(6);
	shift_out(1, 8);
	shift_out(0x04, 8);
	standby();
	assert_int_equal(spi_status(), 0x04);
	spi_write(0x5ff, 1, &data);
	spi_write(0x600, 1, &data);
	assert_int_equal(word(0x5ff), 0x4711);
	assert_int_equal(word(0x600), 0xffff);
}

static void pins_do_nothing_without_a_grant(void **state)
{
	const uint16_t data = 0x4711;

	(void)state;
	pins(CS | SK, 0);
	spi_op(6);
	assert_int_equal(spi_status() & WEL, 0);
	/* One that loses the grant in the middle of a command is deselected. */
	spi_op(6);
	shift_out(2, 8);
	pins(REQ, 0);
	pins(0, REQ);
	pins(CS, 0);
	shift_out(0x04000102, 32);
	release();
	assert_int_equal(word(0x200), 0xffff);
	spi_write(0x200, 1, &data);
	assert_int_equal(word(0x200), 0x4711);
}

static void unknown_commands_are_ignored(void **state)
{
	uint16_t before[64], after[64];

	(void)state;
	spi_read(0, 64, before);
	for (unsigned op = 0; op < 256; op++) {
		if (op >= 1 && op <= 6)
			continue;
		acquire();
		spi_op(6);
		shift_out(op, 8);
		shift_out(0, 16);
		shift_out(0, 16);
		release();
	}
	spi_read(0, 64, after);
	assert_memory_equal(before, after, sizeof(before));
}

/* ---- reset ---- */

static void a_reset_loads_the_address_that_the_eeprom_holds(void **state)
{
	const uint16_t mac[] = {0x2202, 0x4433, 0x6655};

	(void)state;
	assert_int_equal(pf_rd(I82576_RAL), 0x33221102);
	assert_int_equal(pf_rd(I82576_RAH), 0x80005544);
	spi_write(0, 3, mac);
	pf_wr(I82576_CTRL, I82576_CTRL_RST);
	assert_int_equal(pf_rd(I82576_RAL), 0x44332202);
	assert_int_equal(pf_rd(I82576_RAH), 0x80006655);
	assert_true(pf_rd(I82576_EECD) & AUTO_RD);
}

static void an_eeprom_without_signature_is_not_there(void **state)
{
	const uint16_t erased = 0xffff;

	(void)state;
	spi_write(0x12, 1, &erased);
	assert_false(pf_rd(I82576_EECD) & PRES);
	pf_wr(I82576_CTRL, I82576_CTRL_RST);
	assert_int_equal(pf_rd(I82576_RAL), 0);
	assert_int_equal(pf_rd(I82576_RAH), 0);
	assert_true(pf_rd(I82576_EECD) & AUTO_RD);
}

static void a_reset_ends_the_command(void **state)
{
	(void)state;
	acquire();
	spi_op(6);
	shift_out(2, 8);
	shift_out(0x400, 16);
	shift_out(0x55, 8);
	pf_wr(I82576_CTRL, I82576_CTRL_RST);
	assert_false(pf_rd(I82576_EECD) & GNT);
	assert_int_equal(word(0x200), 0xffff);
	assert_int_equal(spi_status() & WEL, 0);
}

/* ---- semaphores ---- */

/* igb_get_hw_semaphore, igb_put_hw_semaphore. */
static void the_first_reader_gets_the_semaphore(void **state)
{
	(void)state;
	assert_int_equal(pf_rd(I82576_SWSM) & 1, 0);
	assert_int_equal(pf_rd(I82576_SWSM) & 1, 1); /* taken by the read before */
	assert_int_equal(pf_rd(I82576_SWSM) & 2, 0);
	pf_wr(I82576_SWSM, pf_rd(I82576_SWSM) | 2);
	assert_int_equal(pf_rd(I82576_SWSM) & 3, 3);
	pf_wr(I82576_SWSM, pf_rd(I82576_SWSM) & ~3u);
	assert_int_equal(pf_rd(I82576_SWSM) & 3, 0);
	assert_int_equal(pf_rd(I82576_SWSM) & 3, 1);
}

static void firmware_that_holds_its_half_keeps_it(void **state)
{
	(void)state;
	PF_REG(pf, FWSM) |= 1;
	pf_wr(I82576_SWSM, 2);
	assert_int_equal(pf_rd(I82576_SWSM) & 2, 0);
}

static void resources_are_marked_as_taken(void **state)
{
	(void)state;
	assert_int_equal(pf_rd(I82576_SW_FW_SYNC), 0);
	pf_wr(I82576_SW_FW_SYNC, 3);
	assert_int_equal(pf_rd(I82576_SW_FW_SYNC), 3);
	pf_wr(I82576_SW_FW_SYNC, 1);
	assert_int_equal(pf_rd(I82576_SW_FW_SYNC), 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_checksum_is_right),
		TEST(words_are_those_of_this_card),
		TEST(the_board_number_is_text),
		TEST(what_is_not_there_reads_erased),
		TEST(eecd_tells_size_and_state),
		TEST(a_serial_read_gives_what_eerd_gives),
		TEST(a_serial_read_begins_again_at_the_end),
		TEST(a_serial_write_is_read_back),
		TEST(a_write_stays_in_its_page),
		TEST(a_write_stores_nothing_of_the_one_before),
		TEST(a_write_wants_to_be_enabled_each_time),
		TEST(half_a_byte_is_not_written),
		TEST(a_single_byte_leaves_the_other_one),
		TEST(blocks_can_be_protected),
		TEST(pins_do_nothing_without_a_grant),
		TEST(unknown_commands_are_ignored),
		TEST(a_reset_loads_the_address_that_the_eeprom_holds),
		TEST(an_eeprom_without_signature_is_not_there),
		TEST(a_reset_ends_the_command),
		TEST(the_first_reader_gets_the_semaphore),
		TEST(firmware_that_holds_its_half_keeps_it),
		TEST(resources_are_marked_as_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
