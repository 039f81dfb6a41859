/* SPDX-License-Identifier: BSD-3-Clause */
#include "test_port.h"

#include <errno.h>

#include "nic_fdb.h"

#define MAC(n) (0x0202ull | (uint64_t)(n) << 16)

static void what_was_entered_is_found(void **state)
{
	struct nic_fdb *fdb;

	(void)state;
	assert_int_equal(nic_fdb_new(3, &fdb), 0);
	assert_int_equal(nic_fdb_add(fdb, MAC(1), 0, 7), 0);
	assert_int_equal(nic_fdb_add(fdb, MAC(1), 5, 8), 0);
	assert_int_equal(nic_fdb_add(fdb, MAC(2), 4095, 255), 0);
	assert_int_equal(nic_fdb_find(fdb, MAC(1), 0), 7);
	assert_int_equal(nic_fdb_find(fdb, MAC(1), 5), 8);
	assert_int_equal(nic_fdb_find(fdb, MAC(2), 4095), 255);
	assert_int_equal(nic_fdb_find(fdb, MAC(2), 0), -1);
	assert_int_equal(nic_fdb_find(fdb, MAC(3), 5), -1);
	assert_int_equal(nic_fdb_find(fdb, 0, 0), -1);
	nic_fdb_free(fdb);
}

static void the_first_owner_keeps_an_address(void **state)
{
	struct nic_fdb *fdb;

	(void)state;
	assert_int_equal(nic_fdb_new(1, &fdb), 0);
	assert_int_equal(nic_fdb_add(fdb, MAC(1), 0, 1), 0);
	assert_int_equal(nic_fdb_add(fdb, MAC(1), 0, 1), 0);
	assert_int_equal(fdb->used, 1);
	assert_int_equal(nic_fdb_add(fdb, MAC(1), 0, 2), -EEXIST);
	assert_int_equal(nic_fdb_find(fdb, MAC(1), 0), 1);
	nic_fdb_free(fdb);
}

/* The bound on a probe: a table is never more than half full, whoever chose the addresses. */
static void a_table_fills_to_one_half(void **state)
{
	struct nic_fdb *fdb;
	uint32_t n = 0;

	(void)state;
	assert_int_equal(nic_fdb_new(0, &fdb), 0);
	while (nic_fdb_add(fdb, MAC(n), 0, n) == 0)
		n++;
	assert_int_equal(2 * n, fdb->mask + 1);
	assert_int_equal(nic_fdb_add(fdb, MAC(n), 0, n), -ENOSPC);
	assert_int_equal(nic_fdb_add(fdb, MAC(0), 0, 0), 0); /* nothing new: no room needed */
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(nic_fdb_find(fdb, MAC(i), 0), i);
	assert_int_equal(nic_fdb_find(fdb, MAC(n), 0), -1);
	nic_fdb_free(fdb);
}

/* The largest card: 255 VFs, 32 addresses, 33 VLANs each. */
static void the_largest_card_fits(void **state)
{
	const uint32_t entries = 255 * 32 * 33;
	struct nic_fdb *fdb;

	(void)state;
	assert_int_equal(nic_fdb_new(entries, &fdb), 0);
	for (uint32_t i = 0; i < entries; i++)
		assert_int_equal(nic_fdb_add(fdb, MAC(i / 33), (uint16_t)(i % 33), i % 255), 0);
	for (uint32_t i = 0; i < entries; i++)
		assert_int_equal(nic_fdb_find(fdb, MAC(i / 33), (uint16_t)(i % 33)), i % 255);
	assert_int_equal((uintptr_t)fdb->slot % CACHE_LINE, 0);
	nic_fdb_free(fdb);
}

static void two_tables_hash_differently(void **state)
{
	struct nic_fdb *a, *b;

	(void)state;
	assert_int_equal(nic_fdb_new(1, &a), 0);
	assert_int_equal(nic_fdb_new(1, &b), 0);
	assert_memory_not_equal(&a->hash_key, &b->hash_key, sizeof(a->hash_key));
	nic_fdb_free(a);
	nic_fdb_free(b);
	nic_fdb_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_entered_is_found),
		cmocka_unit_test(the_first_owner_keeps_an_address),
		cmocka_unit_test(a_table_fills_to_one_half),
		cmocka_unit_test(the_largest_card_fits),
		cmocka_unit_test(two_tables_hash_differently),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
