/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * revoke.pml - for spin: the way of a VF's DMA to a compute host, and how it is taken away while
 * the data path is on it. How to run it, and what is proven: docs/hosts.md.
 *
 * One VF, two hosts with one piece of memory each, one data path. Hosts say anything at any time,
 * and a lease may be over at any time (when it is, lease.pml says); so stopped, dead and lying
 * hosts are all in here. A VM rings doorbells for as long as it has the page. A name in brackets
 * is the function of the code that the step stands for.
 *
 * Each load and store of what both threads look at is a step; memory is sequentially consistent
 * (the order of stores is what test_ntb_port_race and test_iommu_race are for). The generation is
 * a flag: has it moved since the data path read it?
 *
 * -D leaves something out, and an error is found: NO_DRAIN, NO_FORGET, NO_TAKING_BACK, NO_EPOCH,
 * NO_RESET, OLD_PAGE, LATE_DROP, LAZY_DRAIN.
 */

#define HOSTS 2
#define NONE  2 /* no host */
#define NO_TABLE 4

mtype = { OFFER, WITHDRAW, OPEN };

/* ---- the management host: one thread ---- */

bool joined[HOSTS];
bool life[HOSTS];  /* the epoch: no more than two of a host's are ever in the game */
bool fresh[HOSTS]; /* it has joined in this round of the loop: its messages are the next one's */

/* The port of each host: two tables, and whether they let the VF pass. */
bit table[HOSTS];
bool passes[4];
bool undrained[HOSTS];
byte written = NO_TABLE;

bool reachable[HOSTS]; /* its memory is in its space */
bool mapped[HOSTS];    /* and in our process */
bool offered[HOSTS];   /* in which life */

/* The VF. */
byte vf = 0;		/* whose it is */
bool attached;		/* somebody uses it */
bool since;		/* from which life on */
bool leaving;		/* vfu_sock_drop was called: the timer does it at the next round's start */
bool dma;		/* bus master */
byte driver = NONE;	/* whose driver has programmed its queue */
bool doorbells[HOSTS];	/* whose VM has the present queue page */

/* Its domain. */
byte domain = 0; /* at which host; NONE: freed */
byte flat = NONE; /* the flat table's one entry: whose memory */
bool moved;
bool dom_undrained;

/* ---- the data path: another ---- */

bool passed; /* a quiesce point, since this was cleared */
bool call;   /* nic_dp_call(connect_host) */
byte dp_domain = 0;
byte holds = NONE; /* a pointer to whose memory */

active proctype data_path()
{
	byte t;

end_quiet:
	/* [pass_quiesce] */
	atomic {
		!passed || call || (dma && driver != NONE) ->
		holds = NONE;
		t = NO_TABLE;
		passed = true;
		if
		:: call -> dp_domain = domain; call = false
		:: else
		fi
	};
	if
	:: dma && driver != NONE
	:: else -> goto end_quiet
	fi;
	/* [iommu_xlate] */
	atomic {
		assert(dp_domain == domain); /* it has not been freed */
		if
		:: flat != NONE -> holds = flat; goto use
		:: else
		fi
	};
	/* [iommu_walk] */
	moved = false;
	t = dp_domain * 2 + table[dp_domain]; /* [ntb_judge] */
	atomic {
		assert(written != t); /* a table stands still while it is read */
		if
		:: !passes[t] -> goto end_quiet
		:: else
		fi
	};
	atomic {
		if
		:: !reachable[dp_domain] -> goto end_quiet
		:: else -> holds = dp_domain
		fi
	};
	/* [fill] */
	flat = holds;
#ifndef NO_TAKING_BACK
	if
	:: moved -> flat = NONE
	:: else
	fi;
#endif
use:
	atomic {
		assert(mapped[holds]);
		assert(holds == vf);	       /* not the memory of who had the VF before */
		assert(driver == vf);	       /* nor for its driver */
		assert(offered[holds] == since) /* nor what a later joining offers */
	};
	goto end_quiet
}

/* A VM does not know what becomes of its host. */
active [HOSTS] proctype vm()
{
	byte h = _pid - 1;

end_vm:
	do
	:: atomic { doorbells[h] && driver == NONE -> driver = h }
	od
}

/* ---- forgetting and draining ---- */

/* [nic_dp_quiesce] */
inline quiesce()
{
	passed = false;
	passed
}

/* [iommu_domain_forget_all] */
inline forget()
{
#ifndef NO_FORGET
	if
	:: domain == h -> atomic { moved = true; dom_undrained = true }; flat = NONE
	:: else
	fi
#else
	skip
#endif
}

