#include "foreground.h"

typedef BOOL(WINAPI *allow_function)(DWORD);

/* A program without user32 has no windows, and no right to pass on; a service, say, is not to get the library by us. */
void foreground_allow(DWORD pid)
{
    HMODULE library;
    FARPROC found;

    if (!GetModuleHandleExW(0, L"user32.dll", &library)) {
        return;
    }
    found = GetProcAddress(library, "AllowSetForegroundWindow");
    if (found != NULL) {
        (void)((allow_function)(void (*)(void))found)(pid);
    }
    (void)FreeLibrary(library);
}
