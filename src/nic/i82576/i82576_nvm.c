/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The EEPROM and the semaphores that guard it (82576 3.3, 8.4).
 *
 * Two ways lead to the words. EERD reads one at once. Through EECD software clocks a serial
 * device bit by bit: a 32 Kbit SPI EEPROM in mode 0, which takes a bit at the rising edge of
 * the clock and puts one out at the falling edge. A command lasts while the device is selected;
 * what a WRITE sent is stored when the device is deselected. Writes take no time, so the status
 * register never says busy.
 */
#include "i82576_pf_regs.h"

#define EECD_SK	       BIT(0)
#define EECD_CS	       BIT(1) /* the level of the pin: high = not selected */
#define EECD_DI	       BIT(2)
#define EECD_DO	       BIT(3)
#define EECD_FWE       GENMASK(5, 4)
#define EECD_REQ       BIT(6)
#define EECD_GNT       BIT(7)
#define EECD_PRES      BIT(8)
#define EECD_AUTO_RD   BIT(9)
#define EECD_ADDR_SIZE BIT(10)
#define EECD_SIZE      GENMASK(14, 11) /* log2 of the words, less 6 */
#define EECD_PINS      (EECD_SK | EECD_CS | EECD_DI | EECD_FWE | EECD_REQ)
#define SIZE_CODE      5u
#define FWE_DISABLED   1u

#define EERD_START BIT(0)
#define EERD_DONE  BIT(1)
#define EERD_ADDR  GENMASK(15, 2)
#define EERD_DATA  GENMASK(31, 16)

#define SWSM_SMBI    BIT(0)
#define SWSM_SWESMBI BIT(1)
#define FWSM_EEP_FW  BIT(0) /* firmware holds the hardware */

#define RAH_AV BIT(31)

#define NVM_BYTES (2 * I82576_NVM_WORDS)

static_assert(1u << (SIZE_CODE + 6) == I82576_NVM_WORDS, "EECD tells the size");

/* Instructions and status bits of the serial device. */
enum spi_opcode {
	SPI_WRSR = 1,
	SPI_WRITE = 2,
	SPI_READ = 3,
	SPI_WRDI = 4,
	SPI_RDSR = 5,
	SPI_WREN = 6,
};

#define STATUS_WEL    BIT(1)
#define STATUS_BP     GENMASK(3, 2) /* protects the upper quarter, half, or all */
#define STATUS_WPEN   BIT(7)
#define STATUS_STORED (STATUS_BP | STATUS_WPEN)

/*
 * Where a command is. SPI_OPCODE begins when the device is selected and is left by the eighth
 * bit; SPI_ADDR by the sixteenth, for SPI_OUT (READ) or SPI_IN (WRITE). RDSR and WRSR go there
 * at once. All others wait in SPI_DONE for the device to be deselected, which ends any phase.
 */
enum spi_phase { SPI_OPCODE, SPI_ADDR, SPI_IN, SPI_OUT, SPI_DONE };

/* ---- contents ---- */

enum nvm_word {
	NVM_COMPAT = 0x03,
	NVM_LED = 0x04,
	NVM_VERSION = 0x05,
	NVM_PBA = 0x08,
	NVM_PBA_POINTER = 0x09,
	NVM_INIT_CONTROL_1 = 0x0a,
	NVM_SUBSYSTEM = 0x0b,
	NVM_SUBSYSTEM_VENDOR = 0x0c,
	NVM_DEVICE = 0x0d,
	NVM_VENDOR = 0x0e,
	NVM_INIT_CONTROL_2 = 0x0f,
	NVM_SIZING = 0x12,
	NVM_INIT_CONTROL_3B = 0x14,
	NVM_INIT_CONTROL_3A = 0x24,
	NVM_CHECKSUM = 0x3f,
	NVM_ETRACK = 0x42,
	NVM_PBA_BLOCK = 0x50,
};

#define NVM_SUM		0xbabau
#define SIGNATURE	GENMASK(15, 14) /* of NVM_SIZING: 01 = the EEPROM has been programmed */
#define SIGNATURE_VALID 1u

static const struct {
	uint8_t word;
	uint16_t value;
} contents[] = {
	{NVM_COMPAT, 0x0000},
	{NVM_LED, 0x8911},
	{NVM_VERSION, 0x1021}, /* 1.21 */
	{NVM_PBA, 0xfafa},     /* the next word points to a block of text */
	{NVM_PBA_POINTER, NVM_PBA_BLOCK},
	{NVM_INIT_CONTROL_1, 0x026b}, /* the identifiers below are loaded */
	{NVM_SUBSYSTEM, 0xa03c},
	{NVM_SUBSYSTEM_VENDOR, 0x8086},
	{NVM_DEVICE, 0x10c9},
	{NVM_VENDOR, 0x8086},
	{NVM_INIT_CONTROL_2, 0x3000}, /* flow control in both directions */
	{NVM_SIZING, SIGNATURE_VALID << 14 | SIZE_CODE << 10},
	{NVM_INIT_CONTROL_3B, 0x0400}, /* wake-up by APM */
	{NVM_INIT_CONTROL_3A, 0x0400},
	{NVM_ETRACK, 0x0001},
	{NVM_ETRACK + 1, 0x8000}, /* bit 15: there is such an identifier */
};

