/* Whom a file belongs to, and who else may use it. */
#ifndef PERSONAL_CSP_FILE_OWNER_H
#define PERSONAL_CSP_FILE_OWNER_H

#include "platform.h"

/*
 * Whether an open file belongs to the user of this process, and nobody may read or change it but that user, the
 * system and administrators. FALSE also where that cannot be found out.
 */
BOOL is_private_file(HANDLE file);

#endif
