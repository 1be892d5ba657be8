/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The lock of a region of the flow table (struct lb_handover, lock): the XDP program on two CPUs and its sweep
 * (bpf/sluice_xdp_handover.h, lb_sweep_paired()), and a worker (dataplane/engine/handover.h, dataplane/io/worker.c)
 * that may be killed and has a successor. Whoever runs may stand still after any step, for any time, and whether
 * a worker's beat is young, so that it gets the packets, is not known here: anything goes.
 *
 * What must hold: nobody gets the lock, and nobody frees it, while it is another one's by right. Who is robbed
 * of it in the middle of his work has lost that right; he finishes what he has begun, and nothing after it.
 */
#define PACKETS 1 /* of each CPU */
#define BURSTS 2  /* of a worker */

mtype = { NOBODY, XDP, SWEEP, WORKER }; /* enum lb_handover_holder */
mtype holder = NOBODY;			/* lock: its low bits, */
byte term = 0;				/* and those above them */
bool by_xdp = false;

/* Who has it by right. */
#define NONE 255
#define ID_SWEEP 2
#define ID_WORKER 3
byte rightful = NONE;

/* lb_xdp_lock_try(), and the exchange in handover_lock() */
inline lock_try(me, who, free)
{
	d_step {
		if
		:: holder == NOBODY && term == free ->
			assert(rightful == NONE);
			holder = who;
			rightful = me;
			got = true
		:: else -> got = false
		fi
	}
}

/* lb_xdp_unlock(), handover_unlock() */
inline unlock(me, who, free)
{
	d_step {
#ifdef MUTANT_UNLOCK_BLINDLY
		assert(rightful == me);
		holder = NOBODY;
		term = free;
		rightful = NONE
#else
		if
		:: holder == who && term == free ->
			assert(rightful == me);
			holder = NOBODY;
			rightful = NONE
		:: else
		fi
#endif
	}
}

/* lb_xdp_lock_rob(), of whoever has it; that it gives up, and then writes nothing, is left out */
inline rob(me, free)
{
	got = false;
	do
	:: got -> break
	:: else ->
		d_step { seen_holder = holder; seen_term = term };
		d_step {
			if
			:: holder == seen_holder && term == seen_term ->
				holder = XDP;
#ifndef MUTANT_ROB_WITHOUT_TERM
				term = seen_term + 1;
#endif
				free = term;
				rightful = me;
				got = true
			:: else
			fi
		}
	od
}

/* A packet that the XDP program balances: lb_xdp_lock(), lb_decide_instance(), lb_xdp_unlock() */
proctype cpu(byte me; byte n)
{
	byte free, seen_term;
	mtype seen_holder;
	bool got;

	do
	:: n == 0 -> break
	:: n > 0 ->
		n--;
		free = term;
		lock_try(me, XDP, free);
		if
		:: got
		/* lb_xdp_lock_wait(): an old worker's, or LB_XDP_LOCK_TRIES are over */
		:: else -> rob(me, free)
		fi;
		if
		:: !by_xdp ->
			by_xdp = true;
			d_step {
				if
				:: holder == XDP && term == free -> term++; free++
				:: else ->
#ifdef MUTANT_TERM_ALTHOUGH_ROBBED
					free++
#else
					skip
#endif
				fi
			}
		:: else
		fi;
		unlock(me, XDP, free);
		if
		:: by_xdp = false /* the next packet is handed over: lb_xdp_hand_over() */
		:: skip
		fi
	od
}

/* lb_xdp_lock_left(), lb_xdp_sweep_paired() */
proctype sweep()
{
	byte free, seen_term;
	mtype seen_holder;
	bool got;

	if
	:: holder == WORKER ->
		rob(ID_SWEEP, free);
		unlock(ID_SWEEP, XDP, free)
	:: else ->
		free = term;
		lock_try(ID_SWEEP, SWEEP, free);
		if
		:: got -> unlock(ID_SWEEP, SWEEP, free)
		:: else
		fi
	fi
}

proctype worker()
{
	byte mine, n = BURSTS;
	bool got, is_first = true;

start:	skip;
	d_step { /* handover_start() */
		got = false;
		if
		:: holder == WORKER ->
			term++;
			rightful = ID_WORKER;
			got = true
		:: else
		fi;
		mine = term
	};
	if
	:: got -> unlock(ID_WORKER, WORKER, mine) /* after lb_table_recover() */
	:: else
	fi;
	do
	:: n == 0 -> break
	:: n > 0 ->
		n--;
		/* handover_lock(): not in another term, nor while somebody else stands still */
		lock_try(ID_WORKER, WORKER, mine);
		if
		:: got ->
			if
			:: is_first -> is_first = false; goto start /* killed, and begun anew */
			:: unlock(ID_WORKER, WORKER, mine)
			fi
		:: else ->
			mine = term /* handover_follow() */
		fi
	od
}

init
{
	atomic {
		run cpu(0, PACKETS);
		run cpu(1, PACKETS);
		run sweep();
		run worker()
	}
}
