/*
 * Configurations as people and programs read them.
 */
#ifndef RECONFIG_CLI_PRINT_H
#define RECONFIG_CLI_PRINT_H

#include "core/config.h"
#include "core/quorum.h"

#include <stdio.h>

/** "c3 rs:5,3 on s1 s2 s3 s4 s5". */
void print_config(FILE *to, const struct config *config);
/** "s1 s2 s3": the members at these positions, with a separator between them. */
void print_members(FILE *to, const struct config *config, struct voters which, const char *separator);
/** Free text of a descriptor: without what would disturb a terminal. */
void print_text(FILE *to, const char *text);

/** `{"index":3,"id":...,"members":[...]...}`. */
void print_config_json(FILE *to, const struct config *config);
/** `["s1","s2"]`. */
void print_members_json(FILE *to, const struct config *config, struct voters which);

enum { TIME_TEXT_BYTES = 24 };
/** "2026-07-30T12:00:00Z", or "-" for 0. */
const char *print_time(uint64_t time_ns, char text[TIME_TEXT_BYTES]);

/** Whether colours and progress bars are welcome there. */
bool print_is_lively(FILE *to);

#endif
