/* Who may put a window in front: the right is the program's, and the window for a PIN is another process's. */
#ifndef PERSONAL_CSP_FOREGROUND_H
#define PERSONAL_CSP_FOREGROUND_H

#include "platform.h"

/* Let a process put its window in front of this program's, if this program may; it has to have windows itself. */
void foreground_allow(DWORD pid);

#endif
