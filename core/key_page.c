#include "core/key_page.h"

#include "core/check.h"
#include "core/key.h"

bool key_page_put(struct bytes_writer *writer, const struct listed_key *listed)
{
    CHECK(key_is_valid(listed->key));
    const size_t needed_bytes = 2 + listed->key.bytes + 8 + 8 + 1;
    if (writer->failed || needed_bytes > writer->room_bytes - writer->used_bytes)
        return false;
    bytes_put_text(writer, listed->key.at, listed->key.bytes);
    bytes_put_u64(writer, listed->tag.z);
    bytes_put_u64(writer, listed->tag.w);
    bytes_put_u8(writer, listed->is_tombstone);
    return true;
}

enum areg_error key_page_get(struct bytes_reader *reader, struct listed_key *listed)
{
    if (reader->failed)
        return AREG_EINVAL;
    if (reader->left_bytes == 0)
        return AREG_ENOTFOUND;
    listed->key = bytes_get_text(reader);
    listed->tag.z = bytes_get_u64(reader);
    listed->tag.w = bytes_get_u64(reader);
    const uint8_t flags = bytes_get_u8(reader);
    listed->is_tombstone = flags == 1;
    return !reader->failed && flags <= 1 && key_is_valid(listed->key) ? AREG_OK : AREG_EINVAL;
}
