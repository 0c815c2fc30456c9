/* node/daemon: sluiced, put together: configuration, journal, engine, adapters, signer, API on one
 * loop. Threads: everything here on the main thread; the journal has its own. */
#ifndef NODE_DAEMON_H
#define NODE_DAEMON_H

/* Exit status: 0 ended as asked; 1 failed while running (the journal, above all); 2 wrong usage or
 * configuration; 3 the data directory is in use, damaged, or another deployment's. */
int daemon_main(int argc, char **argv);

#endif
