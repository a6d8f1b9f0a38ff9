#include "platform.h"

BOOL WINAPI DllMain(HINSTANCE module, DWORD reason, void *reserved);

/* Nothing is begun here: under the loader's lock there is little that cannot wait for ever. */
BOOL WINAPI DllMain(HINSTANCE module, DWORD reason, void *reserved)
{
    (void)reserved;
    if (reason == DLL_PROCESS_ATTACH) {
        (void)DisableThreadLibraryCalls(module); /* it only saves calls */
    }
    return TRUE;
}
