/* SPDX-License-Identifier: BSD-3-Clause */
/* What rtnetlink says, with the kernel's answers made here: VLAN interfaces are not in every
 * kernel that tests run on. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <libmnl/libmnl.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include "netdev.h"

#define OURS 7u

static struct netdev_link nl_link = {.ifindex = OURS};
static struct netdev_wanted wanted;
static char answer[2][4096]; /* of links, of addresses */
static size_t answer_len[2];
static unsigned asked, interrupts;

ssize_t __wrap_mnl_socket_sendto(const struct mnl_socket *nl, const void *buf, size_t len);
ssize_t __wrap_mnl_socket_recvfrom(const struct mnl_socket *nl, void *buf, size_t len);

ssize_t __wrap_mnl_socket_sendto(const struct mnl_socket *nl, const void *buf, size_t len)
{
	const struct nlmsghdr *nlh = buf;

	(void)nl;
	asked = nlh->nlmsg_type == RTM_GETNEIGH;
	return (ssize_t)len;
}

ssize_t __wrap_mnl_socket_recvfrom(const struct mnl_socket *nl, void *buf, size_t len)
{
	struct nlmsghdr *done;

	(void)nl;
	memcpy(buf, answer[asked], answer_len[asked]);
	for (struct nlmsghdr *nlh = buf; (char *)nlh < (char *)buf + answer_len[asked];
	     nlh = (void *)((char *)nlh + nlh->nlmsg_len)) {
		nlh->nlmsg_seq = nl_link.seq;
		nlh->nlmsg_flags = NLM_F_MULTI | (asked && interrupts ? NLM_F_DUMP_INTR : 0);
	}
	interrupts -= asked && interrupts ? 1 : 0;
	done = mnl_nlmsg_put_header((char *)buf + answer_len[asked]);
	done->nlmsg_type = NLMSG_DONE;
	done->nlmsg_seq = nl_link.seq;
	done->nlmsg_flags = NLM_F_MULTI;
	mnl_nlmsg_put_extra_header(done, 4);
	assert_true(answer_len[asked] + done->nlmsg_len < len);
	return (ssize_t)(answer_len[asked] + done->nlmsg_len);
}

static struct nlmsghdr *add(unsigned which, uint16_t type)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(answer[which] + answer_len[which]);

	nlh->nlmsg_type = type;
	return nlh;
}

static void added(unsigned which, const struct nlmsghdr *nlh)
{
	answer_len[which] += nlh->nlmsg_len;
}

static struct nlmsghdr *begin_link(uint16_t type, unsigned index, unsigned flags)
{
	struct nlmsghdr *nlh = add(0, type);
	struct ifinfomsg *ifm = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifm));

	ifm->ifi_index = (int)index;
	ifm->ifi_flags = flags;
	return nlh;
}

static void add_ours(unsigned flags, unsigned promiscuity)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 0, 7};
	struct nlmsghdr *nlh = begin_link(RTM_NEWLINK, OURS, flags);

	mnl_attr_put_strz(nlh, IFLA_IFNAME, "eth1");
	mnl_attr_put_u32(nlh, IFLA_MTU, 1400);
	mnl_attr_put_u32(nlh, IFLA_PROMISCUITY, promiscuity);
	mnl_attr_put(nlh, IFLA_ADDRESS, sizeof(mac), mac);
	added(0, nlh);
}

static struct nlmsghdr *begin_vlan(uint16_t type, unsigned lower, const char *kind,
				   uint16_t vid, uint16_t proto)
{
	struct nlmsghdr *nlh = begin_link(type, 20 + vid, 0);
	struct nlattr *info, *data;

	mnl_attr_put_u32(nlh, IFLA_LINK, lower);
	info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, kind);
	data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
	mnl_attr_put_u16(nlh, IFLA_VLAN_ID, vid);
	mnl_attr_put_u16(nlh, IFLA_VLAN_PROTOCOL, __builtin_bswap16(proto));
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, info);
	return nlh;
}

