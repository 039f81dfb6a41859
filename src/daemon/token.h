/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * token.h - the VF token of a card, by vfio-pci's rules. Pure: no daemon, no clock, no log.
 *
 * One token, a UUID, for all of a card. Whoever opens one of its VFs shows it; whoever opens
 * the PF shows it while VFs are in use, and with no VF in use what the PF's opener shows
 * becomes the token. Where vfio-pci has a random token from the start, a card has none until
 * one is set; and a token shown to a card without one is an error, as it is to a VF whose PF is
 * not vfio-pci's.
 *
 * Who cannot show a token (QEMU) has somebody else show it before: an unlock. It opens one
 * function for one connection within a time, for any peer or for one of this uid or pid.
 *
 * Whoever is attached stays attached when the token changes; what is unlocked does not stay so.
 */
#ifndef LADON_DAEMON_TOKEN_H
#define LADON_DAEMON_TOKEN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "uuid.h"

struct token {
	bool set;
	uint8_t uuid[UUID_SIZE];
	uint32_t changes; /* moves when the token does */
};

/*
 * none -- unlock --> pending -- opened --> used. Both -- unlock --> pending again. A pending
 * one whose time is over, or whose token is not the card's any more, opens nothing.
 */
enum token_unlock_state { TOKEN_LOCKED, TOKEN_UNLOCKED, TOKEN_UNLOCK_USED };

/* For whom and how long a function is unlocked. */
struct token_unlock {
	enum token_unlock_state state;
	uint32_t changes;  /* of the token that was shown */
	uint64_t until_ns; /* clock_ns() */
	bool by_uid, by_pid;
	uid_t uid;
	pid_t pid;
};

/* Which row of the rules an opener is in: a view is the PF's, but what is shown to it never
 * becomes the token. */
enum token_opener { TOKEN_OF_VF, TOKEN_OF_PF, TOKEN_OF_VIEW };

struct token_ask {
	enum token_opener opener;
	const char *shown; /* text; NULL = none. Borrowed */
	bool vfs_in_use;   /* somebody is attached to one of the card's VFs */
	uid_t uid;	   /* the peer's */
	pid_t pid;
	uint64_t now_ns;
};

/* Why somebody may open a function or may not. */
enum token_verdict {
	TOKEN_ADMIT,
	TOKEN_MISSING,	      /* none was shown */
	TOKEN_WRONG,	      /* another one was shown */
	TOKEN_NOT_NEEDED,     /* one was shown, the card has none */
	TOKEN_MALFORMED,      /* what was shown is no UUID */
	TOKEN_EXPIRED,	      /* it was unlocked, too long ago */
	TOKEN_USED,	      /* it was unlocked, for a client before */
	TOKEN_CHANGED,	      /* it was unlocked with a token that has changed */
	TOKEN_UID,	      /* it is unlocked for another uid */
	TOKEN_PID,	      /* it is unlocked for another pid */
	TOKEN_UID_NOT_LISTED, /* allow-uid: not the token's matter, counted with it */
	TOKEN_VERDICT_NUM
};

/* "wrong_token": the counter's name. */
const char *token_verdict_word(enum token_verdict verdict);
/* "it showed a wrong VF token": the end of a sentence. */
const char *token_verdict_text(enum token_verdict verdict);
/* 0, -EACCES or -EINVAL. */
int token_verdict_errno(enum token_verdict verdict);

/* The token becomes uuid: every opener from now on shows this one. */
void token_set(struct token *token, const uint8_t uuid[UUID_SIZE]);
/* There is none any more; nothing of it is left in memory. */
void token_clear(struct token *token);
/* In a time that does not depend on what differs. */
bool token_equal(const uint8_t a[UUID_SIZE], const uint8_t b[UUID_SIZE]);

/* Is this the token? Changes nothing. */
enum token_verdict token_prove_uuid(const struct token *token, const uint8_t uuid[UUID_SIZE]);
/* May ask's peer open the function? Uses the unlock up, or sets the token, when the rules say
 * so. */
enum token_verdict token_open(struct token *token, struct token_unlock *unlock,
			      const struct token_ask *ask);
/* Would it open the function for anybody now? */
bool token_unlock_pending(const struct token *token, const struct token_unlock *unlock,
			  uint64_t now_ns);

#endif
