/* sim/devnet: the sluice-devnet program: both simulated networks on ports of this machine.
 *
 * Listens on 127.0.0.1 only, prints where, and runs until SIGTERM or SIGINT. Coins have no value
 * and everybody on this machine may do everything: for development and tests only. */
#ifndef SIM_DEVNET_H
#define SIM_DEVNET_H

/* Returns the exit status: 0; 1 a port can't be had; 2 wrong usage. */
int devnet_main(int argc, char **argv);

#endif