/* [iommu_domain_drain] */
inline drain()
{
#ifndef NO_DRAIN
	if
	:: domain == h && dom_undrained -> dom_undrained = false; quiesce()
	:: else
	fi
#else
	skip
#endif
}

/* [drain of compute_bridge.c] */
inline port_drain()
{
	undrained[h] = false;
#if defined(LAZY_DRAIN) || defined(NO_DRAIN)
	drain()
#else
	if
	:: domain == h -> quiesce()
	:: else
	fi
#endif
}

/* [change_begin, publish, change_narrower or change_wider] */
inline change(pass, narrower)
{
	if
	:: undrained[h] -> port_drain()
	:: else
	fi;
	atomic { written = h * 2 + 1 - table[h]; passes[written] = pass };
	atomic { written = NO_TABLE; table[h] = 1 - table[h]; undrained[h] = true };
	if
	:: narrower -> forget(); port_drain()
	:: else
	fi
}

/* ---- memory ---- */

inline memory_free()
{
	atomic {
		assert(holds != h); /* nobody is at it */
		mapped[h] = false;
		offered[h] = false
	}
}

/* [compute_window_close] */
inline window_close()
{
	reachable[h] = false;
	forget();
	drain();
	memory_free()
}

/* ---- the VF ---- */

/* [on_disconnected] */
inline detach()
{
#ifndef NO_RESET
	dma = false;
	quiesce();
	atomic {
		driver = NONE;
#ifndef OLD_PAGE
		/* [i82576_vf_renew] Who goes may keep his mapping of the page. */
		doorbells[0] = false;
		doorbells[1] = false;
#endif
	};
#endif
	atomic {
		attached = false;
		leaving = false;
		since = false;
		fresh[0] = false;
		fresh[1] = false
	}
}

/* [function_set_host] From host h to the other. */
inline assign()
{
	atomic { domain = NONE; flat = NONE; dom_undrained = false };
	do
	:: n < 2 ->
		if
		:: joined[h] -> change(n == 1, n == 0)
		:: else
		fi;
		atomic { h = 1 - h; n++ }
	:: else -> break
	od;
	atomic { vf = 1 - h; domain = vf; call = true; n = 0 };
	!call
}

/* ---- hosts ---- */

/* [compute_leave] */
inline leave()
{
	change(false, true); /* [compute_bridge_shut] */
	if
	:: mapped[h] -> reachable[h] = false; memory_free() /* [compute_windows_free] */
	:: else
	fi;
	atomic {
		joined[h] = false;
		fresh[h] = false;
		leaving = leaving || (vf == h && attached)
	}
}

/* [compute_bridge_open] The windows in place of the revoked ones, the VF, the link. */
inline join()
{
	do
	:: n < 3 -> change(n == 2 && vf == h, n == 0); n++
	:: else -> break
	od;
	atomic { n = 0; joined[h] = true; life[h] = !life[h]; fresh[h] = leaving }
}

/* [serve] What it says, of an old epoch if it likes. */
inline serve()
{
	atomic {
		if
		:: what = OFFER
		:: what = WITHDRAW
		:: what = OPEN
		fi;
		if
		:: old = true
		:: skip
		fi
	};
	if
#ifndef NO_EPOCH
	:: old /* It is shown out: it may be at any time here. */
#endif
	:: else ->
		if
		:: what == OFFER && !mapped[h] ->
			atomic { assert(!old); mapped[h] = true; offered[h] = life[h] };
			reachable[h] = true
		:: what == WITHDRAW && mapped[h] ->
			assert(!old);
			window_close()
		:: what == OPEN && vf == h && !attached ->
			atomic {
				assert(!old);
				attached = true;
				since = life[h];
				dma = true;
				doorbells[h] = true
			}
		:: else
		fi
	fi;
	atomic { what = 0; old = false }
}

#ifndef LATE_DROP
#define MAY_SPEAK (joined[h] && !(leaving && fresh[h]))
#else
#define MAY_SPEAK joined[h]
#endif

active proctype management_host()
{
	mtype what;
	bool old;
	byte h, n;

end_wait:
	do
	:: h = 1 - h
	:: joined[h] -> leave()
	:: !joined[h] -> join()
	:: MAY_SPEAK -> serve()
	:: attached -> detach() /* dropped, or the VM ends */
	/* [cmd_vf_assign] */
	:: !attached -> h = vf; assign()
	od
}
