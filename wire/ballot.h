/*
 * One ballot as a field: [round, proposer].
 */
#ifndef WIRE_BALLOT_H
#define WIRE_BALLOT_H

#include "core/message.h"
#include "wire/field.h"

/** Whether it is the one that stands for none. */
bool ballot_is_none(struct ballot ballot);

void ballot_put(struct bytes_writer *writer, struct ballot ballot);
/** `why` is the reason if it is of another type. */
struct ballot ballot_get(struct field_reader *reader, const char *why);

#endif
