#include "wire/entry.h"

const char *entry_problem(const struct entry *entry)
{
    if (tag_is_zero(entry->tag))
        return "an entry has the tag of no write";
    if (entry->value_bytes > AREG_VALUE_BYTES_MAX)
        return "an entry's value is larger than any";
    if (entry->flags & ~(uint32_t)ENTRY_FLAGS_ALL)
        return "an entry has an unknown flag";
    if (entry->flags & ENTRY_TOMBSTONE && entry->value_bytes > 0)
        return "an entry is deleted and has a value";
    return NULL;
}

void entry_put(struct bytes_writer *writer, const struct entry *entry)
{
    field_put_array(writer, 5);
    field_put_tag(writer, entry->tag);
    field_put_number(writer, entry->value_digest);
    field_put_number(writer, entry->value_bytes);
    field_put_number(writer, entry->fragment_checksum);
    field_put_number(writer, entry->flags);
}

void entry_get(struct field_reader *reader, struct entry *entry)
{
    field_open_array(reader, "an entry is no array");
    entry->tag = field_get_tag(reader, "an entry's tag is no tag");
    entry->value_digest = field_get_number(reader, UINT64_MAX, "an entry's value digest is no number");
    entry->value_bytes = (uint32_t)field_get_number(reader, UINT32_MAX, "an entry's value bytes are no 32-bit number");
    entry->fragment_checksum =
        (uint32_t)field_get_number(reader, UINT32_MAX, "an entry's fragment checksum is no 32-bit number");
    entry->flags = (uint32_t)field_get_number(reader, UINT32_MAX, "an entry's flags are no 32-bit number");
    field_close_array(reader);
}
