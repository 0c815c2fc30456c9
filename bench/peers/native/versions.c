/* Of peers that are processes of their own. */
#include "../peers.h"

const char peer_version_tcmalloc[] = VERSION_TCMALLOC;
const char peer_version_jemalloc[] = VERSION_JEMALLOC;
const char peer_version_mimalloc[] = VERSION_MIMALLOC;
const char peer_version_uv[] = VERSION_UV;