static void add_vlan(unsigned lower, const char *kind, uint16_t vid, uint16_t proto)
{
	added(0, begin_vlan(RTM_NEWLINK, lower, kind, vid, proto));
}

static void add_address(unsigned index, uint8_t flags, uint8_t first, uint8_t last)
{
	const uint8_t mac[6] = {first, 0, 0, 0, 0, last};
	struct nlmsghdr *nlh = add(1, RTM_NEWNEIGH);
	struct ndmsg *ndm = mnl_nlmsg_put_extra_header(nlh, sizeof(*ndm));

	ndm->ndm_ifindex = (int)index;
	ndm->ndm_flags = flags;
	mnl_attr_put(nlh, NDA_LLADDR, sizeof(mac), mac);
	added(1, nlh);
}

/* Two sockets, as netdev_link_open makes them, but for the name. */
static int set_up(void **state)
{
	(void)state;
	nl_link = (struct netdev_link){.ifindex = OURS};
	nl_link.requests = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	answer_len[0] = answer_len[1] = 0;
	interrupts = 0;
	memset(&wanted, 0, sizeof(wanted));
	return nl_link.requests ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	netdev_link_close(&nl_link);
	return 0;
}

static void the_interface_itself(void **state)
{
	(void)state;
	add_ours(IFF_ALLMULTI, 1);
	assert_int_equal(netdev_link_query(&nl_link, &wanted), 0);
	assert_string_equal(wanted.name, "eth1");
	assert_int_equal(wanted.mtu, 1400);
	assert_int_equal(wanted.mac[5], 7);
	assert_true(wanted.allmulti);
	assert_true(wanted.promisc);
}

static void gone_is_an_error(void **state)
{
	(void)state;
	add_vlan(OURS, "vlan", 5, ETH_P_8021Q);
	wanted.mtu = 1;
	assert_int_equal(netdev_link_query(&nl_link, &wanted), -ENODEV);
	assert_int_equal(wanted.mtu, 1);
}

static void vlans_on_top(void **state)
{
	(void)state;
	add_ours(0, 0);
	add_vlan(OURS, "vlan", 5, ETH_P_8021Q);
	add_vlan(OURS, "vlan", 4095, ETH_P_8021Q);
	add_vlan(OURS, "vlan", 5000, ETH_P_8021Q);
	add_vlan(OURS, "vlan", 6, ETH_P_8021AD);
	add_vlan(OURS, "macvlan", 7, ETH_P_8021Q);
	add_vlan(OURS + 1, "vlan", 8, ETH_P_8021Q);
	assert_int_equal(netdev_link_query(&nl_link, &wanted), 0);
	assert_int_equal(wanted.vlans[0], 1u << 5);
	assert_true(wanted.vlans[63] == 1ull << 63);
	assert_false(wanted.promisc);
}

/* A number of another namespace's interface is not ours. */
static void a_lower_link_elsewhere_is_not_ours(void **state)
{
	struct nlmsghdr *nlh;

	(void)state;
	add_ours(0, 0);
	nlh = begin_vlan(RTM_NEWLINK, OURS, "vlan", 5, ETH_P_8021Q);
	mnl_attr_put_u32(nlh, IFLA_LINK_NETNSID, 3);
	added(0, nlh);
	assert_int_equal(netdev_link_query(&nl_link, &wanted), 0);
	assert_int_equal(wanted.vlans[0], 0);
}

static void addresses_by_kind(void **state)
{
	(void)state;
	add_ours(0, 1);
	add_address(OURS, NTF_SELF, 0x33, 1);
	add_address(OURS, NTF_SELF, 0x01, 2);
	add_address(OURS, NTF_SELF, 0x02, 3);
	add_address(OURS, NTF_MASTER, 0x02, 4);
	add_address(OURS + 1, NTF_SELF, 0x02, 5);
	interrupts = 1; /* begun again: nothing is there twice */
	assert_int_equal(netdev_link_query(&nl_link, &wanted), 0);
	assert_int_equal(wanted.num_mc, 2);
	assert_int_equal(wanted.mc[1][5], 2);
	assert_int_equal(wanted.num_uc, 1);
	assert_int_equal(wanted.uc[0][5], 3);
	/* The kernel's own way to hear that one unicast address. */
	assert_false(wanted.promisc);
}

