#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes the tables of docs/link-words.md. With --check it only compares. Run: docs/link-words.py

What Ladon does with a word stands here beside the tests that show it; each must be in the tree, and each word of
`ladon link set` must have a row.
"""
import collections
import functools
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
PAGE = os.path.join(HERE, "link-words.md")
GRAMMAR = os.path.join(ROOT, "src", "daemon", "cmd_parse_link.c")
BEGIN, END = "<!-- from link-words.py -->\n", "<!-- end -->\n"

STRICT = "e2e_cli: strict model keeps to the hardware"
REFUSED = ["vm_pf_policy: unsupported"]
NO_WORD = "no such word"

# A row: its name, words of link set that it is for; (built-in PF, tests), (Linux' igb as the PF's driver, tests), QEMU's igb,
# 82599, X710.
ROWS = [
    ("`mac`", ["mac"],
     ("received, and with `spoofchk` nothing else is sent; the guest may not change it",
      ["nic_card: the_operator_sets_an_address", "nic_card: an_operators_address_is_not_the_guests_to_change",
       "vm_policy: operators_mac"]),
     ("received after a driver reload, and with `spoofchk` nothing else is sent", ["vm_pf_policy: address"]),
     "received; not held to it when sending", "yes", "yes, resets the VF"),
    ("`vlan`, `qos`", ["vlan", "qos"],
     ("tag put in and taken out, other VLANs kept away, a tag of the tenant's own is dropped",
      ["nic_switch: a_port_vlan_is_put_in_and_taken_off", "nic_switch: a_port_vlan_is_not_left", "vm_policy: port_vlans"]),
     ("the same, and reported", ["vm_pf_policy: port_vlan"]),
     "tag put in and taken out; a tenant may send a tag of its own", "yes", "yes"),
    ("`proto 802.1ad`", ["proto"],
     ("around the tenant's own tags; refused under `strict-model`",
      ["nic_switch_vlan: the_outer_tag_is_put_in_and_taken_off", "nic_switch_vlan: the_tenants_own_tag_passes_inside",
       "e2e_policy: qinq port vlan", STRICT]),
     ("refused by igb", []), "refused by igb", "refused", "refused"),
    ("`max_tx_rate`, `rate`", ["max_tx_rate", "rate"],
     ("held; what is above waits", ["nic_pace: the_rate_is_kept_over_time", "nic_dp_rate: frames_wait_and_are_not_lost"]),
     ("held within 3 %", ["vm_pf_policy: rates", "i82576_pf_policy: rates"]),
     "stored", "yes, from 11 Mbit/s", "yes, in steps of 50 Mbit/s"),
    ("`min_tx_rate`", ["min_tx_rate"],
     ("held whatever others send, the spare is shared; refused under `strict-model`",
      ["nic_sched: minima_are_held_and_the_spare_is_shared", "nic_sched: minima_hold_at_a_common_receiver",
       "nic_dp_rate: a_minimum_is_sent_in_time", STRICT]),
     ("refused by igb", REFUSED), "refused by igb", "refused", "refused"),
    ("`spoofchk on`", ["spoofchk"],
     ("foreign addresses and VLANs dropped and counted",
      ["nic_switch: a_foreign_source_address_is_refused", "nic_switch: a_sender_needs_membership_of_the_vlan",
       "vm_policy: spoofing"]),
     ("the same, and reported in the kernel log", ["vm_pf_policy: spoofing", "vm_pf_policy: foreign_vlan"]),
     "stored", "yes", "yes"),
    ("`spoofchk arp`", [],
     ("with that, ARP and neighbour discovery that name another address; refused under `strict-model`",
      ["nic_switch_words: arp_of_another_is_refused", "nic_switch_words: discovery_of_another_is_refused",
       "net_neigh: extension_headers_hide_nothing", "e2e_link_words: spoofchk arp",
       "e2e_link_words: wrong settings change nothing"]),
     (NO_WORD, []), NO_WORD, NO_WORD, NO_WORD),
    ("`trust`", ["trust"],
     ("the guest may change its address and be promiscuous",
      ["nic_card: a_guest_takes_a_free_address", "nic_card: promiscuity_takes_trust", "vm_policy: promiscuous",
       "vm_policy: guests_mac"]),
     ("the guest may change its address", ["vm_pf_policy: address"]),
     "the guest may change its address", "address, all multicast; not promiscuous",
     "address, promiscuous (all frames with `vf-true-promisc-support`)"),
    ("`state`", ["state"],
     ("auto, enable (VF to VF while the uplink is down), disable; enable is refused under `strict-model`",
      ["nic_card: the_operator_rules_the_link", "e2e_policy: state enable outlives the uplink", "vm_policy: link_state",
       STRICT]),
     ("refused by igb", REFUSED), "refused by igb", "auto, disable; enable does nothing", "yes"),
    ("`query_rss`", ["query_rss"],
     ("kept and shown, and nothing follows: a VF of an 82576 cannot ask; on is refused under `strict-model`",
      ["e2e_link_words: query rss", "e2e_link_words: wrong settings change nothing"]),
     ("refused by igb", REFUSED), "refused by igb", "yes", "refused"),
    ("`vlans`", ["vlans"],
     ("only listed 802.1Q tags leave",
      ["nic_switch_vlan: only_listed_vlans_are_sent_in", "nic_card: a_list_of_vlans_is_published", "e2e_policy: vlan list"]),
     (NO_WORD, []), NO_WORD, NO_WORD, NO_WORD),
    ("`storm_bcast_rate`, `storm_uucast_rate`", ["storm_bcast_rate", "storm_uucast_rate"],
     ("what is above is dropped", ["nic_switch: a_storm_is_held_to_its_limit", "nic_switch: only_what_is_meant_is_limited",
                                   "e2e_policy: storm limits"]),
     (NO_WORD, []), NO_WORD, NO_WORD, NO_WORD),
    ("`mtu`", ["mtu"],
     ("bounds what is sent and received, and what the driver may ask for",
      ["nic_switch_words: an_mtu_bounds_what_is_sent", "nic_switch_words: an_mtu_bounds_what_is_received",
       "nic_card: an_operators_mtu_bounds_what_a_guest_asks_for", "i82576_mbx: frame_sizes_are_bounded",
       "e2e_link_words: mtu"]),
     (NO_WORD, []), NO_WORD, NO_WORD, NO_WORD),
    ("`mirror`", ["mirror"],
     ("copies of what a VF or the uplink sends or receives, with the wire's tags; the frame itself is not held up",
      ["nic_mirror: what_a_port_sends", "nic_mirror: what_a_port_receives", "nic_mirror: both_directions_of_the_uplink",
       "nic_mirror: the_frame_does_not_care", "nic_card_mirror: what_contradicts_is_refused",
       "e2e_policy: mirror_of_a_vf"]),
     ("the same: it stays the operator's", ["nic_card_mirror: it_holds_whoever_owns_the_policy"]),
     NO_WORD, NO_WORD, NO_WORD),
]


def grammar():
    """The words that link set knows."""
    with open(GRAMMAR, encoding="utf-8") as source:
        table = re.search(r"words_option options\[\] = \{(.*?)\n\};", source.read(), re.S)
    return re.findall(r'\{"(\w+)",', table.group(1))


@functools.lru_cache(maxsize=None)
def cases(test):
    """What a meson test runs, by the names of the functions."""
    kind, _, rest = test.partition("_")
    places = {"e2e": [f"tests/e2e/test_{rest}.py"], "vm": [f"tests/vm/test_{rest}.py"]}
    for path in places.get(kind, [f"src/{room}/test_{test}.c" for room in ("net", "nic", "nic/i82576", "daemon")]):
        if os.path.exists(os.path.join(ROOT, path)):
            with open(os.path.join(ROOT, path), encoding="utf-8") as source:
                text = source.read()
            if kind == "e2e":
                return re.findall(r"^@CASE\ndef (\w+)\(", text, re.M)
            words = collections.Counter(re.findall(r"\w+", text))
            made = re.findall(r"^(?:static void|def) (\w+)\(", text, re.M)
            return [case for case in made if words[case] > 1]  # called, or in a list
    return []


def is_there(test):
    """Does the test that is named run the case that is named?"""
    name, _, case = test.partition(": ")
    return case.replace(" ", "_") in cases(name)


def problems():
    """What is wrong with ROWS, a sentence each."""
    known = [word for _, words, *_ in ROWS for word in words]
    for word in grammar():
        if known.count(word) != 1:
            yield f"docs/link-words.py: {word}, a word of link set, has {known.count(word)} rows"
    for word in set(known) - set(grammar()):
        yield f"docs/link-words.py: {word} is no word of link set"
    for name, _, builtin, guest, *_ in ROWS:
        if not builtin[1]:
            yield f"docs/link-words.py: no test is named for {name}"
        for test in builtin[1] + guest[1]:
            if not is_there(test):
                yield f"docs/link-words.py: {name}: there is no test {test}"


def tables():
    """The rows as Markdown: what each does, and by what tests."""
    lines = ["| word | Ladon | Ladon, igb drives the PF | QEMU's igb | 82599 | X710 |", "|---|---|---|---|---|---|"]
    for name, _, builtin, guest, *others in ROWS:
        lines.append("| " + " | ".join([name, builtin[0], guest[0], *others]) + " |")
    lines += ["", "| word | Ladon's cells are held by |", "|---|---|"]
    for name, _, builtin, guest, *_ in ROWS:
        lines.append(f"| {name} | " + ", ".join(f"`{test}`" for test in builtin[1] + guest[1]) + " |")
    return "\n".join(lines) + "\n"


def main():
    """Writes or checks; 1 when the page, the tests and the grammar do not agree."""
    wrong = list(problems())
    for problem in wrong:
        print(problem)
    with open(PAGE, encoding="utf-8") as page:
        text = page.read()
    before, rest = text.split(BEGIN)
    new = before + BEGIN + tables() + END + rest.split(END)[1]
    if "--check" in sys.argv:
        if new != text:
            print("docs/link-words.md is not what docs/link-words.py says: run it")
        return int(new != text or bool(wrong))
    with open(PAGE, "w", encoding="utf-8") as page:
        page.write(new)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
