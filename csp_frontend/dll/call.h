/* From the parameters of an exported function to a call on the wire, and from the reply to the caller's buffers. */
#ifndef PERSONAL_CSP_CALL_H
#define PERSONAL_CSP_CALL_H

#include "arguments.h"

/* Make the call. FALSE with its code in GetLastError if it fails. */
BOOL call_function(const struct call *call, const union argument *arguments);

#endif
