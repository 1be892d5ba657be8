/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How workers wake the main lcore (dataplane/io/doorbell.h, kernel_path_deliver(), events_wait() and handle() in
 * dataplane/io/serve.c): two workers put packets into rings of their own and ring; the main lcore takes what is
 * there, says that it sleeps, looks once more, and sleeps on an eventfd. A store of one CPU is seen by the others
 * only some time later (x86: a store buffer), unless a fence or a locked operation comes first.
 *
 * What must hold: it does not sleep for ever while a packet is in a ring. The loop's timeout for statistics is left
 * out: it would hide that for 100 ms.
 */
#define WORKERS 2
#define PACKETS 2 /* of each worker */

byte ring[WORKERS];	   /* entries that others see */
byte ring_buffer[WORKERS]; /* and those that are still in the worker's store buffer */
bool is_asleep = false;
bool asleep_waits = false, asleep_value; /* the same of the main lcore's store to is_asleep */
byte eventfd = 0;
byte left = WORKERS * PACKETS;

inline fence_main()
{
	d_step {
		if
		:: asleep_waits -> is_asleep = asleep_value; asleep_waits = false
		:: else
		fi
	}
}

/* rte_ring_sp_enqueue_burst(), doorbell_ring() */
proctype worker(byte me)
{
	byte n = PACKETS;
	bool was;

	do
	:: n == 0 -> break
	:: n > 0 ->
		n--;
		ring_buffer[me]++;
#ifndef MUTANT_RING_WITHOUT_FENCE
		d_step { ring[me] = ring[me] + ring_buffer[me]; ring_buffer[me] = 0 }; /* rte_smp_mb() */
#endif
		was = is_asleep;
		if
		:: !was
		:: else ->
			d_step { /* the exchange */
				was = is_asleep;
				is_asleep = false;
				ring[me] = ring[me] + ring_buffer[me];
				ring_buffer[me] = 0
			}
			if
			:: was -> eventfd = 1
			:: else
			fi
		fi
	od
}

proctype main_lcore()
{
	byte i;
	bool has_work;

	do
	:: /* kernel_path_deliver() */
		d_step {
			left = left - ring[0] - ring[1];
			ring[0] = 0
			; ring[1] = 0
		}
		if
		:: left == 0 -> break
		:: else
		fi;
		/* doorbell_sleep() */
		fence_main();
		d_step { asleep_waits = true; asleep_value = true };
#ifndef MUTANT_SLEEP_WITHOUT_FENCE
		fence_main();
#endif
		/* kernel_path_has_work() */
		has_work = ring[0] > 0;
		has_work = has_work || ring[1] > 0;
#ifdef MUTANT_NO_SECOND_LOOK
		has_work = false;
#endif
		/* epoll_pwait2() */
		if
		:: has_work
		:: !has_work -> (eventfd > 0)
		fi;
		/* doorbell_wake() */
		fence_main();
		d_step { asleep_waits = true; asleep_value = false };
		eventfd = 0 /* handle(): counter_clear() */
	od
}

/* Store buffers empty by themselves, some time. */
proctype buffers()
{
end:	do
	:: d_step { ring_buffer[0] > 0 -> ring[0] = ring[0] + ring_buffer[0]; ring_buffer[0] = 0 }
	:: d_step { ring_buffer[1] > 0 -> ring[1] = ring[1] + ring_buffer[1]; ring_buffer[1] = 0 }
	:: d_step { asleep_waits -> is_asleep = asleep_value; asleep_waits = false }
	od
}

init
{
	atomic {
		run worker(0);
		run worker(1);
		run main_lcore();
		run buffers()
	}
}
