/*
 * Values as the user of the library holds them: counted, in up to AREG_PIECES_MAX pieces, readable on any thread.
 *
 * A value never changes once it has been read from a host or submitted to be written.
 */
#ifndef CLIENT_LIB_VALUE_H
#define CLIENT_LIB_VALUE_H

#include "core/buffer.h"

#include <areg.h>

/**
 * A value of the pieces that a read brought, of which empty ones are left out. Their references are taken over, also
 * without memory, when NULL is returned.
 */
struct areg_value *value_of_pieces(struct slice *pieces, unsigned piece_count);

/**
 * All bytes as one slice, lent by the value, which is gathered if it has several pieces. From now on it is one that
 * has been submitted: areg_value_data_mutable() gives it out no more. Returns AREG_OK or AREG_ENOMEM.
 */
enum areg_error value_to_write(struct areg_value *value, struct slice *bytes);

#endif
