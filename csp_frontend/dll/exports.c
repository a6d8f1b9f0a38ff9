/* Made by tools/dll_tables.py from the tables in csp_frontend/. Do not edit. */
#include "calls.h"
#include "call.h"

const struct call CALLS[CALL_COUNT] = {
    {CALL_CPAcquireContext,
     1,
     4,
     {PARAMETER_NEW_CONTEXT, PARAMETER_TEXT, PARAMETER_DWORD, PARAMETER_VTABLE}},
    {CALL_CPReleaseContext,
     0,
     2,
     {PARAMETER_CONTEXT, PARAMETER_DWORD}},
    {CALL_CPGenKey,
     1,
     4,
     {PARAMETER_CONTEXT, PARAMETER_ALGORITHM, PARAMETER_DWORD, PARAMETER_NEW_KEY}},
    {CALL_CPDeriveKey,
     0,
     5,
     {PARAMETER_CONTEXT, PARAMETER_ALGORITHM, PARAMETER_HASH, PARAMETER_DWORD,
      PARAMETER_NEW_KEY}},
    {CALL_CPDestroyKey,
     0,
     2,
     {PARAMETER_CONTEXT, PARAMETER_KEY}},
    {CALL_CPSetKeyParam,
     1,
     5,
     {PARAMETER_CONTEXT, PARAMETER_KEY, PARAMETER_DWORD, PARAMETER_SET_DATA,
      PARAMETER_DWORD}},
    {CALL_CPGetKeyParam,
     0,
     5,
     {PARAMETER_CONTEXT, PARAMETER_KEY, PARAMETER_DWORD, PARAMETER_BUFFER,
      PARAMETER_DWORD}},
    {CALL_CPExportKey,
     0,
     6,
     {PARAMETER_CONTEXT, PARAMETER_KEY, PARAMETER_KEY, PARAMETER_DWORD,
      PARAMETER_DWORD, PARAMETER_BUFFER}},
    {CALL_CPImportKey,
     1,
     5,
     {PARAMETER_CONTEXT, PARAMETER_BYTES, PARAMETER_KEY, PARAMETER_DWORD,
      PARAMETER_NEW_KEY}},
    {CALL_CPEncrypt,
     0,
     8,
     {PARAMETER_CONTEXT, PARAMETER_KEY, PARAMETER_HASH, PARAMETER_BOOL,
      PARAMETER_DWORD, PARAMETER_DATA, PARAMETER_LENGTH, PARAMETER_ROOM}},
    {CALL_CPDecrypt,
     1,
     7,
     {PARAMETER_CONTEXT, PARAMETER_KEY, PARAMETER_HASH, PARAMETER_BOOL,
      PARAMETER_DWORD, PARAMETER_DATA, PARAMETER_LENGTH}},
    {CALL_CPCreateHash,
     0,
     5,
     {PARAMETER_CONTEXT, PARAMETER_ALGORITHM, PARAMETER_KEY, PARAMETER_DWORD,
      PARAMETER_NEW_HASH}},
    {CALL_CPHashData,
     0,
     4,
     {PARAMETER_CONTEXT, PARAMETER_HASH, PARAMETER_BYTES, PARAMETER_DWORD}},
    {CALL_CPHashSessionKey,
     0,
     4,
     {PARAMETER_CONTEXT, PARAMETER_HASH, PARAMETER_KEY, PARAMETER_DWORD}},
    {CALL_CPGetHashParam,
     0,
     5,
     {PARAMETER_CONTEXT, PARAMETER_HASH, PARAMETER_DWORD, PARAMETER_BUFFER,
      PARAMETER_DWORD}},
    {CALL_CPDestroyHash,
     0,
     2,
     {PARAMETER_CONTEXT, PARAMETER_HASH}},
    {CALL_CPSignHash,
     1,
     6,
     {PARAMETER_CONTEXT, PARAMETER_HASH, PARAMETER_DWORD, PARAMETER_WIDE_TEXT,
      PARAMETER_DWORD, PARAMETER_BUFFER}},
    {CALL_CPGenRandom,
     0,
     3,
     {PARAMETER_CONTEXT, PARAMETER_DWORD, PARAMETER_RANDOM}},
    {CALL_CPGetUserKey,
     0,
     3,
     {PARAMETER_CONTEXT, PARAMETER_DWORD, PARAMETER_NEW_KEY}},
    {CALL_CPSetProvParam,
     0,
     4,
     {PARAMETER_CONTEXT, PARAMETER_DWORD, PARAMETER_SET_DATA, PARAMETER_DWORD}},
    {CALL_CPGetProvParam,
     0,
     4,
     {PARAMETER_CONTEXT, PARAMETER_DWORD, PARAMETER_BUFFER, PARAMETER_DWORD}},
    {CALL_CPSetHashParam,
     0,
     5,
     {PARAMETER_CONTEXT, PARAMETER_HASH, PARAMETER_DWORD, PARAMETER_SET_DATA,
      PARAMETER_DWORD}},
    {CALL_CPVerifySignature,
     0,
     6,
     {PARAMETER_CONTEXT, PARAMETER_HASH, PARAMETER_BYTES, PARAMETER_KEY,
      PARAMETER_WIDE_TEXT, PARAMETER_DWORD}},
    {CALL_CPDuplicateHash,
     0,
     5,
     {PARAMETER_CONTEXT, PARAMETER_HASH, PARAMETER_RESERVED, PARAMETER_DWORD,
      PARAMETER_NEW_HASH}},
    {CALL_CPDuplicateKey,
     0,
     5,
     {PARAMETER_CONTEXT, PARAMETER_KEY, PARAMETER_RESERVED, PARAMETER_DWORD,
      PARAMETER_NEW_KEY}},
};

