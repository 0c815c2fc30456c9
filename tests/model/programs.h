/* programs: what the model check runs. */
#ifndef MODEL_PROGRAMS_H
#define MODEL_PROGRAMS_H
#include "explore.h"

extern const struct model_program programs[], task_programs[];
extern const size_t program_count, task_program_count;

static inline size_t program_total(void)
{
	return program_count + task_program_count;
}

static inline const struct model_program *program_at(size_t i)
{
	return i < program_count ? &programs[i] : &task_programs[i - program_count];
}

#endif
