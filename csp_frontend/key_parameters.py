"""Parameters of keys: what CPGetKeyParam answers and CPSetKeyParam takes."""

from __future__ import annotations

from csp_frontend.calls import Output
from csp_frontend.card_keys import CardKeys
from csp_frontend.constants import USUAL_PERMISSIONS, Code, Kp
from csp_frontend.contexts import Context
from csp_frontend.errors import CspError, require_flags
from csp_frontend.handles import Key, UserKey
from csp_frontend.parameters import answer, number
from csp_frontend.session_keys import SessionKey


class KeyParameters:
    """The functions about parameters of keys, for one client process."""

    def __init__(self, card_keys: CardKeys) -> None:
        self._card_keys = card_keys

    def get(self, context: Context, key: Key, parameter: int, room: int | None, flags: int) -> Output:
        """CPGetKeyParam; NTE_BAD_TYPE for parameters that the key does not have."""
        require_flags(flags)
        if not isinstance(key, UserKey):
            return answer(key.get(parameter), room)
        if parameter == Kp.KP_CERTIFICATE:
            return answer(self._card_keys.certificate(context, key), room)
        if parameter == Kp.KP_PERMISSIONS:
            return answer(number(USUAL_PERMISSIONS), room)
        return answer(key.public.get(parameter), room)

    def set(self, context: Context, key: Key, parameter: int, data: bytes | None, flags: int) -> None:
        """CPSetKeyParam; NTE_BAD_TYPE for parameters that cannot be set."""
        require_flags(flags)
        if data is None:
            raise CspError(Code.ERROR_INVALID_PARAMETER, "no data")
        if isinstance(key, SessionKey):
            key.set(parameter, data)
        elif isinstance(key, UserKey) and parameter == Kp.KP_CERTIFICATE:
            self._card_keys.store_certificate(context, key, data)
        else:
            raise CspError(Code.NTE_BAD_TYPE, f"the parameter {parameter} of this key cannot be set")
