/* sys/yaml: configuration files. The one door to the YAML library.
 *
 * A small part of YAML 1.1 and no more: one document, a mapping of names to scalars, lists of
 * scalars, and mappings again. Anchors, aliases, tags, merge keys and second documents are refused;
 * so is a name that is given twice. Every scalar is text: what it means is for the caller's table.
 * Threads: any, on its own arguments.
 */
#ifndef SYS_YAML_H
#define SYS_YAML_H
#include "base/base.h"

#define YAML_DEPTH_MAX 6u /* mappings and lists inside each other */
#define YAML_PATH_SIZE 128u
#define YAML_KEYS_MAX 1024u /* names and list entries in one document */
#define YAML_TEXT_MAX (1u << 20)

struct yaml_error {
	uint32_t line;   /* from 1; 0: of no line */
	uint32_t column; /* from 1; 0: of no column */
	char text[160];
};

/* One scalar, in the order of the file. path: names joined by points, "bitcoin.rpc_url"; an entry
 * of a list has its list's path with "[]" added. An empty list or mapping is not reported. Both
 * texts borrow until it returns; what it returns other than OK ends the reading with that. */
typedef enum err (*yaml_scalar_cb)(void *ctx, const char *path, const char *value, uint32_t line);

/* ERR_FORMAT not such a file, ERR_EXISTS a name twice, ERR_FULL deeper or longer than the bounds,
 * with *error; or the callback's error, with error->line. An empty file is OK. */
MUST_USE NONNULL_ALL enum err yaml_read(
	struct slice text, yaml_scalar_cb cb, void *ctx, struct yaml_error *error);

#endif
