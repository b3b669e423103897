/*
 * What simulations have come to, for people and for programs.
 */
#ifndef LAB_SIM_REPORT_H
#define LAB_SIM_REPORT_H

#include "lab/campaign.h"

/** What a run is of: the code, hosts, clients and so on, and the classes of faults that are on. */
void sim_report_setting(const struct sim_options *drawn, FILE *to);
/** One run. */
void sim_report_text(const struct sim_report *report, double seconds, FILE *to);
void sim_report_json(const struct sim_report *report, double seconds, FILE *to);
/** Many runs. */
void campaign_report_text(const struct campaign_result *result, FILE *to);
void campaign_report_json(const struct campaign_result *result, FILE *to);

#endif
