/*
 * The small functions of areg.h: errors, tags, counters.
 */
#include "client/lib/handle.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *areg_strerror(enum areg_error error)
{
    return error_sentence(error);
}

const char *areg_error_name(enum areg_error error)
{
    return error_name(error);
}

bool areg_may_retry(enum areg_error error)
{
    return error_may_retry(error);
}

/* ---------------------------------------------------------------- tags */

const char *areg_tag_print(struct areg_tag tag, char text[AREG_TAG_TEXT_BYTES])
{
    snprintf(text, AREG_TAG_TEXT_BYTES, "%" PRIu64 ".%" PRIx64, tag.z, tag.writer);
    return text;
}

/* One number without sign, space, prefix or leading zeroes, which ends at `end`; returns what follows, or NULL. */
static const char *parse_number(const char *text, unsigned base, char end, uint64_t *number)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = text;
    uint64_t parsed = 0;
    for (; *at && *at != end; at++) {
        const char *digit = memchr(digits, *at, base);
        if (!digit || parsed > (UINT64_MAX - (uint64_t)(digit - digits)) / base)
            return NULL;
        parsed = parsed * base + (uint64_t)(digit - digits);
    }
    if (*at != end || at == text || (text[0] == '0' && at > text + 1))
        return NULL;
    *number = parsed;
    return at;
}

enum areg_error areg_tag_parse(const char *text, struct areg_tag *tag)
{
    struct areg_tag parsed;
    const char *point = text ? parse_number(text, 10, '.', &parsed.z) : NULL;
    if (!point || !parse_number(point + 1, 16, 0, &parsed.writer))
        return AREG_EINVAL;
    *tag = parsed;
    return AREG_OK;
}

/* ---------------------------------------------------------------- counters */

uint64_t areg_counter(const struct areg_client *client, enum areg_counter counter)
{
    const struct client_counters *engine = client_counters(client->engine);
    const struct net_counters *net = dealers_counters(client->dealers);
    switch (counter) {
    case AREG_COUNT_READS:
        return engine->reads;
    case AREG_COUNT_WRITES:
        return engine->writes;
    case AREG_COUNT_READ_ROUNDS:
        return engine->read_rounds;
    case AREG_COUNT_WRITE_ROUNDS:
        return engine->write_rounds;
    case AREG_COUNT_WRITE_BACKS:
        return engine->write_backs;
    case AREG_COUNT_MESSAGES_SENT:
        return engine->messages_sent;
    case AREG_COUNT_PACKETS_SENT:
        return net->packets_sent;
    case AREG_COUNT_BYTES_SENT:
        return engine->bytes_sent;
    case AREG_COUNT_BYTES_RECEIVED:
        return engine->bytes_received;
    case AREG_COUNT_OVERHEAD_SENT:
        return client->overhead_sent;
    case AREG_COUNT_OVERHEAD_RECEIVED:
        return client->overhead_received;
    case AREG_COUNT_RETRANSMITS:
        return engine->retransmits;
    case AREG_COUNT_HEDGES:
        return engine->hedges;
    case AREG_COUNT_END:
        break;
    }
    return 0;
}

const char *areg_counter_name(enum areg_counter counter)
{
    static const char *const names[AREG_COUNT_END] = {
        [AREG_COUNT_READS] = "reads",
        [AREG_COUNT_WRITES] = "writes",
        [AREG_COUNT_READ_ROUNDS] = "read_rounds",
        [AREG_COUNT_WRITE_ROUNDS] = "write_rounds",
        [AREG_COUNT_WRITE_BACKS] = "write_backs",
        [AREG_COUNT_MESSAGES_SENT] = "messages_sent",
        [AREG_COUNT_PACKETS_SENT] = "packets_sent",
        [AREG_COUNT_BYTES_SENT] = "bytes_sent",
        [AREG_COUNT_BYTES_RECEIVED] = "bytes_received",
        [AREG_COUNT_OVERHEAD_SENT] = "overhead_sent",
        [AREG_COUNT_OVERHEAD_RECEIVED] = "overhead_received",
        [AREG_COUNT_RETRANSMITS] = "retransmits",
        [AREG_COUNT_HEDGES] = "hedges",
    };
    return (unsigned)counter < AREG_COUNT_END ? names[counter] : NULL;
}