const struct set_length SET_LENGTHS_BY_CALL[SET_LENGTH_COUNT] = {
    {CALL_CPSetKeyParam, 1, LENGTH_BLOCK},
    {CALL_CPSetKeyParam, 2, LENGTH_SALT},
    {CALL_CPSetKeyParam, 10, LENGTH_POINTED},
    {CALL_CPSetKeyParam, 3, LENGTH_DWORD},
    {CALL_CPSetKeyParam, 4, LENGTH_DWORD},
    {CALL_CPSetKeyParam, 5, LENGTH_DWORD},
    {CALL_CPSetKeyParam, 6, LENGTH_DWORD},
    {CALL_CPSetKeyParam, 7, LENGTH_DWORD},
    {CALL_CPSetKeyParam, 19, LENGTH_DWORD},
    {CALL_CPSetKeyParam, 26, LENGTH_DER},
    {CALL_CPSetProvParam, 1, LENGTH_HANDLE},
    {CALL_CPSetProvParam, 31, LENGTH_TEXT},
    {CALL_CPSetProvParam, 32, LENGTH_TEXT},
    {CALL_CPSetProvParam, 33, LENGTH_TEXT},
    {CALL_CPSetProvParam, 38, LENGTH_NOTHING},
    {CALL_CPSetProvParam, 44, LENGTH_WIDE_TEXT},
    {CALL_CPSetProvParam, 8, LENGTH_NOTHING},
    {CALL_CPSetHashParam, 2, LENGTH_HASH},
    {CALL_CPSetHashParam, 5, LENGTH_HMAC_INFO},
};

BOOL WINAPI CPAcquireContext(HCRYPTPROV *new_context, LPCSTR container, DWORD flags, const struct provider_vtable *window)
{
    const union argument arguments[] = {
        {.made = new_context},
        {.text = container},
        {.number = flags},
        {.vtable = window},
    };

    return call_function(&CALLS[0], arguments);
}

BOOL WINAPI CPReleaseContext(HCRYPTPROV context, DWORD flags)
{
    const union argument arguments[] = {
        {.handle = context},
        {.number = flags},
    };

    return call_function(&CALLS[1], arguments);
}

BOOL WINAPI CPGenKey(HCRYPTPROV context, ALG_ID algorithm, DWORD flags, HCRYPTKEY *new_key)
{
    const union argument arguments[] = {
        {.handle = context},
        {.number = algorithm},
        {.number = flags},
        {.made = new_key},
    };

    return call_function(&CALLS[2], arguments);
}

