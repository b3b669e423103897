/*
 * The table of errors: code, name, sentence, whether to repeat. The codes themselves are public, in areg.h.
 */
#ifndef CORE_ERROR_H
#define CORE_ERROR_H

#include <areg.h>

#define MUST_USE __attribute__((warn_unused_result))

const char *error_name(enum areg_error error);
const char *error_sentence(enum areg_error error);
bool error_may_retry(enum areg_error error);

#endif
