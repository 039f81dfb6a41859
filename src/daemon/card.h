/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * card.h - one card: data path, uplink, functions and their sockets: RUN/NAME/vfN.sock for the
 * VFs' VMs, pf.sock and viewN.sock for the VM that drives the card. It is made whole or not at
 * all, and it is the daemon's from card_new to card_free.
 */
#ifndef LADON_DAEMON_CARD_H
#define LADON_DAEMON_CARD_H

#include "cmd.h"
#include "function.h"
#include "loop.h"
#include "nic_card.h"
#include "token.h"

#define CARD_VFS_MAX	  NIC_MAX_VFS
#define CARD_ANY_VF	  NIC_PF /* in place of a number: the first that is free */
#define CARD_FIRST_OFFSET 0x80
#define CARD_STRIDE	  2
#define CARD_RIDS	  0x200 /* a pair of bus numbers */
#define CARD_MTU	  1500

struct capture;
struct uplink;

struct card {
	struct daemon *daemon; /* borrowed */
	struct card *next;
	char name[NIC_NAME_MAX];
	struct card_params params;
	unsigned slot;	  /* which pair of bus numbers */
	pci_rid_t pf_rid; /* function 0 of its first bus */
	char dir[FUNCTION_PATH_MAX];
	bool dir_made;
	struct nic_card *nic;			  /* owned */
	struct uplink *uplink;			  /* owned; NULL = none */
	unsigned vfs_end;			  /* the highest VF's number, plus 1 */
	struct function *functions[CARD_VFS_MAX]; /* owned: VFs by number, NULL = none */
	struct function *pf;			  /* owned */
	struct function *views[CARD_VFS_MAX]; /* owned: the VFs in the PF's guest, to VF 6 */
	struct token token;
	uint64_t refused[TOKEN_VERDICT_NUM]; /* clients, by why */
	bool link_told[CARD_VFS_MAX];	     /* what the last link event said */
	struct loop_timer *uplink_timer;     /* owned; NULL = no uplink to look after */
	struct loop_fd *events;		     /* owned: the data path wants attention */
	struct capture *captures;	     /* their clients' */
};

/* Returns 0, or -errno with a sentence and nothing left behind. */
int card_new(struct daemon *daemon, const struct card_params *params, struct card **ret_card,
	     struct cmd_error *error);
/* Drops its clients, removes its sockets. Takes NULL. */
void card_free(struct card *card);

/*
 * card_vfs.c. After another VF of the card (NULL: none), in order of number; NULL = no more.
 * How many there are; their numbers as "0-3,5".
 */
struct function *card_next_vf(const struct card *card, const struct function *after);
unsigned card_num_vfs(const struct card *card);
#define CARD_VF_LIST_BYTES 640
const char *card_vf_list(const struct card *card, char buf[CARD_VF_LIST_BYTES]);
/* Could the VFs be an 82576's: at most 7, from 0 on without a gap? Then a PF driver in a guest
 * may have the card. */
bool card_is_82576(const struct card *card);

/*
 * The card has VFs 0 to num - 1 from now on, or VF n more (CARD_ANY_VF: any) or less. VFs that
 * it had and keeps notice nothing. A client of one that goes is dropped, drained. Return 0, or
 * -errno with a sentence and nothing changed: -EBUSY (a PF driver in a guest owns the card),
 * -ERANGE and -EOPNOTSUPP (strict-model), -EINVAL (no place for its routing ID), -EEXIST,
 * -ENOSPC, and what making a socket returns.
 */
int card_set_vfs(struct card *card, unsigned num, struct cmd_error *error);
int card_add_vf(struct card *card, unsigned n, unsigned *ret_n, struct cmd_error *error);
int card_del_vf(struct card *card, unsigned n, struct cmd_error *error);
/* At the card's end. */
void card_free_vfs(struct card *card);
/* function_new, with a sentence. */
int card_make_function(struct card *card, const struct function_kind *kind, unsigned n,
		       pci_rid_t rid, struct function **ret_fn, struct cmd_error *error);

/*
 * card_uplink.c: opens the uplink that params name, before there are functions. Returns 0, or
 * -errno with a sentence.
 */
int card_uplink_make(struct card *card, struct cmd_error *error);
/* The data path wants attention: has the uplink's other end gone? */
void card_uplink_event(struct card *card);
/* Nobody looks after it any more; then it is closed. Take cards that have none. */
void card_uplink_quiet(struct card *card);
void card_uplink_free(struct card *card);
/* Has it another end? None at all counts as up. */
bool card_uplink_up(const struct card *card);

/* What was said of flow control and control frames, from now on. -ENOMEM with a sentence, and
 * nothing changed. */
int card_set_control(struct card *card, const struct card_params *params,
		     struct cmd_error *error);

/* Does a PF driver in a guest own the policy? Else the built-in PF does. */
bool card_guest_owns(const struct card *card);

/* Emits events for links that changed since they were last told of. */
void card_tell_links(struct card *card);

/* function_token.c: who is attached to VFs; log and event of a changed token (by: the PF, or
 * NULL for the operator); what `show` says of it. */
unsigned card_token_users(const struct card *card);
void card_token_told(struct card *card, const struct function *by);
struct json_object *card_token_json(const struct card *card);

/* By name; a sentence and -ENODEV when there is none. */
int card_find(struct daemon *daemon, const char *name, struct card **ret_card,
	      struct cmd_error *error);
/* Function n of the card of this name; -ENODEV, -EINVAL with a sentence. */
int card_find_function(struct daemon *daemon, const char *name, unsigned n,
		       struct function **ret_fn, struct cmd_error *error);

/* An array of what json makes of each card (of the one named, if name is not empty); arg is
 * handed on. -ENODEV when there is no such card. */
int cards_json(struct daemon *daemon, const char *name,
	       struct json_object *(*json)(const struct card *card, bool arg), bool arg,
	       struct json_object **ret_list, struct cmd_error *error);

#endif
