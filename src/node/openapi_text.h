/* node/openapi_text: docs/openapi.yaml, made part of the program by tools/embed_text.py. */
#ifndef NODE_OPENAPI_TEXT_H
#define NODE_OPENAPI_TEXT_H
#include "base/base.h"

extern const unsigned char openapi_text[];
extern const size_t openapi_text_len;

#endif
