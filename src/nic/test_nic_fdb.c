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

/* ---- entries for any VLAN ---- */

static void any_vlan_is_all_but_those_with_an_entry(void **state)
{
	struct nic_fdb *fdb;

	(void)state;
	assert_int_equal(nic_fdb_new(4, &fdb), 0);
	assert_int_equal(nic_fdb_add(fdb, MAC(1), 7, 1), 0);
	assert_int_equal(nic_fdb_find(fdb, MAC(1), 8), -1);
	assert_int_equal(nic_fdb_add(fdb, MAC(1), NIC_FDB_ANY_VLAN, 2), 0);
	assert_int_equal(nic_fdb_add(fdb, MAC(2), 4095, 3), 0); /* an ordinary VLAN */
	assert_int_equal(nic_fdb_find(fdb, MAC(1), 7), 1);
	assert_int_equal(nic_fdb_find(fdb, MAC(1), 8), 2);
	assert_int_equal(nic_fdb_find(fdb, MAC(1), 4095), 2);
	assert_int_equal(nic_fdb_find(fdb, MAC(1), 0), -1); /* untagged is no VLAN */
	assert_int_equal(nic_fdb_find(fdb, MAC(2), 8), -1);
	assert_int_equal(nic_fdb_find(fdb, MAC(3), 7), -1);
	assert_int_equal(fdb->any_vlan, 1);
	nic_fdb_free(fdb);
}

/* ---- from a policy ---- */

static struct nic_policy policy_of(unsigned num_macs, unsigned num_vlans)
{
	struct nic_policy p = {.link_up = true, .rx_on = true, .untagged = true};

	while (p.num_macs < num_macs) {
		p.mac[p.num_macs] = MAC(p.num_macs + 1);
		p.num_macs++;
	}
	for (unsigned vid = 1; vid <= num_vlans; vid++)
		nic_bitmap_assign(p.vlans, vid, true);
	return p;
}

static struct nic_fdb *fdb_of(const struct nic_policy *p, uint32_t port)
{
	struct nic_fdb *fdb;

	assert_int_equal(nic_fdb_new(nic_fdb_room(p), &fdb), 0);
	nic_fdb_add_port(fdb, p, port);
	assert_true(fdb->used <= nic_fdb_room(p));
	return fdb;
}

static void a_port_is_found_in_its_vlans(void **state)
{
	struct nic_policy p = policy_of(32, 64);
	struct nic_fdb *fdb;

	(void)state;
	p.mac[3] = 0; /* an empty filter is nobody's */
	fdb = fdb_of(&p, 9);
	assert_int_equal(fdb->used, 31 * 65);
	for (uint16_t vid = 0; vid < 70; vid++) {
		assert_int_equal(nic_fdb_find(fdb, MAC(1), vid), vid <= 64 ? 9 : -1);
		assert_int_equal(nic_fdb_find(fdb, MAC(32), vid), vid <= 64 ? 9 : -1);
	}
	nic_fdb_free(fdb);
	p.untagged = false;
	fdb = fdb_of(&p, 9);
	assert_int_equal(nic_fdb_find(fdb, MAC(1), 0), -1);
	assert_int_equal(nic_fdb_find(fdb, MAC(1), 64), 9);
	nic_fdb_free(fdb);
	p.pvid = 100; /* then in no other */
	fdb = fdb_of(&p, 9);
	assert_int_equal(fdb->used, 31);
	assert_int_equal(nic_fdb_find(fdb, MAC(1), 100), 9);
	assert_int_equal(nic_fdb_find(fdb, MAC(1), 64), -1);
	nic_fdb_free(fdb);
}

static void many_vlans_take_one_entry(void **state)
{
	struct nic_policy many = policy_of(2, 65), all = policy_of(2, 0);
	struct nic_fdb *fdb = fdb_of(&many, 9);

	(void)state;
	assert_int_equal(fdb->used, 4);
	assert_int_equal(nic_fdb_find(fdb, MAC(1), 0), 9);
	assert_int_equal(nic_fdb_find(fdb, MAC(2), 65), 9);
	nic_fdb_free(fdb);
	all.any_vlan = true;
	all.untagged = false;
	fdb = fdb_of(&all, 9);
	assert_int_equal(fdb->used, 2);
	assert_int_equal(nic_fdb_find(fdb, MAC(1), 0), -1);
	assert_int_equal(nic_fdb_find(fdb, MAC(1), 4094), 9);
	nic_fdb_free(fdb);
}

/* What a port that is down has is found, unless another has it too. */
static void a_port_that_is_down_yields(void **state)
{
	struct nic_policy up = policy_of(1, 0), down = policy_of(2, 2);
	struct nic_fdb *fdb;

	(void)state;
	up.any_vlan = true;
	up.untagged = false;
	down.rx_on = false;
	assert_int_equal(nic_fdb_new(nic_fdb_room(&up) + nic_fdb_room(&down), &fdb), 0);
	nic_fdb_add_port(fdb, &up, 1);
	nic_fdb_add_port(fdb, &down, 2);
	assert_int_equal(nic_fdb_find(fdb, MAC(1), 0), 2);
	assert_int_equal(nic_fdb_find(fdb, MAC(1), 1), 1);
	assert_int_equal(nic_fdb_find(fdb, MAC(2), 1), 2);
	assert_int_equal(nic_fdb_find(fdb, MAC(2), 3), -1);
	nic_fdb_free(fdb);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_entered_is_found),
		cmocka_unit_test(the_first_owner_keeps_an_address),
		cmocka_unit_test(a_table_fills_to_one_half),
		cmocka_unit_test(the_largest_card_fits),
		cmocka_unit_test(two_tables_hash_differently),
		cmocka_unit_test(any_vlan_is_all_but_those_with_an_entry),
		cmocka_unit_test(a_port_is_found_in_its_vlans),
		cmocka_unit_test(many_vlans_take_one_entry),
		cmocka_unit_test(a_port_that_is_down_yields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
