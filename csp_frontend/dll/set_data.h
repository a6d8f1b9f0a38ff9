/* How long the data is that CPSetKeyParam, CPSetHashParam and CPSetProvParam get: their prototypes do not say. */
#ifndef PERSONAL_CSP_SET_DATA_H
#define PERSONAL_CSP_SET_DATA_H

#include "arguments.h"

/*
 * Append what the pointer points to, by the rule of the table for this function and parameter, or nothing for NULL.
 * Where the agent has to be asked for a length, that is done on the session, whose values are lost by it. Data that
 * nobody knows a rule for is not looked at: the agent gets no bytes, and refuses the parameter.
 */
DWORD set_data_find(struct session *session, const struct call *call, const union argument *arguments,
                    struct buffer *found);

#endif
