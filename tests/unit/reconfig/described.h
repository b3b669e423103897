/* Configurations with their canonical encodings, for tests. Host "s1" has the incarnation 101, and so on. */
#ifndef TESTS_UNIT_RECONFIG_DESCRIBED_H
#define TESTS_UNIT_RECONFIG_DESCRIBED_H

#include "core/buffer.h"
#include "core/check.h"
#include "core/config.h"

#include <stdio.h>

struct described {
    struct config config;
    size_t bytes;
    uint8_t at[CONFIG_ENCODED_BYTES_MAX];
};

static inline struct slice descriptor_of(const struct described *of)
{
    return slice_borrow(of->at, of->bytes);
}

static inline void describe(struct described *of)
{
    of->bytes = config_encode(&of->config, of->at, sizeof of->at);
}

/** `hosts` are the members' numbers, as many as the code has. */
static inline void describe_first(struct described *to, uint32_t shard, const char *code, const unsigned *hosts)
{
    to->config = (struct config){.shard = shard, .delta = 2, .author = "tester"};
    CHECK(code_parse(code, &to->config.code) == AREG_OK);
    to->config.member_count = to->config.code.n;
    for (unsigned i = 0; i < to->config.member_count; i++) {
        struct member *member = &to->config.members[i];
        snprintf(member->id.text, sizeof member->id.text, "s%u", hosts[i]);
        snprintf(member->address, sizeof member->address, "tcp://10.0.0.%u:1", hosts[i]);
        member->incarnation = 100 + hosts[i];
    }
    describe(to);
}

/** A successor; each `salt` makes another one. */
static inline void describe_next(struct described *to, const struct config *of, const char *code, const unsigned *hosts,
                                 uint64_t salt)
{
    describe_first(to, of->shard, code, hosts);
    to->config.cluster = of->cluster;
    to->config.index = of->index + 1;
    to->config.parent = of->id;
    to->config.time_ns = salt;
    describe(to);
}

#endif
