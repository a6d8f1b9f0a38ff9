/* Made by tools/dll_tables.py from the tables in csp_frontend/. Do not edit. */
#ifndef PERSONAL_CSP_CALLS_H
#define PERSONAL_CSP_CALLS_H

#include "platform.h"

#define WIRE_VERSION 1u
#define WIRE_LOWEST_VERSION 1u
#define WIRE_LENGTH_SIZE 4u
#define WIRE_NONCE_SIZE 32u
#define WIRE_PROOF_SIZE 32u
#define WIRE_PROCESS_SIZE 16u
#define WIRE_SECRET_SIZE 32u
#define WIRE_MESSAGE_SIZE 1048576u
#define WIRE_MAX_FRAME 1052672u
#define WIRE_MAX_GREETING 1024u
#define WIRE_MAX_VALUES 32u
#define WIRE_MAX_TEXT 2048u
#define WIRE_BUSY 170u

#define WIRE_MAGIC "PCSP"
#define WIRE_AGENT_LABEL "personal-csp agent"
#define WIRE_CLIENT_LABEL "personal-csp client"
#define ENDPOINT_FOLDER "personal-csp"
#define ENDPOINT_FILE "agent"
#define ENDPOINT_ENVIRONMENT "PERSONAL_CSP_DIR"

enum frame_type {
    FRAME_HELLO = 0x1,
    FRAME_CHALLENGE = 0x2,
    FRAME_PROOF = 0x3,
    FRAME_WELCOME = 0x4,
    FRAME_CALL = 0x5,
    FRAME_REPLY = 0x6,
    FRAME_REFUSAL = 0x7,
};

enum value_kind {
    VALUE_NOTHING = 0x0,
    VALUE_NUMBER = 0x1,
    VALUE_HANDLE = 0x2,
    VALUE_BYTES = 0x3,
    VALUE_TEXT = 0x4,
};

enum parameter_kind {
    PARAMETER_CONTEXT,
    PARAMETER_KEY,
    PARAMETER_HASH,
    PARAMETER_DWORD,
    PARAMETER_BOOL,
    PARAMETER_ALGORITHM,
    PARAMETER_TEXT,
    PARAMETER_WIDE_TEXT,
    PARAMETER_VTABLE,
    PARAMETER_BYTES,
    PARAMETER_SET_DATA,
    PARAMETER_BUFFER,
    PARAMETER_DATA,
    PARAMETER_LENGTH,
    PARAMETER_ROOM,
    PARAMETER_RESERVED,
    PARAMETER_RANDOM,
    PARAMETER_NEW_CONTEXT,
    PARAMETER_NEW_KEY,
    PARAMETER_NEW_HASH,
};

enum set_length_kind {
    LENGTH_DWORD,
    LENGTH_HANDLE,
    LENGTH_TEXT,
    LENGTH_WIDE_TEXT,
    LENGTH_DER,
    LENGTH_BLOCK,
    LENGTH_SALT,
    LENGTH_POINTED,
    LENGTH_HASH,
    LENGTH_HMAC_INFO,
    LENGTH_NOTHING,
};

enum call_number {
    CALL_CPAcquireContext = 0x1,
    CALL_CPReleaseContext = 0x2,
    CALL_CPGenKey = 0x3,
    CALL_CPDeriveKey = 0x4,
    CALL_CPDestroyKey = 0x5,
    CALL_CPSetKeyParam = 0x6,
    CALL_CPGetKeyParam = 0x7,
    CALL_CPExportKey = 0x8,
    CALL_CPImportKey = 0x9,
    CALL_CPEncrypt = 0xa,
    CALL_CPDecrypt = 0xb,
    CALL_CPCreateHash = 0xc,
    CALL_CPHashData = 0xd,
    CALL_CPHashSessionKey = 0xe,
    CALL_CPGetHashParam = 0xf,
    CALL_CPDestroyHash = 0x10,
    CALL_CPSignHash = 0x11,
    CALL_CPGenRandom = 0x12,
    CALL_CPGetUserKey = 0x13,
    CALL_CPSetProvParam = 0x14,
    CALL_CPGetProvParam = 0x15,
    CALL_CPSetHashParam = 0x16,
    CALL_CPVerifySignature = 0x17,
    CALL_CPDuplicateHash = 0x18,
    CALL_CPDuplicateKey = 0x19,
    AGENT_PING = 0xff01,
    AGENT_STATUS = 0xff02,
    AGENT_STOP = 0xff03,
    AGENT_STORE = 0xff04,
};

#define CALL_COUNT 25u
#define CALL_MOST_PARAMETERS 8u
#define SET_LENGTH_COUNT 19u

