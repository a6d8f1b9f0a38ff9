#include "stores.h"

#include <string.h>

#define PROVIDER L"Personal CSP"

/* The description, which a person sees in the certificate's window too. A property of our own would not: Wine loses them. */
static const WCHAR mark[] = L"Personal CSP: here as long as its token is inserted";

static HCERTSTORE open_store(DWORD store)
{
    const WCHAR *name = store == STORE_MY ? L"MY" : L"CA";

    return CertOpenStore(CERT_STORE_PROV_SYSTEM_W, 0, 0, CERT_SYSTEM_STORE_CURRENT_USER, name);
}

static BOOL is_marked(PCCERT_CONTEXT certificate)
{
    WCHAR found[sizeof mark / sizeof mark[0]];
    DWORD size = sizeof found;

    return CertGetCertificateContextProperty(certificate, CERT_DESCRIPTION_PROP_ID, found, &size) &&
           size == sizeof mark && memcmp(found, mark, sizeof mark) == 0;
}

/* Whether its key is still said to be with our provider. Others may have bound the certificate anew: then it is theirs. */
static BOOL is_bound(PCCERT_CONTEXT certificate)
{
    CRYPT_KEY_PROV_INFO *info;
    DWORD size = 0;
    BOOL bound = FALSE;

    if (!CertGetCertificateContextProperty(certificate, CERT_KEY_PROV_INFO_PROP_ID, NULL, &size)) {
        return FALSE;
    }
    info = memory_new(size);
    if (info != NULL && CertGetCertificateContextProperty(certificate, CERT_KEY_PROV_INFO_PROP_ID, info, &size)) {
        bound = info->pwszProvName != NULL && wcscmp(info->pwszProvName, PROVIDER) == 0;
    }
    memory_free(info, size);
    return bound;
}

static BOOL is_ours(PCCERT_CONTEXT certificate, DWORD store)
{
    return is_marked(certificate) && (store != STORE_MY || is_bound(certificate));
}

BOOL store_list(DWORD store, struct buffer *thumbprints)
{
    const HCERTSTORE opened = open_store(store);
    PCCERT_CONTEXT certificate = NULL;
    BYTE thumbprint[THUMBPRINT_SIZE];
    DWORD size;

    buffer_clear(thumbprints);
    if (opened == NULL) {
        return FALSE;
    }
    while ((certificate = CertEnumCertificatesInStore(opened, certificate)) != NULL) {
        size = sizeof thumbprint;
        if (is_ours(certificate, store) &&
            CertGetCertificateContextProperty(certificate, CERT_SHA1_HASH_PROP_ID, thumbprint, &size)) {
            buffer_append(thumbprints, thumbprint, sizeof thumbprint);
        }
    }
    (void)CertCloseStore(opened, 0);
    return !thumbprints->failed;
}

static BOOL set_properties(PCCERT_CONTEXT certificate, const struct order *order)
{
    WCHAR ours[sizeof mark / sizeof mark[0]];
    CRYPT_DATA_BLOB marked = {sizeof ours, (BYTE *)ours};
    CRYPT_DATA_BLOB name = {(DWORD)((wcslen(order->friendly_name) + 1) * sizeof(WCHAR)), (BYTE *)order->friendly_name};
    WCHAR provider[] = PROVIDER;
    CRYPT_KEY_PROV_INFO info = {order->container, provider, PROV_RSA_FULL, 0, 0, NULL, order->key_spec};

    memcpy(ours, mark, sizeof ours);
    return CertSetCertificateContextProperty(certificate, CERT_DESCRIPTION_PROP_ID, 0, &marked) &&
           CertSetCertificateContextProperty(certificate, CERT_FRIENDLY_NAME_PROP_ID, 0, &name) &&
           (order->store != STORE_MY ||
            CertSetCertificateContextProperty(certificate, CERT_KEY_PROV_INFO_PROP_ID, 0, &info));
}

DWORD store_add(const struct order *order)
{
    const HCERTSTORE opened = open_store(order->store);
    PCCERT_CONTEXT certificate;
    DWORD status = ERROR_SUCCESS;

    if (opened == NULL) {
        return GetLastError();
    }
    certificate = CertCreateCertificateContext(X509_ASN_ENCODING | PKCS_7_ASN_ENCODING, order->certificate,
                                               order->certificate_size);
    /* With all its properties before it is in the store, so that it is never there without the mark. */
    if (certificate == NULL || !set_properties(certificate, order) ||
        !CertAddCertificateContextToStore(opened, certificate, CERT_STORE_ADD_NEW, NULL)) {
        status = GetLastError();
    }
    if (certificate != NULL) {
        (void)CertFreeCertificateContext(certificate);
    }
    (void)CertCloseStore(opened, 0);
    return status;
}

DWORD store_remove(const struct order *order)
{
    const HCERTSTORE opened = open_store(order->store);
    BYTE thumbprint[THUMBPRINT_SIZE];
    CRYPT_HASH_BLOB hash = {sizeof thumbprint, thumbprint};
    PCCERT_CONTEXT certificate;
    DWORD status = ERROR_SUCCESS;

    if (opened == NULL) {
        return GetLastError();
    }
    memcpy(thumbprint, order->thumbprint, sizeof thumbprint);
    certificate = CertFindCertificateInStore(opened, X509_ASN_ENCODING, 0, CERT_FIND_SHA1_HASH, &hash, NULL);
    if (certificate != NULL && is_ours(certificate, order->store)) {
        /* Deleting frees the context in any case. Closing alone does not write it down in Wine. */
        if (!CertDeleteCertificateFromStore(certificate) ||
            !CertControlStore(opened, 0, CERT_STORE_CTRL_COMMIT, NULL)) {
            status = GetLastError();
        }
    } else if (certificate != NULL) {
        (void)CertFreeCertificateContext(certificate);
    }
    (void)CertCloseStore(opened, 0);
    return status;
}
