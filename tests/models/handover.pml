/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whom the XDP program of a port with both dataplanes gives packets to: sluiced, of which each handler of
 * controlplane/publish/handover.c is one step; two runs of sluice-dataplane, one after the other; and the question
 * that is asked at each packet (lb_xdp_hand_over()). Of tables there are two blocks, each of which is none (0) or
 * has one of two contents. What the publisher sends, and when, is not known here: any blocks, with any contents,
 * whenever nothing is on its way, for ever; each of the two may refuse it.
 *
 * What must hold for a run that lives and is given packets: it is the one that sluiced has chosen; it has both
 * blocks; and they are those of the XDP program, unless something is on its way, or sluiced has just begun.
 *
 * pan: -E (whoever has nothing to do any more may stand anywhere)
 */
#define RUNS 2

/* struct lb_handover */
byte allowed = 0, process = 0;
bool beat_young = false;
byte sock = 0; /* whose is in xsks_map */

/* The runs: what consumer_tables() has, what is in the command ring, and whether an answer lies in the event ring. */
byte run_now = 1; /* claims the run directory; RUNS + 1: there comes none any more */
bool alive = false, ready = false; /* it; it has a socket to connect to */
byte a[RUNS + 2], b[RUNS + 2];
bool cmd = false, answer = false, refused = false, is_ping = false;
byte cmd_a = 0, cmd_b = 0; /* 0: not this block */

/* The XDP program's. */
byte xdp_a = 0, xdp_b = 0;

/* struct publish_backend of handover.c */
mtype = { AWAY, SILENT, THERE };
mtype state = AWAY;
byte peer = 0; /* boot_id; 0: not connected */
byte known_a = 0, known_b = 0; /* its blocks, by its answers: publish_directory_running() */
bool in_step = false, is_behind = false, ring_is_busy = false;
bool is_up = true, due_xdp = false, due_ring = false;

/* Whom a predecessor of sluiced has allowed, and of whom this one has not heard yet. */
bool inherited = false;
bool again = true;
bool xdp_again = true;

/* process_forbid(): in the maps, of which there are none that it knows while the XDP program is away */
inline forbid()
{
	in_step = false;
	allowed = (is_up -> 0 : allowed);
	inherited = inherited && !is_up
}

inline fall_behind()
{
	is_behind = is_behind || !in_step
}

/* process_has_tables() */
#define HAS_TABLES (xdp_a != 0 && xdp_b != 0 && known_a == xdp_a && known_b == xdp_b)

/* process_allow() */
inline allow()
{
	if
	:: state != THERE || in_step || is_behind || due_xdp || due_ring || !is_up
	:: else ->
#ifndef MUTANT_ALLOW_WITHOUT_LOOKING
		if
		:: HAS_TABLES -> in_step = true; allowed = peer
		:: else -> fall_behind()
		fi
#else
		in_step = true; allowed = peer
#endif
	fi
}

/* auto_send(), of some blocks, with these contents */
inline send(with_a, with_b, xdp_refuses)
{
	due_xdp = true;
	if
	:: xdp_refuses -> fall_behind()
	:: else ->
		xdp_a = (with_a -> with_a : xdp_a);
		xdp_b = (with_b -> with_b : xdp_b);
		if
#ifndef MUTANT_LEAVE_THE_UNHEARD_OF
		:: state != THERE -> forbid()
#else
		:: state != THERE -> inherited = false
#endif
		:: state == THERE && (ring_is_busy || peer != run_now || !alive) ->
#ifndef MUTANT_STAY_WITHOUT_SENDING
			forbid();
#endif
			fall_behind()
		:: else ->
			cmd = true;
			is_ping = false;
			cmd_a = with_a;
			cmd_b = with_b;
			ring_is_busy = true;
			due_ring = true
		fi
	fi
}

/* process_judge(), in process_join() and on_xdp_connected() */
inline judge()
{
#ifndef MUTANT_KEEP_WHO_LACKS_SOME
	if
	:: HAS_TABLES
	:: else -> forbid()
	fi
#else
	skip
#endif
}

/* process_join(); what it sends, if anything, is one of the sends below */
inline join()
{
	state = THERE;
	is_behind = false;
	if
	:: is_up -> judge(); inherited = false; allow()
	:: else
	fi
}

/* process_leave() */
inline leave(to)
{
	if
	:: state == to
	:: else ->
		state = to;
#ifndef MUTANT_LEAVE_IT_THE_PACKETS
		forbid();
#endif
		in_step = false;
		due_ring = false;
		allow()
	fi
}

