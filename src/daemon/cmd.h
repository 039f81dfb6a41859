/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cmd.h - the grammar: one table of verbs, used by the control socket and by the config file.
 *
 * A line goes through two steps. cmd_parse looks only at the words and fills struct cmd: it
 * touches nothing, so tests and fuzzers feed it anything. cmd_run does it, all or nothing.
 */
#ifndef LADON_DAEMON_CMD_H
#define LADON_DAEMON_CMD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "host.h"
#include "i82576_pf.h"
#include "nic_card.h"
#include "uids.h"
#include "uplink.h"
#include "words.h"

struct daemon;
struct json_object;
struct cmd;

/* By enum nic_flow_mode. */
#define CARD_FLOW_WORDS 4
extern const char *const card_flow_words[CARD_FLOW_WORDS];

/* What `card add` says. */
struct card_params {
	char name[NIC_NAME_MAX];
	unsigned num_vfs;
	char uplink[UPLINK_SPEC_MAX];
	uint8_t mac[6];
	bool mac_set;
	bool strict;		    /* refuses what the model's hardware lacks */
	unsigned link_mbps;	    /* 0 = no limit */
	unsigned flow_mode;	    /* enum nic_flow_mode */
	bool pass_control;	    /* VFs' link control frames pass */
	bool flow_set, control_set; /* said, of the two above */
	bool vfs_set;		    /* likewise, of num_vfs */
	unsigned mtu;		    /* 0 = default */
	unsigned workers;	    /* 0 = one, or one for each of cpu[] */
	unsigned num_cpus;	    /* of cpu[]; 0 = the daemon's own choice */
	int cpu[NIC_WORKERS_MAX];
	struct i82576_sriov_place place; /* 0 = default, for each */
	struct uid_list uids;
	const char *token_file; /* NULL = none; borrowed until the command has run */
	int *files;		/* of a pcap uplink (uplink.h): likewise */
};

/* Which fields of struct link_change were given. */
enum link_field {
	LINK_MAC = 1 << 0,
	LINK_VLAN = 1 << 1,
	LINK_QOS = 1 << 2, /* only with LINK_VLAN */
	LINK_SPOOFCHK = 1 << 3,
	LINK_TRUST = 1 << 4,
	LINK_STATE = 1 << 5,
	LINK_RATE = 1 << 6,
	LINK_RATE_TOO = 1 << 7, /* by its other name; only while a line is parsed */
	LINK_PROTO = 1 << 8,	/* only with LINK_VLAN */
	LINK_MIN_RATE = 1 << 9,
	LINK_VLANS = 1 << 10,
	LINK_STORM_BCAST = 1 << 11,
	LINK_STORM_UUCAST = 1 << 12,
	LINK_QUERY_RSS = 1 << 13,
	LINK_MTU = 1 << 14,
	LINK_MIRROR = 1 << 15,
};

struct link_change {
	unsigned fields; /* enum link_field, or'ed */
	uint8_t mac[6];
	unsigned vlan, qos;
	bool svlan; /* vlan is of 802.1ad */
	enum nic_spoofchk spoofchk;
	bool trust, query_rss;
	enum nic_link state;
	uint64_t vlans[NIC_VLANS / 64];	    /* that it may use */
	unsigned rate, min_rate;	    /* Mbit/s, 0 = none */
	unsigned storm_bcast, storm_uucast; /* frames a second, 0 = no limit */
	unsigned mtu;			    /* bytes, 0 = no limit */
	struct nic_mirror_from mirror;
	struct words *words; /* behind mirror; only while a line is parsed */
};

/* What `vf unlock` and `pf unlock` say. */
struct unlock_params {
	unsigned seconds;
	bool by_uid, by_pid;
	uid_t uid;
	pid_t pid;
};

/* What `capture` says; neither vf nor uplink: all ports of the card. */
struct capture_request {
	bool vf; /* cmd.vf alone */
	bool uplink, drops;
	unsigned snaplen; /* 0 = whole frames */
};

/* What `vf set` says: a list of its own, or the card's. */
struct access_change {
	bool of_card;
	struct uid_list uids;
};

enum cmd_flags {
	CMD_MONITOR = 1 << 0, /* keeps the connection: only on the control socket */
	CMD_CHANGE = 1 << 1,  /* changes something: may stand in a config file */
	CMD_CAPTURE = 1 << 2, /* turns the connection into a stream (capture.h) */
};

struct cmd_row {
	const char *noun, *verb; /* verb NULL: the noun alone */
	unsigned flags;		 /* enum cmd_flags */
	const char *usage;	 /* without "ladon" */
	const char *text;	 /* one line of help */
	/* The words after noun and verb. Returns 0 or -errno with a sentence. */
	int (*parse)(struct words *w, struct cmd *ret_cmd, struct cmd_error *error);
	/* Returns 0 or -errno with a sentence; *ret_data (owned by the caller) may stay NULL.
	 */
	int (*run)(struct daemon *daemon, const struct cmd *cmd, struct json_object **ret_data,
		   struct cmd_error *error);
};

struct cmd {
	const struct cmd_row *row;
	char card[NIC_NAME_MAX];  /* "" = all */
	unsigned vf;		  /* or NIC_PF, where both may be said or none need be */
	char host[HOST_NAME_LEN]; /* "" = all, or none */
	unsigned lease_ms;	  /* of `host add`; 0 = default */
	struct card_params add;
	struct link_change link;
	struct unlock_params unlock;
	struct access_change access;
	struct capture_request capture;
	const char *token_file; /* NULL = none; borrowed until the command has run */
	/* The request's, not the words': */
	bool stats;
	const char *token; /* NULL = none; borrowed likewise; never shown to anybody */
};

