/* node/journal_cli: `sluice journal verify|stat|dump DIR`: reads a journal's folder, changes
 * nothing, takes no lock. On a journal in use the answer is that of some moment, and its end may
 * look unfinished. `repair DIR --from COPY` takes the journal's lock and changes nothing either,
 * unless it is told to apply. Prints to standard output, as text or as JSON; what is wrong with the
 * command line or with a dumped journal goes to standard error.
 */
#ifndef NODE_JOURNAL_CLI_H
#define NODE_JOURNAL_CLI_H

/* The words behind `sluice journal`. Returns the exit status: 0 sound, 1 not, 2 wrong usage. */
int journal_command(int argc, char **argv);
/* Likewise, of the words behind `repair`. */
int journal_repair_command(int argc, char **argv);

#endif
