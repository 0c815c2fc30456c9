/* base/failure: what a CHECK that fails does before it ends the process. */
#ifndef BASE_FAILURE_H
#define BASE_FAILURE_H

/* Called once, by the thread whose CHECK failed: for what has to be said before the end. NULL:
 * nothing. It must not wait for long, nor for anybody who may hold a lock. Any thread. */
void check_on_failure(void (*hook)(void));

#endif
