/*
 * The studies that scale_run() chooses from. Each fills in the rows and the checks of a result.
 */
#ifndef LAB_SCALE_STUDY_H
#define LAB_SCALE_STUDY_H

#include "lab/scale.h"

enum areg_error study_balance(const struct scale_options *options, struct scale_result *result) MUST_USE;
enum areg_error study_movement(const struct scale_options *options, struct scale_result *result) MUST_USE;
enum areg_error study_recovery(const struct scale_options *options, struct scale_result *result) MUST_USE;
enum areg_error study_slow_hosts(const struct scale_options *options, struct scale_result *result) MUST_USE;
enum areg_error study_simulator(const struct scale_options *options, struct scale_result *result) MUST_USE;

/** A row that begins with what all studies have in common. */
void study_row(const struct scale_options *options, struct scale_result *result);
/** Whether it is the real placement that is looked at, which must keep its promises. */
bool study_is_settled(const struct scale_options *options);

#endif
