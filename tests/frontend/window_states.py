"""The questions by which the window is looked at: one for each of its faces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from csp_frontend.prompts import Note, PadStep, PinRequest, PinRules, Purpose, Unblocking, Wanted
from csp_frontend.window.messages import Order

_DIGITS = PinRules(minimum=6, maximum=8, digits=True)
SIGN = PinRequest(
    purpose=Purpose.SIGN,
    token="PIV 24681357",
    reader="Example Reader 00 00",
    key="Digital Signature",
    client="firefox",
    pid=4711,
    checked=True,
    tries_left=3,
    rules=_DIGITS,
    changes=True,
    unblocking=Unblocking(rules=PinRules(minimum=6, maximum=8), tries_left=3),
)
_PUK_NEARLY_SPENT = Unblocking(rules=PinRules(minimum=8, maximum=8), tries_left=1)
_LONG = "Institute of Very Long Names and Even Longer Explanations of What They Might Mean"

STATES: Mapping[str, Order] = {
    name: Order(request=request)
    for name, request in {
        "sign": SIGN,
        "wrong": replace(SIGN, again=True, tries_left=2),
        "last-try": replace(SIGN, again=True, tries_left=1),
        "blocked": replace(SIGN, tries_left=0),
        "blocked for good": replace(SIGN, tries_left=0, unblocking=None),
        "changed": replace(SIGN, note=Note.CHANGED),
        "unblocked": replace(SIGN, note=Note.UNBLOCKED),
        "wrong old PIN": replace(SIGN, note=Note.WRONG_PIN, tries_left=2),
        "wrong PUK": replace(SIGN, note=Note.WRONG_PUK, tries_left=0),
        "refused": replace(SIGN, note=Note.REFUSED),
        "claimed": replace(SIGN, checked=False),
        "differs": replace(SIGN, client="python3.13", claimed="Letter Writer"),
        "nobody knows": replace(SIGN, client="", pid=0, checked=False),
        "said": replace(SIGN, text="Please sign the contract of 28 November."),
        "long": replace(SIGN, client=_LONG, token=_LONG, reader=_LONG, key=_LONG, claimed=_LONG, text=_LONG * 20),
        "hostile": replace(SIGN, token="a\nb\u202ec\ud800", client="\x07", claimed="{x}", text="%s\0{label}[exit]$x"),
        "admin": replace(SIGN, wanted=Wanted.ADMIN, purpose=Purpose.GENERATE, rules=PinRules(), changes=False),
        "keypad question": replace(SIGN, keypad=True, tries_left=1),
        "PUK nearly spent": replace(SIGN, unblocking=_PUK_NEARLY_SPENT),
        **{f"to {purpose}": replace(SIGN, purpose=purpose) for purpose in Purpose},
    }.items()
} | {f"keypad {step}": Order(request=replace(SIGN, keypad=True, step=step), seconds=30) for step in PadStep}
