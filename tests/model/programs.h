/* programs: what the model check runs. */
#ifndef MODEL_PROGRAMS_H
#define MODEL_PROGRAMS_H
#include "explore.h"

extern const struct model_program programs[];
extern const size_t program_count;
#endif
