/*
 * One entry of a register's list as fields: [tag, value digest, value bytes, fragment checksum, flags].
 */
#ifndef WIRE_ENTRY_H
#define WIRE_ENTRY_H

#include "core/message.h"
#include "wire/field.h"

/** Static: what makes it an entry that no correct peer sends; NULL: nothing. */
const char *entry_problem(const struct entry *entry);

void entry_put(struct bytes_writer *writer, const struct entry *entry);
/** Judges types and widths; the rest is for entry_problem(). */
void entry_get(struct field_reader *reader, struct entry *entry);

#endif
