/* node/config_keys: the table of every configuration key. Data; used by config.c alone. */
#ifndef NODE_CONFIG_KEYS_H
#define NODE_CONFIG_KEYS_H
#include "node/config.h"

enum config_type {
	CONFIG_TEXT,       /* char[CONFIG_TEXT_SIZE] */
	CONFIG_LONG_TEXT,  /* char[CONFIG_DESCRIPTOR_SIZE] */
	CONFIG_BOOL,       /* bool: true, false */
	CONFIG_U16,        /* uint16_t */
	CONFIG_U32,        /* uint32_t */
	CONFIG_U64,        /* uint64_t */
	CONFIG_AMOUNT,     /* struct amount of the layer's asset, in whole coins */
	CONFIG_NETWORK,    /* const struct network *, by name */
	CONFIG_DURABILITY, /* enum durability: group, strict, interval */
	CONFIG_LOOP,       /* enum loop_backend_kind: auto, epoll, uring */
	CONFIG_DEPTH,      /* depth[] and depth_steps of struct layer_params: "0:1, 0.1:3, 1:6" */
};

struct config_key {
	char path[64]; /* "bitcoin.rpc_url" */
	enum config_type type;
	enum layer_id layer; /* LAYER_COUNT: of no layer */
	const char *def;     /* as it would be written in the file */
	const char *doc;
	size_t offset;     /* in struct config */
	uint64_t min, max; /* of numbers */
};

/* False past the end. Layers that don't have a key leave it out. */
MUST_USE NONNULL_ALL bool config_key_at(struct config_key *out, uint32_t index);

#endif
