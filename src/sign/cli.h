/* sign/cli: the commands of sluice-signer. */
#ifndef SIGN_CLI_H
#define SIGN_CLI_H

/* Exit status: 0 done; 1 failed; 2 wrong usage or policy; 3 another signer is running; 4 the key
 * does not open. */
int signer_main(int argc, char **argv);

#endif
