"""The house rules as data and as functions that answer what one file does against them.

A rule is a function from a `Source` to findings, pairs of line and message; `RULES` says which files it is for.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from types import MappingProxyType

ROOT = Path(__file__).resolve().parents[2]

_GROUND = "errors lines secret sw tlv apdu"
_PURE = f"{_GROUND} atr masking pin padding profile keytypes signing"
_DRIVER = f"{_PURE} transport channel pinpad cache"
_SESSIONS = "engine procedures session authentication"
_CARD = f"{_DRIVER} {_SESSIONS} directory keyring card opening resetting verifying certificates keyfiles instructions"
# Which parts of cardcore a part may import, inside functions too; `cardcore` is its public face.
# A new part gets a row here, and with it a place.
LAYERS = MappingProxyType(
    {
        part: frozenset(allowed.split())
        for part, allowed in {
            "errors": "",
            "lines": "",
            "secret": "errors",
            "sources": "errors secret",
            "sw": "errors",
            "tlv": "errors",
            "apdu": "errors sw",
            "atr": "errors tlv",
            "masking": "errors sw tlv apdu",
            "pin": "errors secret tlv",
            "padding": "errors tlv",
            "keytypes": _GROUND,
            "profile": f"{_GROUND} atr pin padding keytypes",
            "signing": f"{_GROUND} padding keytypes profile",
            "verifying": f"{_GROUND} padding keytypes profile signing",
            "certificates": f"{_GROUND} padding keytypes profile",
            "keyfiles": f"{_GROUND} keytypes",
            "instructions": "",
            "pages": "",
            "explaining": f"{_PURE} instructions",
            "transport": f"{_GROUND} atr masking",
            "channel": f"{_GROUND} atr masking transport",
            "cache": "",
            "pinpad": f"{_GROUND} transport pin profile",
            "engine": _DRIVER,
            "procedures": f"{_DRIVER} engine",
            "session": f"{_DRIVER} engine procedures",
            "authentication": f"{_DRIVER} engine procedures session",
            "directory": f"{_DRIVER} {_SESSIONS}",
            "keyslots": f"{_DRIVER} {_SESSIONS} directory",
            "keyhints": f"{_DRIVER} {_SESSIONS} directory",
            "keyring": f"{_DRIVER} {_SESSIONS} directory keyslots keyhints",
            "cardkeys": f"{_DRIVER} {_SESSIONS} directory keyslots keyring",
            "card": f"{_DRIVER} {_SESSIONS} directory keyring cardkeys",
            "resetting": f"{_DRIVER} {_SESSIONS} directory keyring card",
            "opening": f"{_DRIVER} {_SESSIONS} directory keyring card",
            "conformance": f"{_CARD} pages",
            # The software card shares the notation with the driver and nothing else: no fault hides its twin.
            "softcard": "errors sw tlv apdu",
            "personalise": f"cardcore {_CARD} explaining pages softcard sources",
            "cli": f"cardcore {_CARD} explaining conformance softcard personalise sources",
            "__init__": f"{_CARD} softcard personalise",
            "__main__": "cli",
        }.items()
    }
)
# What a single file may import beyond its part: this one puts a software card where a reader would be.
LAYER_EXTRAS = MappingProxyType({"cardcore/transport/soft.py": frozenset({"softcard"})})

# Third-party packages and the only places that import them.
CONFINED = MappingProxyType(
    {
        "construct": (
            "cardcore/tlv.py",
            "cardcore/apdu.py",
            "cardcore/atr.py",
            "cardcore/pinpad/",
            "csp_frontend/blobs.py",
            "csp_frontend/wire.py",
        ),
        "smartcard": ("cardcore/transport/pcsc.py",),
        "yaml": ("cardcore/profile/loader.py",),
        "click": ("cardcore/cli/", "csp_frontend/command/"),
        "rich": ("cardcore/cli/",),
        "prompt_toolkit": ("cardcore/cli/",),
        "sqlalchemy": ("cardcore/personalise/",),
        "alembic": ("cardcore/personalise/",),
        "procrastinate": ("cardcore/personalise/",),
        "psycopg": ("cardcore/personalise/",),
        "httpx": ("cardcore/personalise/issuers/",),
        "pyasn1": ("cardcore/personalise/issuers/",),
        "pyasn1_alt_modules": ("cardcore/personalise/issuers/",),
        "fpdf": ("cardcore/personalise/",),
        "cryptography": ("cardcore/", "csp_frontend/"),
        "platformdirs": ("cardcore/", "csp_frontend/"),
    }
)

# Dataclasses that have to change after they were made: (file, class) -> why.
MUTABLE_DATACLASSES: MappingProxyType[tuple[str, str], str] = MappingProxyType({})

MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 50
MAX_NESTING = 3

_CARD_FAMILIES = frozenset(
    {
        *("piv", "pivapplet", "yubikey", "yubico"),
        *("openpgp", "pgp", "smartpgp", "nitrokey"),
        *("gids", "gidsapplet", "isoapplet", "idprime"),
        *("myeid", "oseid", "cardos", "starcos", "schsm", "jcop"),
        "larkspur",
    }
)
_HYPHENATED_FAMILY = re.compile(r"\b(sc|smart[ -]?card)[ _-]hsm\b", re.IGNORECASE)
_CAMEL_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WINDOWS_CONSTANT = re.compile(r"\b(NTE|CALG|CRYPT|PROV|PP|KP|HP|ERROR_NX|NX_FLAG)_[A-Z0-9_]+\b|\bHCRYPT[A-Z]+\b")
# Not msvcrt: on Windows the standard library locks files with nothing else.
_WINDOWS_MODULE = re.compile(r"(winreg|_winapi|win32\w*|pywintypes|ctypes\.wintypes)(\.|$)")
_PLACEHOLDER = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
_IGNORE = re.compile(
    r"#\s*(noqa(:\s*[A-Z]+\d+(,\s*[A-Z]+\d+)*)?|type:\s*ignore(\[[\w, -]*\])?|pragma:\s*no (cover|branch))"
    r"(?P<reason>.*)"
)
_VAGUE_NAMES = frozenset({"util", "utils", "helper", "helpers", "misc"})
_BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.TryStar, ast.Match)
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)

Function = ast.FunctionDef | ast.AsyncFunctionDef
Finding = tuple[int, str]


@dataclass(frozen=True, kw_only=True)
class Source:
    """One Python file: its path below the top of the tree, with slashes, and its text."""

    name: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """The parsed text; SyntaxError if it is no Python."""
        return ast.parse(self.text, self.name)

    @cached_property
    def part(self) -> str:
        """The part of cardcore that the file belongs to, as in `LAYERS`."""
        return PurePosixPath(self.name).parts[1].removesuffix(".py")

    def imports(self) -> Iterator[Finding]:
        """Yield every imported module by its full name, wherever it is; `from cardcore import x` is cardcore.x."""
        package = PurePosixPath(self.name).parent.parts
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                start = package[: len(package) - node.level + 1] if node.level else ()
                module = ".".join((*start, *filter(None, (node.module,))))
                whole = "." in module or module not in ("cardcore", "csp_frontend", "ctypes")
                names = [module] if whole else [f"{module}.{alias.name}" for alias in node.names]
                yield from ((node.lineno, name) for name in names)

    def functions(self) -> Iterator[Function]:
        """Yield every function and method, nested ones too."""
        yield from (node for node in ast.walk(self.tree) if isinstance(node, Function))

    def public(self) -> Iterator[Function | ast.ClassDef]:
        """Yield what others may use: functions, classes and their methods without a leading underscore."""
        waiting: list[ast.stmt] = list(self.tree.body)
        for node in waiting:
            if isinstance(node, _DEFINITIONS) and not node.name.startswith("_"):
                yield node
                waiting.extend(node.body if isinstance(node, ast.ClassDef) else ())


def layers(source: Source) -> Iterator[Finding]:
    """Imports run one way through cardcore."""
    if source.part not in LAYERS:
        yield 1, f"{source.part} has no place among the layers: give it a row in tests/unit/house.py"
        return
    allowed = LAYERS[source.part] | LAYER_EXTRAS.get(source.name, frozenset()) | {source.part}
    for line, module in source.imports():
        top, _, rest = module.partition(".")
        target = rest.partition(".")[0]
        if top == "csp_frontend" or (top == "cardcore" and (target if target in LAYERS else "cardcore") not in allowed):
            yield line, f"{source.part} may not import {module}"


def public_face(source: Source) -> Iterator[Finding]:
    """The front end sees the public names of cardcore and its errors, no module inside."""
    for line, module in source.imports():
        top, _, rest = module.partition(".")
        if top == "cardcore" and rest.partition(".")[0] in LAYERS.keys() - {"errors"}:
            yield line, f"{module} is not the public face of cardcore"


def windows_names(source: Source) -> Iterator[Finding]:
    """Windows is known to the front end only."""
    for line, text in enumerate(source.text.splitlines(), 1):
        for match in _WINDOWS_CONSTANT.finditer(text):
            yield line, f"{match[0]} is a name of CryptoAPI: it belongs into csp_frontend"
    for line, module in source.imports():
        if _WINDOWS_MODULE.match(module) or module in ("ctypes.windll", "ctypes.oledll"):
            yield line, f"{module} is a module of Windows: it belongs into csp_frontend"


def card_families(source: Source) -> Iterator[Finding]:
    """A card family is named in its profile, its directory and its software card; nowhere else, not in a comment."""
    for line, text in enumerate(source.text.splitlines(), 1):
        named = {match[0] for match in _HYPHENATED_FAMILY.finditer(text)}
        named.update(word for word in re.findall(r"[A-Za-z]+", text) if _joined_humps(word) & _CARD_FAMILIES)
        for word in sorted(named):
            yield line, f"names a card family: {word}"


def _joined_humps(word: str) -> set[str]:
    """Everything that stands between two borders of a word: SmartCard has smart, card and smartcard."""
    humps = [hump.lower() for hump in _CAMEL_HUMP.split(word)]
    ends = range(1, len(humps) + 1)
    return {"".join(humps[start:end]) for end in ends for start in range(end)} | {word.lower()}


def third_party(source: Source) -> Iterator[Finding]:
    """Every third-party package is declared, and imported where it was agreed."""
    own = sys.stdlib_module_names | {"cardcore", "csp_frontend"}
    for line, module in source.imports():
        top = module.partition(".")[0]
        if top not in own and not source.name.startswith(CONFINED.get(top, ())):
            yield line, f"{top} may be imported in {', '.join(CONFINED.get(top, ('no file',)))} only"


def module_size(source: Source) -> Iterator[Finding]:
    """A module stays readable in one go."""
    lines = len(source.text.splitlines())
    if lines > MAX_MODULE_LINES:
        yield lines, f"{lines} lines; {MAX_MODULE_LINES} are the limit"


def function_size(source: Source) -> Iterator[Finding]:
    """A function fits on a screen; its decorators do not count."""
    for function in source.functions():
        lines = (function.end_lineno or function.lineno) - function.lineno + 1
        if lines > MAX_FUNCTION_LINES:
            yield function.lineno, f"{function.name} has {lines} lines; {MAX_FUNCTION_LINES} are the limit"


def nesting(source: Source) -> Iterator[Finding]:
    """Blocks stand in blocks to a small depth; a function inside a function starts anew."""
    for function in source.functions():
        depth = _depth(function.body)
        if depth > MAX_NESTING:
            yield function.lineno, f"{function.name} nests {depth} deep; {MAX_NESTING} are the limit"


def _depth(statements: list[ast.stmt]) -> int:
    return max((_block_depth(node) for node in statements if isinstance(node, _BLOCKS)), default=0)


def _block_depth(block: ast.stmt) -> int:
    bodies: list[list[ast.stmt]] = [getattr(block, name, []) for name in ("body", "finalbody")]
    bodies += [branch.body for name in ("handlers", "cases") for branch in getattr(block, name, [])]
    otherwise: list[ast.stmt] = getattr(block, "orelse", [])
    if isinstance(block, ast.If) and len(otherwise) == 1 and isinstance(otherwise[0], ast.If):
        return max(1 + max(map(_depth, bodies)), _depth(otherwise))  # elif: one more branch of the same block
    return 1 + max(map(_depth, [*bodies, otherwise]))


def statements(source: Source) -> Iterator[Finding]:
    """Statements that hide where a name, an error or a state comes from."""
    for node in ast.walk(source.tree):
        match node:
            case ast.ImportFrom(names=[ast.alias(name="*")]):
                yield node.lineno, "star import"
            case ast.ExceptHandler(type=None):
                yield node.lineno, "bare except"
            case ast.Global():
                yield node.lineno, "state of the module changed by a function"


def passed_on_keywords(source: Source) -> Iterator[Finding]:
    """A public function names its parameters, or has their types from a ParamSpec; it hands on nothing unknown."""
    public = [node for node in source.public() if isinstance(node, Function)]
    constructors = (node for node in source.functions() if node.name == "__init__")
    for function in (*public, *constructors):
        catch_all = function.args.kwarg
        if not catch_all or (catch_all.annotation and ast.unparse(catch_all.annotation).endswith(".kwargs")):
            continue
        if any(
            isinstance(node, ast.keyword) and node.arg is None and ast.unparse(node.value) == catch_all.arg
            for node in ast.walk(function)
        ):
            yield function.lineno, f"{function.name} passes **{catch_all.arg} on"


def file_names(source: Source) -> Iterator[Finding]:
    """Files are named by the noun they are about."""
    for part in PurePosixPath(source.name).with_suffix("").parts:
        if part in _VAGUE_NAMES:
            yield 1, f"{part} says nothing about what is inside"


def unfinished(source: Source) -> Iterator[Finding]:
    """Nothing is left for later."""
    for line, text in enumerate(source.text.splitlines(), 1):
        if match := _PLACEHOLDER.search(text):
            yield line, f"{match[0]} left in the text"
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Name) and node.id == "NotImplementedError":
            yield node.lineno, "NotImplementedError"


def docstrings(source: Source) -> Iterator[Finding]:
    """A public name says what it is for."""
    for node in source.public():
        decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
        exempt = any(re.search(r"(^|\.)(overload|setter|deleter)$", decorator) for decorator in decorators)
        if not exempt and not ast.get_docstring(node):
            yield node.lineno, f"{node.name} has no docstring"


def dataclasses(source: Source) -> Iterator[Finding]:
    """Dataclasses are frozen, have slots and take their fields by name."""
    for node in (node for node in ast.walk(source.tree) if isinstance(node, ast.ClassDef)):
        wanted = {"frozen", "slots", "kw_only"}
        if (source.name, node.name) in MUTABLE_DATACLASSES:
            wanted.remove("frozen")
        for decorator in node.decorator_list:
            if re.match(r"(dataclasses\.)?dataclass\b", ast.unparse(decorator)):
                missing = ", ".join(f"{option}=True" for option in sorted(wanted - _set_options(decorator)))
                yield from [(node.lineno, f"dataclass {node.name} without {missing}")] if missing else []


def _set_options(decorator: ast.expr) -> set[str | None]:
    keywords = decorator.keywords if isinstance(decorator, ast.Call) else []
    return {word.arg for word in keywords if isinstance(word.value, ast.Constant) and word.value.value is True}


def ignores(source: Source) -> Iterator[Finding]:
    """Whoever silences a tool says why, behind the code that is silenced."""
    for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
        match = _IGNORE.search(token.string) if token.type == tokenize.COMMENT else None
        if match and not re.search(r"[A-Za-z]{3}", match["reason"]):
            yield token.start[0], f"{match[0].strip()}: gives no reason"


_PRODUCT = ("cardcore/", "csp_frontend/")
_CODE = (*_PRODUCT, "tools/")
_ALL = (*_CODE, "tests/")

# rule -> where it holds, where not
RULES: MappingProxyType[Callable[[Source], Iterator[Finding]], tuple[tuple[str, ...], tuple[str, ...]]]
RULES = MappingProxyType(
    {
        layers: (("cardcore/",), ()),
        public_face: (("csp_frontend/",), ()),
        windows_names: (("cardcore/",), ()),
        card_families: (_PRODUCT, ("cardcore/directory/", "cardcore/softcard/")),
        third_party: (_PRODUCT, ()),
        module_size: (_ALL, ()),
        function_size: (_ALL, ()),
        nesting: (_ALL, ()),
        statements: (_ALL, ()),
        passed_on_keywords: (_CODE, ()),
        file_names: (_ALL, ()),
        unfinished: (_CODE, ()),
        docstrings: (_CODE, ()),
        dataclasses: (_CODE, ()),
        ignores: (_ALL, ()),
    }
)


def findings(source: Source) -> Iterator[str]:
    """Yield one line for everything in the file that goes against a rule which holds for it."""
    for rule, (inside, outside) in RULES.items():
        if source.name.startswith(inside) and not source.name.startswith(outside or ("\0",)):
            yield from (f"{source.name}:{line}: {message} [{rule.__name__}]" for line, message in rule(source))


def python_files() -> list[str]:
    """Return the names of all Python files that rules hold for."""
    folders = (ROOT / folder for folder in _ALL)
    return sorted(path.relative_to(ROOT).as_posix() for folder in folders for path in folder.rglob("*.py"))
