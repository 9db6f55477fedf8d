#ifndef ALLOCATIONS_H
#define ALLOCATIONS_H

/// How many times the program has allocated memory, in all threads, since it started.
unsigned long allocations_so_far(void);

#endif
