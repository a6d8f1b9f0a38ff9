#include "cert_store.h"

#include "values.h"

#define MOST_NAME 300

/* One certificate of the message. */
struct entry {
    DWORD key_spec;
    WCHAR container[MOST_NAME];
    const BYTE *certificate;
    DWORD size;
};

typedef HCERTSTORE(WINAPI *open_function)(LPCSTR, DWORD, HCRYPTPROV_LEGACY, DWORD, const void *);
typedef BOOL(WINAPI *close_function)(HCERTSTORE, DWORD);
typedef BOOL(WINAPI *add_function)(HCERTSTORE, DWORD, const BYTE *, DWORD, DWORD, PCCERT_CONTEXT *);
typedef BOOL(WINAPI *set_function)(PCCERT_CONTEXT, DWORD, DWORD, const void *);
typedef BOOL(WINAPI *free_function)(PCCERT_CONTEXT);
typedef void (*any_function)(void);

struct crypt32 {
    open_function open;
    close_function close;
    add_function add;
    set_function set;
    free_function free;
};

/* It is in every program that asks for a store, and need not be in the others. Only the system's own is taken. */
static BOOL load(struct crypt32 *crypt32)
{
    const HMODULE library = LoadLibraryExW(L"crypt32.dll", NULL, LOAD_LIBRARY_SEARCH_SYSTEM32);

    if (library == NULL) {
        return FALSE;
    }
    crypt32->open = (open_function)(any_function)GetProcAddress(library, "CertOpenStore");
    crypt32->close = (close_function)(any_function)GetProcAddress(library, "CertCloseStore");
    crypt32->add = (add_function)(any_function)GetProcAddress(library, "CertAddEncodedCertificateToStore");
    crypt32->set = (set_function)(any_function)GetProcAddress(library, "CertSetCertificateContextProperty");
    crypt32->free = (free_function)(any_function)GetProcAddress(library, "CertFreeCertificateContext");
    return crypt32->open != NULL && crypt32->close != NULL && crypt32->add != NULL && crypt32->set != NULL &&
           crypt32->free != NULL;
}

static BOOL take_entry(struct reader *from, struct entry *entry)
{
    const BYTE *name;
    DWORD size;
    int length = 0;

    entry->key_spec = take_u32(from);
    size = take_u32(from);
    name = take(from, size);
    entry->size = take_u32(from);
    entry->certificate = take(from, entry->size);
    if (from->failed) {
        return FALSE;
    }
    if (size != 0) {
        length = MultiByteToWideChar(CP_UTF8, 0, (const char *)name, (int)size, entry->container, MOST_NAME - 1);
        if (length <= 0) {
            return FALSE;
        }
    }
    entry->container[length] = 0;
    return TRUE;
}

static BOOL add_entry(const struct crypt32 *crypt32, HCERTSTORE store, struct entry *entry)
{
    WCHAR provider[] = L"Personal CSP";
    const CRYPT_KEY_PROV_INFO info = {entry->container, provider, PROV_RSA_FULL, 0, 0, NULL, entry->key_spec};
    PCCERT_CONTEXT certificate = NULL;
    BOOL added;

    if (!crypt32->add(store, X509_ASN_ENCODING, entry->certificate, entry->size, CERT_STORE_ADD_ALWAYS, &certificate)) {
        return TRUE; /* what crypt32 does not take for a certificate is left out */
    }
    added = entry->key_spec == 0 || crypt32->set(certificate, CERT_KEY_PROV_INFO_PROP_ID, 0, &info);
    (void)crypt32->free(certificate);
    return added;
}

HCERTSTORE cert_store_open(const BYTE *message, DWORD size)
{
    struct reader from = {message, size, FALSE};
    struct crypt32 crypt32;
    struct entry entry;
    HCERTSTORE store;

    if (!load(&crypt32)) {
        return NULL;
    }
    store = crypt32.open(CERT_STORE_PROV_MEMORY, 0, 0, 0, NULL);
    while (store != NULL && from.left != 0) {
        if (!take_entry(&from, &entry) || !add_entry(&crypt32, store, &entry)) {
            (void)crypt32.close(store, 0);
            return NULL;
        }
    }
    return store;
}