static const char pba_text[] = "L82576-001";

static void put_pba(uint16_t *word)
{
	unsigned n = (sizeof(pba_text) - 1) / 2;

	word[NVM_PBA_BLOCK] = (uint16_t)(n + 1);
	for (unsigned i = 0; i < n; i++)
		word[NVM_PBA_BLOCK + 1 + i] = get_be16(&pba_text[2 * i]);
}

void i82576_nvm_init(struct i82576_pf *pf)
{
	uint16_t *word = pf->nvm.word, sum = 0;

	memset(&pf->nvm, 0, sizeof(pf->nvm));
	memset(word, 0xff, sizeof(pf->nvm.word));
	for (unsigned i = 0; i < 3; i++)
		word[i] = get_le16(&pf->fn.card->base_mac[2 * i]);
	for (unsigned i = 0; i < ARRAY_SIZE(contents); i++)
		word[contents[i].word] = contents[i].value;
	put_pba(word);
	for (unsigned i = 0; i < NVM_CHECKSUM; i++)
		sum = (uint16_t)(sum + word[i]);
	word[NVM_CHECKSUM] = (uint16_t)(NVM_SUM - sum);
}

static bool is_programmed(const struct i82576_nvm *nvm)
{
	return FIELD_GET(SIGNATURE, (uint32_t)nvm->word[NVM_SIZING]) == SIGNATURE_VALID;
}

void i82576_nvm_reset(struct i82576_pf *pf)
{
	struct i82576_nvm *nvm = &pf->nvm;

	nvm->pins = EECD_CS | FIELD_PREP(EECD_FWE, FWE_DISABLED);
	nvm->data_out = false;
	nvm->phase = SPI_DONE;
	nvm->status &= STATUS_STORED;
	if (!is_programmed(nvm))
		return;
	PF_REG(pf, RAL) = nvm->word[0] | (uint32_t)nvm->word[1] << 16;
	PF_REG(pf, RAH) = nvm->word[2] | RAH_AV;
}

/* ---- the serial device ---- */

static uint8_t read_byte(const struct i82576_nvm *nvm, uint32_t addr)
{
	uint16_t word = nvm->word[addr / 2 % I82576_NVM_WORDS];

	return (uint8_t)(addr & 1 ? word >> 8 : word);
}

static void write_byte(struct i82576_nvm *nvm, uint32_t addr, uint8_t value)
{
	uint16_t *word = &nvm->word[addr / 2 % I82576_NVM_WORDS];
	unsigned shift = addr & 1 ? 8 : 0;

	*word = (uint16_t)((*word & ~(0xff << shift)) | value << shift);
}

/* The first byte that may not be written. */
static uint32_t protected_from(const struct i82576_nvm *nvm)
{
	static const uint32_t from[] = {NVM_BYTES, NVM_BYTES / 4 * 3, NVM_BYTES / 2, 0};

	return from[FIELD_GET(STATUS_BP, (uint32_t)nvm->status)];
}

static void enter(struct i82576_nvm *nvm, enum spi_phase phase)
{
	nvm->phase = (uint8_t)phase;
	nvm->bits = 0;
	nvm->shift = 0;
}

/* The byte after this one; a WRITE stays in its page, a READ begins again at the end. */
static void advance(struct i82576_nvm *nvm)
{
	uint32_t next = nvm->addr + 1u;

	if (nvm->opcode == SPI_WRITE)
		next = (nvm->addr & ~(I82576_NVM_PAGE - 1)) | (next & (I82576_NVM_PAGE - 1));
	nvm->addr = (uint16_t)(next % NVM_BYTES);
}

static void opcode_came(struct i82576_nvm *nvm)
{
	nvm->opcode = (uint8_t)nvm->shift;
	enter(nvm, SPI_DONE);
	switch (nvm->opcode) {
	case SPI_READ:
	case SPI_WRITE:
		enter(nvm, SPI_ADDR);
		break;
	case SPI_RDSR:
		enter(nvm, SPI_OUT);
		break;
	case SPI_WRSR:
		enter(nvm, SPI_IN);
		break;
	case SPI_WREN:
		nvm->status |= STATUS_WEL;
		break;
	case SPI_WRDI:
		nvm->status &= (uint8_t)~STATUS_WEL;
		break;
	default:
		break;
	}
}

static void byte_came(struct i82576_nvm *nvm)
{
	if (nvm->opcode == SPI_WRITE) {
		unsigned i = nvm->addr % I82576_NVM_PAGE;

		nvm->page[i] = (uint8_t)nvm->shift;
		nvm->page_set |= BIT(i);
		advance(nvm);
	}
}

static void clock_rises(struct i82576_nvm *nvm)
{
	nvm->shift = (uint16_t)(nvm->shift << 1 | !!(nvm->pins & EECD_DI));
	nvm->bits++;
	switch (nvm->phase) {
	case SPI_OPCODE:
		if (nvm->bits == 8)
			opcode_came(nvm);
		break;
	case SPI_ADDR:
		if (nvm->bits == 16) {
			nvm->addr = nvm->shift % NVM_BYTES;
			enter(nvm, nvm->opcode == SPI_READ ? SPI_OUT : SPI_IN);
		}
		break;
	case SPI_IN:
		if (nvm->bits % 8 == 0)
			byte_came(nvm);
		break;
	default:
		break;
	}
}