BOOL WINAPI CPDeriveKey(HCRYPTPROV context, ALG_ID algorithm, HCRYPTHASH base, DWORD flags, HCRYPTKEY *new_key)
{
    const union argument arguments[] = {
        {.handle = context},
        {.number = algorithm},
        {.handle = base},
        {.number = flags},
        {.made = new_key},
    };

    return call_function(&CALLS[3], arguments);
}

BOOL WINAPI CPDestroyKey(HCRYPTPROV context, HCRYPTKEY key)
{
    const union argument arguments[] = {
        {.handle = context},
        {.handle = key},
    };

    return call_function(&CALLS[4], arguments);
}

BOOL WINAPI CPSetKeyParam(HCRYPTPROV context, HCRYPTKEY key, DWORD parameter, const BYTE *data, DWORD flags)
{
    const union argument arguments[] = {
        {.handle = context},
        {.handle = key},
        {.number = parameter},
        {.set_data = data},
        {.number = flags},
    };

    return call_function(&CALLS[5], arguments);
}

BOOL WINAPI CPGetKeyParam(HCRYPTPROV context, HCRYPTKEY key, DWORD parameter, BYTE *room, DWORD *room_size, DWORD flags)
{
    const union argument arguments[] = {
        {.handle = context},
        {.handle = key},
        {.number = parameter},
        {.buffer = {room, room_size}},
        {.number = flags},
    };

    return call_function(&CALLS[6], arguments);
}

BOOL WINAPI CPExportKey(HCRYPTPROV context, HCRYPTKEY key, HCRYPTKEY public_key, DWORD blob_type, DWORD flags, BYTE *room, DWORD *room_size)
{
    const union argument arguments[] = {
        {.handle = context},
        {.handle = key},
        {.handle = public_key},
        {.number = blob_type},
        {.number = flags},
        {.buffer = {room, room_size}},
    };

    return call_function(&CALLS[7], arguments);
}

BOOL WINAPI CPImportKey(HCRYPTPROV context, const BYTE *data, DWORD data_size, HCRYPTKEY public_key, DWORD flags, HCRYPTKEY *new_key)
{
    const union argument arguments[] = {
        {.handle = context},
        {.bytes = {data, data_size}},
        {.handle = public_key},
        {.number = flags},
        {.made = new_key},
    };

    return call_function(&CALLS[8], arguments);
}

BOOL WINAPI CPEncrypt(HCRYPTPROV context, HCRYPTKEY key, HCRYPTHASH hash, BOOL final, DWORD flags, BYTE *data, DWORD *length, DWORD room)
{
    const union argument arguments[] = {
        {.handle = context},
        {.handle = key},
        {.handle = hash},
        {.truth = final},
        {.number = flags},
        {.data = data},
        {.length = length},
        {.number = room},
    };

    return call_function(&CALLS[9], arguments);
}

BOOL WINAPI CPDecrypt(HCRYPTPROV context, HCRYPTKEY key, HCRYPTHASH hash, BOOL final, DWORD flags, BYTE *data, DWORD *length)
{
    const union argument arguments[] = {
        {.handle = context},
        {.handle = key},
        {.handle = hash},
        {.truth = final},
        {.number = flags},
        {.data = data},
        {.length = length},
    };

    return call_function(&CALLS[10], arguments);
}

BOOL WINAPI CPCreateHash(HCRYPTPROV context, ALG_ID algorithm, HCRYPTKEY key, DWORD flags, HCRYPTHASH *new_hash)
{
    const union argument arguments[] = {
        {.handle = context},
        {.number = algorithm},
        {.handle = key},
        {.number = flags},
        {.made = new_hash},
    };

    return call_function(&CALLS[11], arguments);
}

BOOL WINAPI CPHashData(HCRYPTPROV context, HCRYPTHASH hash, const BYTE *data, DWORD data_size, DWORD flags)
{
    const union argument arguments[] = {
        {.handle = context},
        {.handle = hash},
        {.bytes = {data, data_size}},
        {.number = flags},
    };

    return call_function(&CALLS[12], arguments);
}

BOOL WINAPI CPHashSessionKey(HCRYPTPROV context, HCRYPTHASH hash, HCRYPTKEY key, DWORD flags)
{
    const union argument arguments[] = {
        {.handle = context},
        {.handle = hash},
        {.handle = key},
        {.number = flags},
    };

    return call_function(&CALLS[13], arguments);
}

