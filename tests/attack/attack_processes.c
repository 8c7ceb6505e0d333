/* SPDX-License-Identifier: Apache-2.0 */
/* Attacks by processes and threads: too many, too long, not to be stopped. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/attack/attack.h"

#define DAEMONS     20
#define ORPHANS     500
#define SPINNERS    8
#define STACK_BYTES (64 * 1024)

static void ignore_all(void)
{
	for (int number = 1; number < NSIG; number++)
		(void)signal(number, SIG_IGN); /* fails for SIGKILL and SIGSTOP */
}

_Noreturn static void linger(void)
{
	for (;;)
		(void)pause();
}

int attack_fork_bomb(long argument)
{
	(void)argument;
	for (;;)
		(void)fork();
}

static void *sleep_forever(void *argument)
{
	(void)argument;
	linger();
}

int attack_thread_bomb(long argument)
{
	pthread_attr_t attributes;
	pthread_t thread;

	(void)argument;
	if (pthread_attr_init(&attributes) || pthread_attr_setstacksize(&attributes, STACK_BYTES))
		return 2;
	for (;;)
		(void)pthread_create(&thread, &attributes, sleep_forever, NULL);
}

/* The classic one: a session of its own, no parent, no streams, deaf to signals. */
int attack_daemon(long argument)
{
	(void)argument;
	for (int i = 0; i < DAEMONS; i++) {
		pid_t child = fork();

		if (child == 0) {
			(void)setsid();
			if (fork() != 0)
				_exit(0);
			ignore_all();
			for (int fd = 0; fd < 16; fd++)
				(void)close(fd);
			(void)!chdir("/"); /* the attack is the same elsewhere */
			linger();
		}
		if (child > 0)
			(void)waitpid(child, NULL, 0);
	}
	return 0;
}

int attack_close_stdio(long argument)
{
	(void)argument;
	for (int fd = 0; fd < 16; fd++)
		(void)close(fd);
	linger();
}

int attack_stop_self(long argument)
{
	(void)argument;
	for (int i = 0; i < 4; i++)
		if (fork() == 0)
			(void)raise(SIGSTOP);
	(void)kill(-1, SIGSTOP);
	(void)raise(SIGSTOP);
	linger();
}

int attack_ignore_signals(long argument)
{
	(void)argument;
	ignore_all();
	linger();
}

int attack_orphans(long argument)
{
	(void)argument;
	for (int i = 0; i < ORPHANS; i++) {
		pid_t child = fork();

		if (child == 0) {
			(void)fork(); /* the grandchild is pid 1's now */
			_exit(0);
		}
		if (child < 0)
			(void)usleep(1000);
		else
			(void)waitpid(child, NULL, 0);
	}
	return 0;
}

static void *spin(void *argument)
{
	volatile unsigned long *counter = argument;

	while (*counter != ~0UL)
		++*counter;
	return NULL;
}

int attack_cpu(long argument)
{
	static unsigned long counters[SPINNERS];
	pthread_t thread;

	for (int i = 0; i < SPINNERS; i++)
		if (pthread_create(&thread, NULL, spin, &counters[i]))
			return 2;
	(void)sleep(argument > 0 ? (unsigned)argument : 3);
	return 0;
}
