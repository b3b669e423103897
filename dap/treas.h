/* The two tables of TREAS, for dap.c, and what ABD shares of them. */
#ifndef DAP_TREAS_H
#define DAP_TREAS_H

#include "dap/answer.h"
#include "dap/ask.h"

extern const struct dap_ask treas_ask;
extern const struct dap_answer treas_answer;

/* Members that keep a list of entries answer questions about it in the same way. */
enum areg_error list_get_tag(const struct seat *seat, struct slice key, struct tag *newest);
enum areg_error list_get_data(const struct seat *seat, struct slice key, const struct get_data *asked,
                              struct data_reply *reply, struct slice *payload);
bool list_fragment_fits(const struct seat *seat, const struct entry *entry, struct slice fragment);
/** Whether a fragment may be stored. A delete makes room, in the end, and is let in when nothing else is. */
bool list_has_room(const struct seat *seat, const struct entry *entry, struct slice fragment);

#endif
