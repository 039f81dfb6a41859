/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lease.pml - for spin: joining, beats and the end of a lease, with hosts that stop (SIGSTOP),
 * wake up, die and come again, and a management host that is stopped once. How to run it, and
 * what is proven: docs/hosts.md. The data path is in revoke.pml; revoking is one step here. A name
 * in brackets is the function of the code that the step stands for.
 *
 * Time is a clock that ticks once a beat, when the management host has nothing to do or is
 * stopped. A host that runs has said its beat by then.
 *
 * -D leaves something out, and an error is found: NO_EPOCH, NO_LEASE, SLEEP_COUNTS, UNREAD.
 */

#define BEATS 3 /* COMPUTE_BEATS */
#ifndef LIVENESS
#define JOINS 3
#define MAY_SLEEP true
#else
#define JOINS 2
#define MAY_SLEEP !slept /* who never runs gets nothing done */
/* A host that has gone, or has stopped for good, keeps its VFs from nobody. */
ltl assignable { [] (state != RUNS && attached -> <> (state == RUNS || !attached)) }
#endif

mtype = { RUNS, STOPPED, DEAD };
mtype = { OFFER, WITHDRAW, OPEN };

/* ---- compute hosts ---- */

mtype state = RUNS;
bool connected; /* as the host believes */
byte mine;      /* the epoch of its latest joining */
byte quiet;     /* beats since it could speak last */

/* ---- the fabric ---- */

/* Never emptied: what was said under one joining may arrive under the next. */
chan said = [1] of { mtype, byte };
bool beat, closed, knocks; /* beat: a message, or a scratchpad that has moved */

/* ---- the management host ---- */

bool asleep, waiting; /* stopped; in round_wait */
byte epochs;	      /* daemon->epoch */
byte epoch;    /* compute->epoch; 0: absent */
bool due;      /* compute->turn */
byte silent;
#ifdef SLEEP_COUNTS
byte missed; /* beats since the last turn */
#endif
bool mapped;

/* A VF. */
bool assigned = true; /* to this host; else to another */
bool attached;	      /* somebody uses it, from this host */
bool leaving;	      /* vfu_sock_drop was called */

#define HAS_SAID (beat || len(said) > 0)
#define HEARD	 (epoch != 0 && (HAS_SAID || closed))
#define TIMERS	 (due || leaving)
#define FDS	 (HEARD || knocks)

/* [compute_leave] */
inline leave()
{
	atomic {
		go = false;
		epoch = 0;
		mapped = false;
		due = false;
		silent = 0;
		beat = false;
		closed = false;
		if
		:: state == RUNS -> connected = false
		:: else /* it will see when it wakes up */
		fi;
		leaving = attached
	}
}

/* [compute_join] */
inline join()
{
	atomic {
		epochs++;
		epoch = epochs;
		mine = epochs;
		connected = true;
		quiet = 0
	}
}

/* [serve] */
inline serve()
{
	atomic {
		said?what, spoken;
		silent = 0;
		if
#ifndef NO_EPOCH
		:: spoken != epoch -> go = true
#endif
		:: else ->
			assert(spoken == mine); /* else it changes something */
			if
			:: what == OFFER -> mapped = true
			:: what == WITHDRAW -> mapped = false
			:: what == OPEN -> attached = assigned
			:: else
			fi
		fi;
		what = 0;
		spoken = 0
	}
}

/* [on_turn] */
inline turn()
{
	atomic {
		due = false;
#if defined(SLEEP_COUNTS)
		silent = silent + missed;
		missed = 0;
#elif !defined(NO_LEASE)
		silent++;
#endif
		go = silent > BEATS;
#ifndef UNREAD
		/* [on_host] What came while we did not run has not been read yet. */
		if
		:: go && HAS_SAID -> go = false; silent = 0
		:: else
		fi;
#endif
		/* Who has spoken within the lease is not given up, however long we slept. */
		assert(!go || quiet >= BEATS)
	}
}

/* [loop_once] Timers, then what was there to be read when we looked. */
active proctype management_host()
{
	bool ready, at_door, go;
	mtype what;
	byte spoken;

	waiting = true;
end_wait:
	do
	:: atomic {
		(TIMERS || FDS) && !asleep ->
		waiting = false;
		ready = HEARD;
		at_door = knocks
	   };
	   /* SIGSTOP comes where it will; here it does the most. */
	   atomic {
		!asleep ->
		if
		:: leaving -> leaving = false; attached = false /* [detach] */
		:: else
		fi
	   };
	   if
	   :: due -> turn()
	   :: else
	   fi;
	   if
	   :: go -> leave()
	   :: else
	   fi;
	   /* [on_host] */
	   if
	   :: ready && epoch != 0 ->
		atomic {
			if
			:: beat -> beat = false; silent = 0
			:: else
			fi
		};
		/* On a fabric that is no socket the end may come before the last word. */
		if
		:: len(said) > 0 -> serve()
		:: closed -> go = true
		:: len(said) == 0 && !closed
		fi
	   :: else
	   fi;
	   if
	   :: go -> leave()
	   :: else
	   fi;
	   /* [on_knock] */
	   if
	   :: at_door ->
		knocks = false;
		if
		:: epoch == 0 && epochs < JOINS -> join()
		:: else /* the host has joined already */
		fi
	   :: else
	   fi;
	   atomic { ready = false; at_door = false; waiting = true }
	/* [cmd_vf_assign] */
	:: atomic { !attached && !asleep -> assigned = !assigned }
	od
}

/* ---- what the others do ---- */

active proctype compute_host()
{
	byte step;

end_host:
	do
	:: atomic {
		state == RUNS && !connected && !knocks && epochs < JOINS ->
		knocks = true;
		step = 0
	   }
	:: atomic {
		state == RUNS && connected && step < 3 && len(said) == 0 ->
		if
		:: step == 0 -> said!OFFER, mine
		:: step == 1 -> said!OPEN, mine
		:: step == 2 -> said!WITHDRAW, mine
		fi;
		step++
	   }
	:: atomic { state == RUNS && connected -> state = STOPPED }
	:: atomic {
		state == STOPPED ->
		state = RUNS;
		connected = epoch == mine /* else it finds itself left */
	   }
	:: atomic {
		state != DEAD && connected ->
		state = DEAD;
		closed = epoch == mine
	   }
	:: atomic { state == DEAD -> state = RUNS; connected = false }
	:: state != RUNS -> break /* for good */
	od
}

active proctype clock()
{
end_clock:
	do
	:: atomic {
		epoch != 0 && (asleep || (waiting && !TIMERS && !FDS)) ->
		due = true;
#ifdef SLEEP_COUNTS
		missed++;
#endif
		if
		:: state == RUNS && connected -> beat = true; quiet = 0
		:: else -> quiet = (quiet > BEATS -> quiet : quiet + 1)
		fi
	   }
	od
}

active proctype sleeper()
{
	bool slept;

	do
	:: MAY_SLEEP -> asleep = true; slept = true; asleep = false
	:: break
	od
}