static void clock_falls(struct i82576_nvm *nvm)
{
	unsigned bit = nvm->bits % 8;

	if (nvm->phase != SPI_OUT)
		return;
	if (bit == 0 && nvm->opcode == SPI_RDSR) {
		nvm->out = nvm->status;
	} else if (bit == 0) {
		nvm->out = read_byte(nvm, nvm->addr);
		advance(nvm);
	}
	nvm->data_out = nvm->out >> (7 - bit) & 1;
}

static void store_page(struct i82576_nvm *nvm)
{
	uint32_t base = ALIGN_DOWN(nvm->addr, I82576_NVM_PAGE);

	for (unsigned i = 0; i < I82576_NVM_PAGE; i++)
		if ((nvm->page_set & BIT(i)) && base + i < protected_from(nvm))
			write_byte(nvm, base + i, nvm->page[i]);
}

/* The end of a command: one that writes counts if it was allowed, and only in whole bytes. */
static void deselected(struct i82576_nvm *nvm)
{
	bool wrote = nvm->phase == SPI_IN && nvm->bits && nvm->bits % 8 == 0 &&
		     (nvm->status & STATUS_WEL);

	if (wrote) {
		if (nvm->opcode == SPI_WRITE)
			store_page(nvm);
		else
			nvm->status = (uint8_t)(nvm->shift & STATUS_STORED);
		nvm->status &= (uint8_t)~STATUS_WEL;
	}
	nvm->phase = SPI_DONE;
	nvm->data_out = false;
}

static void selected(struct i82576_nvm *nvm)
{
	enter(nvm, SPI_OPCODE);
	nvm->page_set = 0;
}

/* ---- registers ---- */

/* The pins reach the device only while software has been granted them. */
void i82576_eecd_write(void *dev, const struct nic_reg_row *row, unsigned index,
		       uint32_t written)
{
	struct i82576_pf *pf = dev;
	struct i82576_nvm *nvm = &pf->nvm;
	uint32_t pins = written & EECD_PINS, changed;

	(void)row, (void)index;
	if (!(pins & EECD_REQ))
		pins |= EECD_CS;
	changed = pins ^ nvm->pins;
	nvm->pins = pins;
	if (changed & EECD_CS) {
		if (pins & EECD_CS)
			deselected(nvm);
		else
			selected(nvm);
	} else if ((changed & EECD_SK) && !(pins & EECD_CS)) {
		if (pins & EECD_SK)
			clock_rises(nvm);
		else
			clock_falls(nvm);
	}
}

uint32_t i82576_eecd_read(void *dev, const struct nic_reg_row *row, unsigned index,
			  uint32_t stored)
{
	const struct i82576_pf *pf = dev;
	const struct i82576_nvm *nvm = &pf->nvm;
	uint32_t eecd = nvm->pins | EECD_AUTO_RD | EECD_ADDR_SIZE;

	(void)row, (void)index, (void)stored;
	eecd |= FIELD_PREP(EECD_SIZE, SIZE_CODE);
	if (nvm->data_out)
		eecd |= EECD_DO;
	if (nvm->pins & EECD_REQ)
		eecd |= EECD_GNT;
	if (is_programmed(nvm))
		eecd |= EECD_PRES;
	return eecd;
}

/* A word that is not there reads as erased. */
void i82576_eerd_write(void *dev, const struct nic_reg_row *row, unsigned index,
		       uint32_t written)
{
	struct i82576_pf *pf = dev;
	uint32_t addr = FIELD_GET(EERD_ADDR, written), data;

	(void)row, (void)index;
	if (!(written & EERD_START)) {
		PF_REG(pf, EERD) = written & EERD_ADDR;
		return;
	}
	data = addr < I82576_NVM_WORDS ? pf->nvm.word[addr] : 0xffff;
	PF_REG(pf, EERD) = FIELD_PREP(EERD_DATA, data) | (written & EERD_ADDR) | EERD_DONE;
}

/* Whoever reads SMBI as 0 holds it: the read itself sets it. */
uint32_t i82576_swsm_read(void *dev, const struct nic_reg_row *row, unsigned index,
			  uint32_t stored)
{
	struct i82576_pf *pf = dev;

	(void)row, (void)index;
	PF_REG(pf, SWSM) = stored | SWSM_SMBI;
	return stored;
}

/* SWESMBI is granted unless firmware holds the other half of it. */
void i82576_swsm_write(void *dev, const struct nic_reg_row *row, unsigned index,
		       uint32_t written)
{
	struct i82576_pf *pf = dev;
	uint32_t granted = PF_REG(pf, FWSM) & FWSM_EEP_FW ? 0 : SWSM_SWESMBI;

	(void)row, (void)index;
	PF_REG(pf, SWSM) = written & (SWSM_SMBI | granted);
}
