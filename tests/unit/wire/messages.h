/*
 * Random messages of every kind, and their comparison, for the tests of wire/.
 */
#ifndef TESTS_UNIT_WIRE_MESSAGES_H
#define TESTS_UNIT_WIRE_MESSAGES_H

#include "core/message.h"
#include "core/random.h"

/* Kinds are numbered from 1. */
enum { MESSAGE_KIND_COUNT = MESSAGE_REGISTER, REPLY_STATUS_COUNT = REPLY_VERSION + 1 };

/** Where messages come from. Their slices are windows on its memory, so it must outlive them. */
struct message_source {
    struct random_source random;
    struct buffer *memory;
    size_t descriptor_bytes_max; /* CONFIG_ENCODED_BYTES_MAX, unless the test wants short messages */
};

/** Prints its seed, which the environment variable AREG_SEED overrides. */
void message_source_init(struct message_source *source);
void message_source_fini(struct message_source *source);

/** A number of any magnitude up to `max`, with a liking for places where an encoding changes its length. */
uint64_t random_number(struct message_source *source, uint64_t max);
/** A window on the source's memory of min..max bytes: counted, without a reference of its own. */
struct slice random_slice(struct message_source *source, size_t bytes_min, size_t bytes_max);
/** Its payload has up to `payload_bytes_max` bytes, if the kind may have one. */
void random_request(struct message_source *source, enum message_kind kind, size_t payload_bytes_max,
                    struct request *request);
void random_reply(struct message_source *source, enum message_kind kind, enum reply_status status,
                  size_t payload_bytes_max, struct reply *reply);

/** Fail the running test at the first field that differs. */
void assert_request_equal(const struct request *actual, const struct request *expected);
void assert_reply_equal(const struct reply *actual, const struct reply *expected);

#endif
