/* Starting the agent of the user by the command that is registered for it. */
#ifndef PERSONAL_CSP_AGENT_START_H
#define PERSONAL_CSP_AGENT_START_H

#include "platform.h"

/*
 * Run the command in HKEY_CURRENT_USER\Software\Personal CSP, value AgentCommand. FALSE if there is none that can be
 * used: it has to begin with the absolute path of a program, in double quotes. Does not wait for it.
 */
BOOL agent_start(void);

#endif