BOOL WINAPI CPGetHashParam(HCRYPTPROV context, HCRYPTHASH hash, DWORD parameter, BYTE *room, DWORD *room_size, DWORD flags)
{
    const union argument arguments[] = {
        {.handle = context},
        {.handle = hash},
        {.number = parameter},
        {.buffer = {room, room_size}},
        {.number = flags},
    };

    return call_function(&CALLS[14], arguments);
}

BOOL WINAPI CPDestroyHash(HCRYPTPROV context, HCRYPTHASH hash)
{
    const union argument arguments[] = {
        {.handle = context},
        {.handle = hash},
    };

    return call_function(&CALLS[15], arguments);
}

BOOL WINAPI CPSignHash(HCRYPTPROV context, HCRYPTHASH hash, DWORD key_spec, LPCWSTR description, DWORD flags, BYTE *room, DWORD *room_size)
{
    const union argument arguments[] = {
        {.handle = context},
        {.handle = hash},
        {.number = key_spec},
        {.wide_text = description},
        {.number = flags},
        {.buffer = {room, room_size}},
    };

    return call_function(&CALLS[16], arguments);
}

BOOL WINAPI CPGenRandom(HCRYPTPROV context, DWORD length, BYTE *seed)
{
    const union argument arguments[] = {
        {.handle = context},
        {.number = length},
        {.data = seed},
    };

    return call_function(&CALLS[17], arguments);
}

BOOL WINAPI CPGetUserKey(HCRYPTPROV context, DWORD key_spec, HCRYPTKEY *new_key)
{
    const union argument arguments[] = {
        {.handle = context},
        {.number = key_spec},
        {.made = new_key},
    };

    return call_function(&CALLS[18], arguments);
}

BOOL WINAPI CPSetProvParam(HCRYPTPROV context, DWORD parameter, const BYTE *data, DWORD flags)
{
    const union argument arguments[] = {
        {.handle = context},
        {.number = parameter},
        {.set_data = data},
        {.number = flags},
    };

    return call_function(&CALLS[19], arguments);
}

BOOL WINAPI CPGetProvParam(HCRYPTPROV context, DWORD parameter, BYTE *room, DWORD *room_size, DWORD flags)
{
    const union argument arguments[] = {
        {.handle = context},
        {.number = parameter},
        {.buffer = {room, room_size}},
        {.number = flags},
    };

    return call_function(&CALLS[20], arguments);
}

BOOL WINAPI CPSetHashParam(HCRYPTPROV context, HCRYPTHASH hash, DWORD parameter, const BYTE *data, DWORD flags)
{
    const union argument arguments[] = {
        {.handle = context},
        {.handle = hash},
        {.number = parameter},
        {.set_data = data},
        {.number = flags},
    };

    return call_function(&CALLS[21], arguments);
}

BOOL WINAPI CPVerifySignature(HCRYPTPROV context, HCRYPTHASH hash, const BYTE *signature, DWORD signature_size, HCRYPTKEY public_key, LPCWSTR description, DWORD flags)
{
    const union argument arguments[] = {
        {.handle = context},
        {.handle = hash},
        {.bytes = {signature, signature_size}},
        {.handle = public_key},
        {.wide_text = description},
        {.number = flags},
    };

    return call_function(&CALLS[22], arguments);
}

BOOL WINAPI CPDuplicateHash(HCRYPTPROV context, HCRYPTHASH hash, DWORD *reserved, DWORD flags, HCRYPTHASH *new_hash)
{
    const union argument arguments[] = {
        {.handle = context},
        {.handle = hash},
        {.reserved = reserved},
        {.number = flags},
        {.made = new_hash},
    };

    return call_function(&CALLS[23], arguments);
}

BOOL WINAPI CPDuplicateKey(HCRYPTPROV context, HCRYPTKEY key, DWORD *reserved, DWORD flags, HCRYPTKEY *new_key)
{
    const union argument arguments[] = {
        {.handle = context},
        {.handle = key},
        {.reserved = reserved},
        {.number = flags},
        {.made = new_key},
    };

    return call_function(&CALLS[24], arguments);
}
