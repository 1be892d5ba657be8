/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How tables get from sluiced to sluice-dataplane: lives of sluiced, each of which may be killed after any step, and
 * the last one lives on (ring.c and directory.c in controlplane/publish); and the main lcore (dataplane/engine/consumer.c,
 * events_wait() and handle() in dataplane/io/serve.c). Of blocks there is one, with two buffers, whose contents are
 * the number of the generation that they are of. A generation is one command: all of them get into the ring
 * at once. The timeout of the main lcore for its statistics is left out: it would hide a lost wake-up for 100 ms.
 *
 * What must hold: all that the last life sends is answered; each answer is to what it is taken for; nothing is
 * written to a buffer that a command names or that runs; and who is ready knows which buffer runs.
 */
#define LIVES 3
#define SENDS 2 /* of each life, at most */
#define EVENTS 4 /* more than lives: the ring of the real one has room for many more */

/* The segment */
chan commands = [4] of { bool, byte, bit }; /* ping, generation, buffer */
chan events = [EVENTS] of { byte, bool };   /* generation, refused */
bool cmd_fd = false, event_fd = false;
byte stats_generation = 0;
byte contents[2];
byte dir_generation = 0; /* struct lb_directory */
bool dir_sent = false;
bit dir_buffer = 0;

/* For what must hold */
byte blocks = 0; /* in the ring */
bit runs = 0;	 /* where the contents that run came from */

proctype main_lcore()
{
	byte generation, refused_generation = 0;
	bool ping, waits = false, refused;
	bit buffer;

	do
	:: true ->
		/* epoll_pwait2(), handle() */
end:		if
		:: waits
		:: cmd_fd ->
#ifndef MUTANT_CLEAR_AFTER_LOOKING
			cmd_fd = false
#else
			skip
#endif
		fi;
		/* consumer_poll(), which takes some and says whether to come again */
		if
		:: nempty(commands) ->
			d_step {
				commands?ping, generation, buffer;
				refused = false;
				waits = true
			}
			if
			:: ping
			:: !ping && generation <= stats_generation -> refused = true; blocks--
			:: !ping && generation > stats_generation -> refused = true; blocks--
			:: !ping && generation > stats_generation ->
				d_step { /* a copy of the block, and tables_publish() */
					assert(contents[buffer] == generation);
					blocks--;
					stats_generation = generation;
					runs = buffer
				}
			fi;
			/* event_send() */
			if
			:: nfull(events) -> events!generation, refused; event_fd = true
			:: full(events)
			fi
		:: empty(commands) -> waits = false
		fi;
#ifdef MUTANT_CLEAR_AFTER_LOOKING
		if
		:: waits
		:: !waits -> cmd_fd = false
		fi
#endif
	od
}

mtype = { PING, READY };
bool killed = false;
byte lives = 0;

/* publish_directory_answered() */
inline dir_answered(is_running)
{
	d_step {
		if
		:: dir_sent && is_running -> dir_buffer = 1 - dir_buffer
		:: else
		fi;
		dir_sent = false
	}
}

/* commands_send() */
inline command(is_ping, to)
{
	due = true;
#ifdef MUTANT_BELL_BEFORE_COMMAND
	cmd_fd = true;
#endif
	d_step {
		commands!is_ping, generation, to;
		blocks = blocks + (is_ping -> 0 : 1)
	}
#ifndef MUTANT_BELL_BEFORE_COMMAND
	cmd_fd = true
#endif
}

/* ring_adopt(), publish_directory_attach() */
inline adopt()
{
	assert(blocks == 0);
	due = false;
	state = READY;
	dir_answered(dir_generation == stats_generation);
	if
	:: stats_generation > generation -> generation = stats_generation
	:: else
	fi;
	assert(stats_generation == 0 || runs == dir_buffer)
}

proctype sluiced()
{
	byte generation, answered, left;
	mtype state;
	bool due, refused;

life:	{
		d_step {
			left = SENDS;
			state = PING;
			generation = (dir_generation > stats_generation -> dir_generation : stats_generation) + 1
		}
#ifndef MUTANT_NO_PING
		command(true, 0);
#else
		adopt();
#endif
		do
		/* ring_send() */
		:: state == READY && !due && left > 0 ->
			left--;
			contents[1 - dir_buffer] = generation + 1; /* publish_directory_spare() */
			generation++;
			dir_generation = generation;
			dir_sent = true;
			command(false, 1 - dir_buffer)
		:: state == READY && !due && left == 0 -> break
		/* on_answer() */
		:: event_fd ->
			event_fd = false;
			do
			:: nempty(events) ->
				events?answered, refused;
				if
				:: !due
#ifndef MUTANT_ANY_ANSWER
				:: due && answered != generation
				:: due && answered == generation ->
#else
				:: due ->
#endif
					if
					:: state == PING && !refused -> adopt()
					:: state == PING && refused
					:: state == READY ->
						d_step {
							assert((stats_generation == generation) == !refused);
							due = false
						}
#ifndef MUTANT_REFUSED_RUNS
						dir_answered(!refused);
#else
						dir_answered(true);
#endif
						assert(stats_generation == 0 || runs == dir_buffer)
					fi
				fi
			:: empty(events) -> break
			od
		od
	} unless { atomic { killed -> killed = false; lives++; due = false } goto life }
}

/* kill -9 */
proctype world()
{
	byte kills = LIVES - 1;

	do
	:: atomic { kills > 0 && !killed -> kills--; killed = true }
	:: kills == 0 -> break
	:: true -> break
	od
}

init
{
	atomic {
		run sluiced();
		run main_lcore();
		run world()
	}
}