struct call {
    WORD number;
    BYTE asks;
    BYTE count;
    BYTE kinds[CALL_MOST_PARAMETERS];
};

struct set_length {
    WORD call;
    DWORD parameter;
    BYTE kind;
};

/* In the order of their numbers, which begin with 1. */
extern const struct call CALLS[CALL_COUNT];
extern const struct set_length SET_LENGTHS_BY_CALL[SET_LENGTH_COUNT];

BOOL WINAPI CPAcquireContext(HCRYPTPROV *new_context, LPCSTR container, DWORD flags, const struct provider_vtable *window);
BOOL WINAPI CPReleaseContext(HCRYPTPROV context, DWORD flags);
BOOL WINAPI CPGenKey(HCRYPTPROV context, ALG_ID algorithm, DWORD flags, HCRYPTKEY *new_key);
BOOL WINAPI CPDeriveKey(HCRYPTPROV context, ALG_ID algorithm, HCRYPTHASH base, DWORD flags, HCRYPTKEY *new_key);
BOOL WINAPI CPDestroyKey(HCRYPTPROV context, HCRYPTKEY key);
BOOL WINAPI CPSetKeyParam(HCRYPTPROV context, HCRYPTKEY key, DWORD parameter, const BYTE *data, DWORD flags);
BOOL WINAPI CPGetKeyParam(HCRYPTPROV context, HCRYPTKEY key, DWORD parameter, BYTE *room, DWORD *room_size, DWORD flags);
BOOL WINAPI CPExportKey(HCRYPTPROV context, HCRYPTKEY key, HCRYPTKEY public_key, DWORD blob_type, DWORD flags, BYTE *room, DWORD *room_size);
BOOL WINAPI CPImportKey(HCRYPTPROV context, const BYTE *data, DWORD data_size, HCRYPTKEY public_key, DWORD flags, HCRYPTKEY *new_key);
BOOL WINAPI CPEncrypt(HCRYPTPROV context, HCRYPTKEY key, HCRYPTHASH hash, BOOL final, DWORD flags, BYTE *data, DWORD *length, DWORD room);
BOOL WINAPI CPDecrypt(HCRYPTPROV context, HCRYPTKEY key, HCRYPTHASH hash, BOOL final, DWORD flags, BYTE *data, DWORD *length);
BOOL WINAPI CPCreateHash(HCRYPTPROV context, ALG_ID algorithm, HCRYPTKEY key, DWORD flags, HCRYPTHASH *new_hash);
BOOL WINAPI CPHashData(HCRYPTPROV context, HCRYPTHASH hash, const BYTE *data, DWORD data_size, DWORD flags);
BOOL WINAPI CPHashSessionKey(HCRYPTPROV context, HCRYPTHASH hash, HCRYPTKEY key, DWORD flags);
BOOL WINAPI CPGetHashParam(HCRYPTPROV context, HCRYPTHASH hash, DWORD parameter, BYTE *room, DWORD *room_size, DWORD flags);
BOOL WINAPI CPDestroyHash(HCRYPTPROV context, HCRYPTHASH hash);
BOOL WINAPI CPSignHash(HCRYPTPROV context, HCRYPTHASH hash, DWORD key_spec, LPCWSTR description, DWORD flags, BYTE *room, DWORD *room_size);
BOOL WINAPI CPGenRandom(HCRYPTPROV context, DWORD length, BYTE *seed);
BOOL WINAPI CPGetUserKey(HCRYPTPROV context, DWORD key_spec, HCRYPTKEY *new_key);
BOOL WINAPI CPSetProvParam(HCRYPTPROV context, DWORD parameter, const BYTE *data, DWORD flags);
BOOL WINAPI CPGetProvParam(HCRYPTPROV context, DWORD parameter, BYTE *room, DWORD *room_size, DWORD flags);
BOOL WINAPI CPSetHashParam(HCRYPTPROV context, HCRYPTHASH hash, DWORD parameter, const BYTE *data, DWORD flags);
BOOL WINAPI CPVerifySignature(HCRYPTPROV context, HCRYPTHASH hash, const BYTE *signature, DWORD signature_size, HCRYPTKEY public_key, LPCWSTR description, DWORD flags);
BOOL WINAPI CPDuplicateHash(HCRYPTPROV context, HCRYPTHASH hash, DWORD *reserved, DWORD flags, HCRYPTHASH *new_hash);
BOOL WINAPI CPDuplicateKey(HCRYPTPROV context, HCRYPTKEY key, DWORD *reserved, DWORD flags, HCRYPTKEY *new_key);

#endif
