/* A call of a function as one message and its answer. */
#ifndef PERSONAL_CSP_CALL_ONCE_H
#define PERSONAL_CSP_CALL_ONCE_H

#include "arguments.h"

/* Send what waits for the hashes that the function uses, then the call, and store what comes back. */
DWORD call_once(struct pending *pending);

#endif
