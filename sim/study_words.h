/*
 * The words of a study's changes: those of areg-reconfig, but that hosts are known, so that they need no addresses.
 */
#ifndef SIM_STUDY_WORDS_H
#define SIM_STUDY_WORDS_H

#include "reconfig/change.h"

/** "replace s2 s6 delta 4". AREG_EINVAL and a sentence. */
enum areg_error study_words_read(const char *text, struct change *change, char why[CHANGE_WHY_BYTES]) MUST_USE;
/** The host of this name, "s1" is 0; UINT32_MAX: there is none. */
uint32_t study_words_host(unsigned host_count, const struct host_id *id);

#endif