/* Words to *ret_cmd (untouched on failure). num may be 0. Returns 0 or -errno with a sentence.
 */
int cmd_parse(const char *const *words, unsigned num, struct cmd *ret_cmd,
	      struct cmd_error *error);
/* Does it. Nothing has changed on failure. *ret_data: NULL or a new reference. */
int cmd_run(struct daemon *daemon, const struct cmd *cmd, struct json_object **ret_data,
	    struct cmd_error *error);

/* The table, for help and tests. */
const struct cmd_row *cmd_rows(unsigned *ret_num);

/* The parsers and runners of cmd_*.c. */
int cmd_parse_nothing(struct words *w, struct cmd *ret_cmd, struct cmd_error *error);
int cmd_parse_card(struct words *w, struct cmd *ret_cmd, struct cmd_error *error);
int cmd_parse_card_opt(struct words *w, struct cmd *ret_cmd, struct cmd_error *error);
int cmd_parse_card_n(struct words *w, struct cmd *ret_cmd, struct cmd_error *error);
int cmd_parse_card_function(struct words *w, struct cmd *ret_cmd, struct cmd_error *error);
int cmd_parse_card_set(struct words *w, struct cmd *ret_cmd, struct cmd_error *error);
int cmd_parse_vf_add(struct words *w, struct cmd *ret_cmd, struct cmd_error *error);
int cmd_parse_card_add(struct words *w, struct cmd *ret_cmd, struct cmd_error *error);
int cmd_parse_link_set(struct words *w, struct cmd *ret_cmd, struct cmd_error *error);
int cmd_parse_token_set(struct words *w, struct cmd *ret_cmd, struct cmd_error *error);
int cmd_parse_pf_unlock(struct words *w, struct cmd *ret_cmd, struct cmd_error *error);
int cmd_parse_vf_unlock(struct words *w, struct cmd *ret_cmd, struct cmd_error *error);
int cmd_parse_vf_set(struct words *w, struct cmd *ret_cmd, struct cmd_error *error);
int cmd_parse_host(struct words *w, struct cmd *ret_cmd, struct cmd_error *error);
int cmd_parse_host_opt(struct words *w, struct cmd *ret_cmd, struct cmd_error *error);
int cmd_parse_host_add(struct words *w, struct cmd *ret_cmd, struct cmd_error *error);
int cmd_parse_vf_assign(struct words *w, struct cmd *ret_cmd, struct cmd_error *error);
int cmd_parse_capture(struct words *w, struct cmd *ret_cmd, struct cmd_error *error);
int cmd_parse_registers(struct words *w, struct cmd *ret_cmd, struct cmd_error *error);
/* "CARD", "vf N" and "[vf] N" without looking at what follows. */
int cmd_take_card(struct words *w, struct cmd *ret_cmd, struct cmd_error *error);
int cmd_take_vf(struct words *w, struct cmd *ret_cmd, struct cmd_error *error);
int cmd_take_vf_or_n(struct words *w, struct cmd *ret_cmd, struct cmd_error *error);
/* The values of allow-uid and token-file, as card add takes them. */
int cmd_take_uids(const char *value, struct uid_list *ret, struct cmd_error *error);
int cmd_take_token_file(const char *value, const char **ret, struct cmd_error *error);

#define CMD_RUN(name)                                                                         \
	int name(struct daemon *daemon, const struct cmd *cmd, struct json_object **ret_data, \
		 struct cmd_error *error)
CMD_RUN(cmd_card_add);
CMD_RUN(cmd_card_del);
CMD_RUN(cmd_card_set);
CMD_RUN(cmd_card_show);
CMD_RUN(cmd_link_show);
CMD_RUN(cmd_link_set);
CMD_RUN(cmd_pf_show);
CMD_RUN(cmd_vf_add);
CMD_RUN(cmd_vf_del);
CMD_RUN(cmd_vf_show);
CMD_RUN(cmd_vf_reset);
CMD_RUN(cmd_vf_set);
CMD_RUN(cmd_vf_unlock);
CMD_RUN(cmd_pf_unlock);
CMD_RUN(cmd_token_set);
CMD_RUN(cmd_token_clear);
CMD_RUN(cmd_token_show);

#define CMD_TOKEN_ROOM                                                        \
	64 /* a UUID, blanks around it, and a byte to see that it is too long \
	    */
/* cmd_token.c: the text of a token file (secret: the caller wipes it). -errno with a
 * sentence.
 */
int cmd_token_text(const char *path, char ret_text[CMD_TOKEN_ROOM], struct cmd_error *error);
/* cmd_token.c: the token that came with the command, as bytes. 1; 0 when none came; -errno with
 * a sentence. */
int cmd_token_read(const struct cmd *cmd, const char *file, uint8_t *ret_uuid,
		   struct cmd_error *error);
CMD_RUN(cmd_host_add);
CMD_RUN(cmd_host_del);
CMD_RUN(cmd_host_show);
CMD_RUN(cmd_host_map);
CMD_RUN(cmd_vf_assign);
CMD_RUN(cmd_capture);
CMD_RUN(cmd_faults);
CMD_RUN(cmd_qemu);
CMD_RUN(cmd_show);
CMD_RUN(cmd_registers);
CMD_RUN(cmd_ping);
CMD_RUN(cmd_help);

#endif
