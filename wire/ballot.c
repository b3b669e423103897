#include "wire/ballot.h"

bool ballot_is_none(struct ballot ballot)
{
    return ballot.round == 0 && ballot.proposer == 0;
}

void ballot_put(struct bytes_writer *writer, struct ballot ballot)
{
    field_put_array(writer, 2);
    field_put_number(writer, ballot.round);
    field_put_number(writer, ballot.proposer);
}

struct ballot ballot_get(struct field_reader *reader, const char *why)
{
    field_open_array(reader, why);
    struct ballot ballot;
    ballot.round = field_get_number(reader, UINT64_MAX, why);
    ballot.proposer = field_get_number(reader, UINT64_MAX, why);
    field_close_array(reader);
    return ballot;
}
