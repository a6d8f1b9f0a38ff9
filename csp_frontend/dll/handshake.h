/* Each side proves to the other that it can read the user's endpoint file (docs/csp.md, "Handshake"). */
#ifndef PERSONAL_CSP_HANDSHAKE_H
#define PERSONAL_CSP_HANDSHAKE_H

#include "endpoint.h"
#include "stream.h"

/*
 * Connect to the agent and greet it, in five seconds at most. Nothing but the greeting is sent to a peer that has not
 * proved that it knows the secret. OUTCOME_NO_AGENT if there is no agent; OUTCOME_BUSY if it takes no more connections.
 */
enum outcome handshake_connect(const struct endpoint *endpoint, const BYTE process[WIRE_PROCESS_SIZE], SOCKET *stream);

#endif
