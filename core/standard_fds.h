/*
 * Descriptors 0, 1 and 2, which whoever starts a program may have closed.
 */
#ifndef CORE_STANDARD_FDS_H
#define CORE_STANDARD_FDS_H

/**
 * Keep those that are closed from being given to files that are opened later, which would then be printed into: reading
 * stdin, and writing stdout and stderr, fail as they should. To be called first of all in main().
 */
void standard_fds_reserve(void);

#endif
