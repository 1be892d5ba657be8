/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The lock of a region of the flow table (struct lb_handover, lock): the XDP program on two CPUs and its sweep
 * (bpf/sluice_xdp_handover.h, lb_sweep_handover()), and a worker (dataplane/engine/handover.h, dataplane/io/worker.c)
 * that may be killed and has a successor. Each of them may be stopped after any step, for any time. Whether a
 * worker's heartbeat is stale is left open: its lock may be taken at any moment.
 *
 * What must hold: nobody gets the lock, and nobody releases it, while another one is its rightful holder. A worker
 * from which it is taken in the middle of a burst has lost that right; it finishes the change that it has begun, and
 * counts the region anew, under the lock, before its next burst. The lock is never taken from a holder inside the
 * kernel. A journal that a dead worker has left open is closed by the next holder, and by nobody else.
 */
#define PACKETS 1 /* of each CPU */
#define BURSTS 2  /* of a worker */

mtype = { NOBODY, XDP, SWEEP, WORKER }; /* enum lb_handover_holder */
mtype holder = NOBODY;			/* lock: its low bits, */
byte term = 0;				/* and those above them */
bool by_xdp = false;
bool is_open = false; /* the journal */
bool is_doubtful = false; /* a worker that had lost the lock has finished a change */

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

/* lb_xdp_unlock(): a store */
inline kernel_unlock(me, free)
{
	d_step {
		assert(rightful == me && holder != WORKER && term == free);
		holder = NOBODY;
		rightful = NONE
	}
}

/* lb_xdp_lock_rob(): of a worker. What it has left in the middle of a change is completed before anything else. */
inline rob(me, free)
{
	d_step { seen_holder = holder; seen_term = term };
	d_step {
		if
#ifdef MUTANT_ROB_THE_KERNEL
		:: holder == seen_holder && term == seen_term && holder != NOBODY ->
#else
		:: holder == seen_holder && term == seen_term && holder == WORKER ->
#endif
			holder = XDP;
			term = seen_term + 1;
			free = term;
			rightful = me;
			got = true
		:: else -> got = false
		fi
	};
	if
	:: got && is_open -> d_step { assert(rightful == me); is_open = false }
	:: else
	fi
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
		/* lb_xdp_lock_wait() */
		if
		:: !got -> rob(me, free)
		:: else
		fi;
		if
		:: got ->
			if
			:: !by_xdp ->
				by_xdp = true;
				d_step {
					assert(rightful == me);
					term++;
					free = term
				}
			:: else
			fi;
			kernel_unlock(me, free);
			if
			:: by_xdp = false /* the next packet is handed over: lb_xdp_hand_over() */
			:: skip
			fi
		:: else /* LB_XDP_LOCK_TRIES are over: nothing is written */
		fi
	od
}

/* lb_xdp_lock_left(), lb_xdp_sweep_handover() */
proctype sweep()
{
	byte free, seen_term;
	mtype seen_holder;
	bool got;

	if
	:: holder == WORKER ->
		rob(ID_SWEEP, free);
		if
		:: got -> kernel_unlock(ID_SWEEP, free)
		:: else
		fi
	:: else ->
		free = term;
		lock_try(ID_SWEEP, SWEEP, free);
		if
		:: got -> kernel_unlock(ID_SWEEP, free)
		:: else
		fi
	fi
}

proctype worker()
{
	byte mine, n = BURSTS;
	bool got, is_first = true;

start:	do /* handover_start() */
	:: d_step {
#ifdef MUTANT_START_ROBS_THE_KERNEL
		holder == WORKER || is_open ->
#else
		holder == WORKER || (is_open && holder == NOBODY) ->
#endif
		holder = WORKER;
		term++;
		mine = term;
		rightful = ID_WORKER;
		got = true };
		break
	:: d_step { holder == NOBODY && !is_open -> mine = term; got = false }; break
	od;
	if
	:: got ->
		/* lb_table_recover(); its predecessor is dead, and finishes nothing */
		if
		:: rightful == ID_WORKER -> is_open = false
		:: else
		fi;
		goto unlock
	:: else
	fi;
	do
	:: n == 0 -> break
	:: n > 0 ->
		n--;
		/* handover_lock(): not in another term */
		lock_try(ID_WORKER, WORKER, mine);
		if
		:: got ->
			assert(!is_doubtful);
			is_open = true;
			if
			:: is_first -> is_first = false; goto start /* killed, and begun anew */
			:: skip
			fi;
			/* the change's last store */
			d_step {
				is_doubtful = (rightful != ID_WORKER || term != mine);
				is_open = (is_doubtful -> is_open : false)
			};
unlock:			skip;
			d_step { /* handover_unlock() */
#ifdef MUTANT_UNLOCK_BLINDLY
				assert(rightful == ID_WORKER);
				holder = NOBODY;
				rightful = NONE;
				got = true
#else
				if
				:: holder == WORKER && term == mine ->
					assert(rightful == ID_WORKER);
					holder = NOBODY;
					rightful = NONE;
					got = true
				:: else -> got = false
				fi
#endif
			};
			if
			:: got ->
				skip
			:: else -> /* table_recount() */
				do
				:: mine = term; /* handover_follow() */
					lock_try(ID_WORKER, WORKER, mine);
					if
					:: got -> break
					:: else
					fi
				od;
#ifndef MUTANT_NO_RECOUNT
				is_doubtful = false;
#endif
				goto unlock
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
