/* Texts that the agent answers in UTF-8, in the code page of the program: CryptoAPI's providers speak ANSI. */
#ifndef PERSONAL_CSP_ANSI_H
#define PERSONAL_CSP_ANSI_H

#include "platform.h"

/* Whether it is a parameter of the provider whose value is a text. */
BOOL is_text_parameter(DWORD parameter);

/*
 * Convert a text with its NUL, in place: it never becomes longer. `size` becomes the new one, unless there was more
 * behind the NUL; that becomes zeros. A character that the code page does not have becomes its substitute.
 */
void text_to_ansi(BYTE *text, DWORD *size);

#endif
