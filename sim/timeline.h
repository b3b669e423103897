/*
 * A violation as a picture: the operations that contradict each other, one a line, with a bar for the time that each of
 * them took.
 *
 *     not linearizable by values alone: register "k1": each of two values must have come before the other one
 *       A  client 1  write  00000000000000a1  |=====|
 *       B  client 1  write  00000000000000a2              |=====|
 *       C  client 2  read   00000000000000a1                          |=====|
 *       A  load.jsonl:1: version 1.5e, 0.000000000 s .. 0.000000010 s, ok
 *       ...
 *
 * Bars are not to scale: each instant at which something begins or ends has a column of its own, in order, so that one
 * sees what came before what, be it by seconds or by one nanosecond. An operation whose end is not known has an arrow.
 * The picture fits 80 columns; what is written below it may be wider.
 */
#ifndef SIM_TIMELINE_H
#define SIM_TIMELINE_H

#include "sim/atomicity.h"

/** "by versions", "by values alone". */
const char *judge_name(enum judge judge);

/**
 * Print the violation that a judge has found.
 *
 * @places  Where each of its operations is recorded, in the violation's order; NULL: their numbers are printed.
 */
void timeline_print(FILE *to, const struct atomicity *atomicity, const struct verdict *verdict, enum judge judge,
                    const char *const *places);

#endif
