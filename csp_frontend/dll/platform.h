/* Windows, as the DLL sees it: Windows 7 and later, and what mingw's headers leave out. */
#ifndef PERSONAL_CSP_PLATFORM_H
#define PERSONAL_CSP_PLATFORM_H

#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#ifndef _WIN32_WINNT
#define _WIN32_WINNT 0x0601
#endif
/* winsock2.h has to stand before windows.h. */
#include <winsock2.h>

#include <windows.h>

#include <wincrypt.h>

#ifndef LOAD_LIBRARY_SEARCH_SYSTEM32
#define LOAD_LIBRARY_SEARCH_SYSTEM32 0x00000800
#endif
#ifndef WSA_FLAG_NO_HANDLE_INHERIT
#define WSA_FLAG_NO_HANDLE_INHERIT 0x80
#endif

/* VTableProvStruc of CryptoAPI's service provider interface, which newer SDKs have in cspdk.h only. */
struct provider_vtable {
    DWORD version;
    FARPROC verify_image;
    /* FuncReturnhWnd: tells the window that dialogs belong to. */
    FARPROC return_window;
    DWORD provider_type;
    BYTE *context_info;
    DWORD context_info_size;
    LPSTR provider_name;
};

#endif
