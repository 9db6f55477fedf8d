#ifndef ALLOCATIONS_H
#define ALLOCATIONS_H

#include <stdbool.h>

/// How many times the program has allocated memory, in all threads, since it started and while it counted.
unsigned long allocations_so_far(void);

/// Counting, as it does from the start, makes each allocation dearer.
void count_allocations(bool on);

#endif
