/* Of peers that are not linked but preloaded. */
#include "../peers.h"

const char peer_version_tcmalloc[] = VERSION_TCMALLOC;
const char peer_version_jemalloc[] = VERSION_JEMALLOC;
const char peer_version_mimalloc[] = VERSION_MIMALLOC;
