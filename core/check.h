/*
 * Assertions of our own invariants. Never used on bytes from peers, disks, files or users: those are judged.
 * CHECK is on in every build; CHECK_SLOW (more than constant time) in dev, asan and the simulator.
 */
#ifndef CORE_CHECK_H
#define CORE_CHECK_H

/** Print the failed claim and abort. */
_Noreturn void check_failed(const char *claim, const char *file, int line);

#define CHECK(claim) ((claim) ? (void)0 : check_failed(#claim, __FILE__, __LINE__))

#ifdef AREG_CHECK_SLOW
#define CHECK_SLOW(claim) CHECK(claim)
#else
#define CHECK_SLOW(claim) ((void)(0 && (claim)))
#endif

#endif
