"""Each side proves to the other that it can read the user's endpoint file, before anything else is said.

    client -> agent   Hello: versions, process, nonce
    agent -> client   Challenge: version chosen, nonce, HMAC(secret, agent label | hello | version | nonce)
    client -> agent   Proof: HMAC(secret, client label | hello | challenge)
    agent -> client   Welcome

HMAC is HMAC-SHA256 with the 32-byte secret of the file, over the frames' bodies as they were sent. Both nonces are
in both proofs, so that none can be used twice; the labels differ, so that none can be sent back; the offered versions
are in them, so that nobody in between can have an older one chosen.
"""

from __future__ import annotations

import hmac
import secrets

from csp_frontend import wire
from csp_frontend.wire import Challenge, Hello, Proof

SECRET_SIZE = 32
LOWEST_VERSION = 1
AGENT_LABEL = b"personal-csp agent\0"
CLIENT_LABEL = b"personal-csp client\0"


class HandshakeError(Exception):
    """The other side does not know the secret, or speaks no version that is spoken here."""


def hello(*, pid: int, process: bytes, program: str) -> Hello:
    """The client's first frame, with a new nonce."""
    return Hello(
        lowest=LOWEST_VERSION,
        highest=wire.VERSION,
        pid=pid,
        process=process,
        nonce=secrets.token_bytes(wire.NONCE_SIZE),
        program=program,
    )


def choose_version(greeting: Hello) -> int | None:
    """The highest version that both sides speak, None if there is none."""
    chosen = min(greeting.highest, wire.VERSION)
    return chosen if chosen >= max(greeting.lowest, LOWEST_VERSION) else None


def challenge(secret: bytes, hello_body: bytes, chosen: int) -> Challenge:
    """The agent's answer to a hello whose body, as it was received, this is."""
    nonce = secrets.token_bytes(wire.NONCE_SIZE)
    return Challenge(chosen=chosen, nonce=nonce, proof=_agent_proof(secret, hello_body, chosen, nonce))


def answer(secret: bytes, hello_body: bytes, challenge_body: bytes, received: Challenge) -> Proof:
    """The client's proof; HandshakeError if the agent's is wrong, and then nothing more may be sent to it."""
    expected = _agent_proof(secret, hello_body, received.chosen, received.nonce)
    if not hmac.compare_digest(received.proof, expected):
        raise HandshakeError("who listens on the agent's port is not the agent")
    if not LOWEST_VERSION <= received.chosen <= wire.VERSION:
        raise HandshakeError(f"the agent chose protocol version {received.chosen}")
    return Proof(proof=_client_proof(secret, hello_body, challenge_body))


def proves(secret: bytes, hello_body: bytes, challenge_body: bytes, received: Proof) -> bool:
    """Whether the client knows the secret."""
    return hmac.compare_digest(received.proof, _client_proof(secret, hello_body, challenge_body))


def _agent_proof(secret: bytes, hello_body: bytes, chosen: int, nonce: bytes) -> bytes:
    return hmac.digest(secret, AGENT_LABEL + hello_body + chosen.to_bytes(2, "little") + nonce, "sha256")


def _client_proof(secret: bytes, hello_body: bytes, challenge_body: bytes) -> bytes:
    return hmac.digest(secret, CLIENT_LABEL + hello_body + challenge_body, "sha256")
