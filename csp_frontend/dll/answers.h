/* What comes back from the agent, put where the caller wants it. */
#ifndef PERSONAL_CSP_ANSWERS_H
#define PERSONAL_CSP_ANSWERS_H

#include "arguments.h"

/* The answer of a call that succeeded; FALSE if the reply is not of the function's kind. */
BOOL store_answer(const struct pending *pending, const struct reply *reply);

/* The size that the caller's buffer should have comes with the error; FALSE if that is no size. */
BOOL store_size(DWORD *length, const struct reply *reply);

#endif
