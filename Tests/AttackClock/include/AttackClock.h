// Preloaded into a process (LD_PRELOAD, Linux), it moves the time of day that this process sees, at any moment and by any step,
// and nobody else's. Clocks that only go forward stay: that of a machine does not jump either when somebody sets its time.

#ifndef APUS_ATTACK_CLOCK
#define APUS_ATTACK_CLOCK

// Names, in the environment, the file whose first eight bytes are the seconds to add, a number of the machine's.
#define APUS_CLOCK_FILE "APUS_CLOCK_FILE"

#endif