static void too_many_addresses_are_counted(void **state)
{
	(void)state;
	add_ours(0, 0);
	for (unsigned i = 0; i < NETDEV_ADDRS + 6; i++)
		add_address(OURS, NTF_SELF, 0x33, (uint8_t)i);
	assert_int_equal(netdev_link_query(&nl_link, &wanted), 0);
	assert_int_equal(wanted.num_mc, NETDEV_ADDRS + 6);
	assert_int_equal(wanted.mc[NETDEV_ADDRS - 1][5], NETDEV_ADDRS - 1);
	assert_int_equal(wanted.num_uc, 0);
}

static void a_dump_that_is_always_interrupted_is_an_error(void **state)
{
	(void)state;
	add_ours(0, 0);
	add_address(OURS, NTF_SELF, 0x33, 1);
	interrupts = 1000;
	assert_int_equal(netdev_link_query(&nl_link, &wanted), -EINTR);
}

/* The other end of link.events. */
static int hear(void)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);
	nl_link.events = mnl_socket_fdopen(ends[0]);
	assert_non_null(nl_link.events);
	return ends[1];
}

static void say(int to, const struct nlmsghdr *nlh)
{
	assert_int_equal(write(to, nlh, nlh->nlmsg_len), nlh->nlmsg_len);
}

static void events_are_heard(void **state)
{
	struct nlmsghdr *nlh;
	int kernel = hear();

	(void)state;
	assert_int_equal(netdev_link_events(&nl_link), NETDEV_CHANGED);
	say(kernel, begin_link(RTM_NEWLINK, OURS, 0));
	say(kernel, begin_link(RTM_DELLINK, OURS + 1, 0));
	assert_int_equal(netdev_link_events(&nl_link), NETDEV_CHANGED);
	nlh = begin_link(RTM_DELLINK, OURS, 0);
	((struct ifinfomsg *)mnl_nlmsg_get_payload(nlh))->ifi_family = AF_BRIDGE;
	say(kernel, nlh);
	assert_int_equal(netdev_link_events(&nl_link), NETDEV_CHANGED);
	say(kernel, begin_link(RTM_DELLINK, OURS, 0));
	say(kernel, begin_link(RTM_NEWLINK, OURS + 1, 0));
	assert_int_equal(netdev_link_events(&nl_link), NETDEV_DELETED);
	close(kernel);
}

/* Deleted, a VLAN is left; moved to where it cannot be seen, it is not. */
static void a_vlan_that_moves_away_is_kept(void **state)
{
	struct nlmsghdr *nlh;
	int kernel = hear();

	(void)state;
	say(kernel, begin_vlan(RTM_DELLINK, OURS, "vlan", 5, ETH_P_8021Q));
	nlh = begin_vlan(RTM_DELLINK, OURS, "vlan", 6, ETH_P_8021Q);
	mnl_attr_put_u32(nlh, IFLA_NEW_NETNSID, 1);
	say(kernel, nlh);
	assert_int_equal(netdev_link_events(&nl_link), NETDEV_CHANGED);
	add_ours(0, 0);
	assert_int_equal(netdev_link_query(&nl_link, &wanted), 0);
	assert_int_equal(wanted.vlans[0], 1u << 6);
	close(kernel);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(the_interface_itself),
		TEST(gone_is_an_error),
		TEST(vlans_on_top),
		TEST(a_lower_link_elsewhere_is_not_ours),
		TEST(addresses_by_kind),
		TEST(too_many_addresses_are_counted),
		TEST(a_dump_that_is_always_interrupted_is_an_error),
		TEST(events_are_heard),
		TEST(a_vlan_that_moves_away_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