proctype sluiced()
{
	byte with_a, with_b;
	bool refuses;

	do
	/* A generation, once the last one is answered. */
	:: atomic { !due_xdp && !due_ring && is_up ->
		if
		:: with_a = 1
		:: with_a = 2
		:: skip
		fi;
		if
		:: with_b = 1
		:: with_b = 2
		:: skip
		fi;
		if
		:: refuses = true
		:: skip
		fi;
		send(with_a, with_b, refuses);
		with_a = 0;
		with_b = 0;
		refuses = false }
	:: d_step { due_xdp -> due_xdp = false; allow() } /* on_xdp_answered() */
	:: d_step { peer != 0 && peer == run_now && answer && !is_ping -> /* on_ring_answered() */
		answer = false;
		ring_is_busy = false;
		if
#ifndef MUTANT_REFUSED_BUT_IN_STEP
		:: refused -> forbid(); fall_behind()
#else
		:: refused -> skip
#endif
		:: else ->
			known_a = (cmd_a -> cmd_a : known_a);
			known_b = (cmd_b -> cmd_b : known_b)
		fi;
		refused = false;
		cmd_a = 0;
		cmd_b = 0;
		due_ring = false;
		allow() }
	/* ring_ping(), behind what a predecessor has sent, and its answer: on_ring_connected() */
	:: d_step { peer == 0 && ready && !cmd && !(answer && is_ping) -> is_ping = true; answer = true; refused = false }
	:: d_step { peer == 0 && ready && !cmd && answer && is_ping ->
		answer = false;
		is_ping = false;
		cmd_a = 0;
		cmd_b = 0;
		peer = run_now;
		known_a = a[peer];
		known_b = b[peer];
		in_step = false;
		ring_is_busy = false;
		join() }
	:: d_step { peer != 0 && (peer != run_now || !alive) -> /* on_ring_gone() */
		leave(AWAY);
		ring_is_busy = false;
		known_a = 0;
		known_b = 0;
		peer = 0 }
	/* on_watch() */
	:: d_step { is_up && state == AWAY && allowed != 0 -> forbid() }
	:: d_step { is_up && state == THERE && !(process == peer && beat_young) -> leave(SILENT) }
	:: d_step { is_up && state == SILENT && process == peer && beat_young && !ring_is_busy -> join() }
	:: d_step { is_up && state == THERE && is_behind && !ring_is_busy && !due_xdp && !due_ring -> join() }
	/* on_xdp_gone(), on_xdp_connected(): the port has another program, in which the tables are; or none are */
	:: d_step { is_up && xdp_again -> xdp_again = false; is_up = false; in_step = false; due_xdp = false; due_ring = false;
		inherited = allowed != 0 }
	:: d_step { !is_up -> is_up = true;
		if
		:: state == THERE -> judge(); inherited = false
		:: else
		fi;
		allow() }
	:: d_step { !is_up -> is_up = true; xdp_a = 0; xdp_b = 0; allowed = 0; inherited = false; /* new maps */
		if
		:: state == THERE -> judge()
		:: else
		fi }
	/* Another life of it: it adopts what the XDP program has. */
	:: d_step { again ->
		again = false;
		state = AWAY; in_step = false; is_behind = false; ring_is_busy = false; is_up = true;
		due_xdp = false; due_ring = false;
		known_a = 0;
		known_b = 0;
		peer = 0;
		inherited = allowed != 0 }
	od
}

/* handover_port_open(), port_start(), worker_look(), consumer_poll(); until it is killed, and a successor comes */
proctype dataplane()
{
	do
	:: d_step { !alive && run_now <= RUNS ->
		alive = true;
#ifndef MUTANT_NO_CLEAR
		beat_young = false /* handover_clear() */
#endif
	}
	:: d_step { alive && sock == 0 -> sock = run_now; ready = true }
	:: d_step { ready && sock == run_now && (!beat_young || process != run_now) -> process = run_now; beat_young = true }
	:: d_step { alive && cmd -> cmd = false; a[run_now] = (cmd_a -> cmd_a : a[run_now]); b[run_now] = (cmd_b -> cmd_b : b[run_now]); refused = false; answer = true }
	:: d_step { alive && cmd -> cmd = false; refused = true; answer = true }
	:: d_step { alive -> /* kill -9 */
		alive = false; ready = false;
		cmd = false; answer = false; refused = false; is_ping = false; cmd_a = 0; cmd_b = 0;
		a[run_now] = 0; b[run_now] = 0;
		run_now++ }
	od
}

/* Sockets of who was killed are gone some time later; and SIGSTOP, or time. */
proctype world()
{
	do
	:: d_step { sock != 0 && (sock != run_now || !alive) -> sock = 0 }
	:: d_step { beat_young -> beat_young = false }
	od
}

/* A packet takes microseconds, in which no process comes or goes. */
proctype packet()
{
	do
	:: d_step { allowed != 0 && allowed == process && beat_young && sock == run_now && alive ->
		assert(sock == allowed);
		assert(a[sock] != 0 && b[sock] != 0);
		assert(due_xdp || due_ring || cmd || !is_up || inherited || (a[sock] == xdp_a && b[sock] == xdp_b)) }
	od
}

init
{
	atomic {
		run sluiced();
		run dataplane();
		run world();
		run packet()
	}
}
