#include "sys/signals.h"

#include <signal.h>

/* Written before the handlers are installed and after they are gone. */
static struct loop *watched;
static uint32_t waker;

static void on_signal(int number)
{
	(void)number;
	loop_wake(watched, waker);
}

enum err signals_watch(struct loop *loop, loop_cb cb, void *ctx)
{
	if (watched != NULL)
		return ERR_EXISTS;
	TRY(loop_waker_add(loop, &waker, cb, ctx));
	watched = loop;
	/* SA_RESETHAND: the second signal of a kind has its default action */
	struct sigaction action = {
		.sa_handler = on_signal, .sa_flags = (int)(SA_RESETHAND | SA_RESTART)};
	(void)sigemptyset(&action.sa_mask);
	CHECK(sigaction(SIGTERM, &action, NULL) == 0 && sigaction(SIGINT, &action, NULL) == 0);
	signals_ignore_pipe();
	return OK;
}

void signals_ignore_pipe(void)
{
	const struct sigaction ignore = {.sa_handler = SIG_IGN};
	CHECK(sigaction(SIGPIPE, &ignore, NULL) == 0);
}

void signals_unwatch(void)
{
	const struct sigaction standard = {.sa_handler = SIG_DFL};
	CHECK(sigaction(SIGTERM, &standard, NULL) == 0 && sigaction(SIGINT, &standard, NULL) == 0);
	watched = NULL;
}
