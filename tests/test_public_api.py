"""What users may rely on, as text: a change of it is a line of a diff, and of the changelog.

`python -m tests.test_public_api` prints what is there.
"""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from importlib import import_module
from typing import TYPE_CHECKING

import pixelpair

if TYPE_CHECKING:
    from collections.abc import Iterator

# The modules that users import from, and what they find there.
HOMES: dict[str, list[str]] = {
    "pixelpair": [name for name in pixelpair.__all__ if name != "__version__"],
    "pixelpair.asgi": ["PixelPairMiddleware"],
    "pixelpair.django": ["PixelPairMiddleware"],
    "pixelpair.django.orders": ["PixelOrderMixin", "purchase_paid"],
    "pixelpair.errors": ["Problem", "SandboxError"],
    "pixelpair.flask": ["PixelPair"],
    "pixelpair.testing": ["Events", "Pair", "Sandbox"],
    "pixelpair.wsgi": ["PixelPairMiddleware"],
}
WIDTH = 96
# A framework's or an exception's own are not ours to describe.
FOREIGN = {"DoesNotExist", "MultipleObjectsReturned", "NotUpdated", "add_note", "with_traceback"}

PUBLIC = """
class pixelpair.Event(
    name: str
    id: str
    time: int
    data: Mapping[str, object]
    lasting: bool = False
)  # tuple
    call(self) -> list[object]
    call_without_id(self) -> list[object]
    data: field
    fault: property
    id: field
    lasting: field
    name: field
    row(self, visitor: Visitor) -> dict[str, object]
    time: field
    twin(self, pixel_id: str, visitor: Visitor, met: int = 0) -> Twin
class pixelpair.OutsideRequest  # PixelPairError
class pixelpair.PixelPairError  # Exception
class pixelpair.Settings(**given: object) -> None
    access_token: field
    access_token_file: field
    active: property
    advanced_matching: field
    anonymous_id: field
    app_secret: field
    auto_config: field
    consent: field
    content_id: field
    cookie_domain: field
    currency: field
    dnt: field
    event_id: field
    exclude: field
    from_env: classmethod(
        cls
        environ: Mapping[str, str] | None = None
        given: Mapping[str, object] | None = None
    ) -> Settings
    fsync_ms: field
    gpc: field
    graph_url: field
    graph_version: field
    group_id: field
    identify: field
    journal_limit: property
    keep_dead: field
    key: property
    ldu: field
    login_paths: field
    metrics_token: field
    mode: field
    origins: field
    outbox: field
    page_events: field
    page_view: field
    partner_agent: field
    path: field
    phone_country: field
    pixel_id: field
    pixel_image_url: field
    pixel_script_url: field
    pixels: property
    private_keys: field
    purchase_status: field
    report_rate: field
    routes: field
    secret: field
    sender: field
    sensitive: field
    shops: field
    signing_secrets: property
    spool: field
    spool_folder: property
    spool_full: field
    spool_limit: field
    staff: field
    strict: field
    test_event_code: field
    token_of(self, pixel_id: str) -> str
    trusted_proxies: field
    with_default_secret(self, secret: object) -> Settings
    within(self, process: Settings) -> Settings
class pixelpair.SettingsError(problems: list[Problem]) -> None  # PixelPairError
class pixelpair.SpoolError  # PixelPairError
class pixelpair.Tracker(
    settings: Settings
    *
    clock: Callable[[], float] = <time>
    new_id: Callable[[], str] = <_new_id>
    new_random: Callable[[], int] = <_new_random>
) -> None
    ask_ahead(
        self
        request: Callable[..., Request]
        *source: object
        in_django: bool = False
    ) -> None
    close(self, timeout: float = 2.0) -> None
    counts: property
    flush(self, timeout: float = 2.0) -> int
    for_door: classmethod(
        cls
        settings: Settings | None
        *
        sees_names: bool = True
        framework_secret: object = None
        given: Mapping[str, object] | None = None
        debug: bool = False
    ) -> Tracker
    halt(self, timeout: float = 2.0) -> None
    has(self, pixel_id: str | None) -> bool
    say_debug(self) -> None
    send(self, later: Later) -> bool
pixelpair.consent(granted: bool) -> None
pixelpair.discard(*event_names: str) -> None
pixelpair.flush(timeout: float = 2.0) -> int
pixelpair.identify(
    nobody: EllipsisType | None = Ellipsis
    /
    *
    email: object = None
    phone: object = None
    first_name: object = None
    last_name: object = None
    date_of_birth: object = None
    gender: object = None
    city: object = None
    state: object = None
    zip: object = None
    country: object = None
    external_id: object = None
) -> None
pixelpair.seal() -> str
pixelpair.send(
    event_name: str
    *
    sealed: str | None
    event_id: str | None = None
    occurred_at: datetime | float | None = None
    pixel_id: str | None = None
    **data: object
) -> bool
pixelpair.track(event_name: str, *, event_id: str | None = None, **data: object) -> None
class pixelpair.asgi.PixelPairMiddleware(
    app: App
    settings: Settings | None = None
    *
    tracker: Tracker | None = None
) -> None
class pixelpair.django.PixelPairMiddleware(get_response: Callable[..., Any]) -> None
    async_capable: bool
    sync_capable: bool
class pixelpair.django.orders.PixelOrderMixin(*args, **kwargs)  # Model
    Meta: type
    keep_pixel(self, request: HttpRequest | None = None) -> None
    pixel: DeferredAttribute
    pixel_sent: DeferredAttribute
    send_purchase(
        self
        *
        order_id: object
        value: object
        currency: object = None
        occurred_at: datetime | float | None = None
        pixel_id: str | None = None
        **data: Any
    ) -> bool
pixelpair.django.orders.purchase_paid: Signal
class pixelpair.errors.Problem(key: str, value: str, expected: str) -> None
    expected: field
    key: field
    value: field
class pixelpair.errors.SandboxError  # PixelPairError
class pixelpair.flask.PixelPair(
    app: Flask | None = None
    settings: Settings | None = None
) -> None
    init_app(self, app: Flask) -> None
class pixelpair.testing.Events(source: Source) -> None
    assert_no_lone_halves(self, *, but: Iterable[str] = ()) -> None
    held: property
    lone(self, name: str) -> Pair
    names(self) -> list[str]
    none(self, *names: str) -> None
    pair(self, name: str) -> Pair
    pairs(self, name: str | None = None) -> list[Pair]
class pixelpair.testing.Pair(row: Mapping[str, Any]) -> None
    browser: field
    data: property
    event_id: field
    has(self, **expected: object) -> Pair
    name: field
    pixel_id: field
    server: field
    status: property
class pixelpair.testing.Sandbox(url: str, trackers: list[Tracker]) -> None
    clear(self) -> None
    close(self) -> None
    environ: property
    fault(self, **fault: object) -> None
    rejections(self) -> list[dict[str, Any]]
    rows(self) -> list[Row]
class pixelpair.wsgi.PixelPairMiddleware(
    app: App
    settings: Settings | None = None
    *
    tracker: Tracker | None = None
    route: Callable[[], RouteMatch | None] | None = None
    user: Callable[[bool], object] | None = None
    first: Callable[[], object] | None = None
) -> None
"""


def described() -> Iterator[str]:
    """Each public name with its signature, and those of its public members."""
    for home, names in HOMES.items():
        for name in names:
            yield from _thing(f"{home}.{name}", getattr(import_module(home), name))


def _thing(name: str, thing: object) -> Iterator[str]:
    if not isinstance(thing, type):
        yield _signed(name, thing)
        return
    bases = ", ".join(base.__name__ for base in thing.__bases__ if base is not object)
    yield _signed(f"class {name}", thing) + (f"  # {bases}" if bases else "")
    for member, found in sorted(vars(thing).items()):
        if not member.startswith("_") and member not in FOREIGN:
            yield f"    {_member(member, found)}"


def _member(name: str, found: object) -> str:
    if isinstance(found, classmethod | staticmethod):
        return _signed(f"{name}: {type(found).__name__}", found.__func__, indent=4)
    if inspect.isfunction(found):
        return _signed(name, found, indent=4)
    kind = type(found).__name__
    return f"{name}: {'field' if kind in ('member_descriptor', '_tuplegetter') else kind}"


def _signed(name: str, thing: object, indent: int = 0) -> str:
    """In one line, or a line for each parameter."""
    if not callable(thing):
        return f"{name}: {type(thing).__name__}"
    try:
        signature = inspect.signature(thing)
    except ValueError:  # an exception that takes whatever Exception takes
        return name
    whole = _plain(f"{name}{signature}")
    if indent + len(whole) <= WIDTH:
        return whole
    pad, returned = " " * indent, whole.rpartition(")")[2]
    given = "".join(f"\n{pad}    {_plain(str(it))}" for it in _parameters(signature))
    return f"{name}({given}\n{pad}){returned}"


def _parameters(signature: inspect.Signature) -> Iterator[str]:
    """As they are written, with the signs between their kinds."""
    kinds = [it.kind for it in signature.parameters.values()]
    for number, parameter in enumerate(signature.parameters.values()):
        first = parameter.kind not in kinds[:number]
        bare = parameter.kind is parameter.KEYWORD_ONLY and parameter.VAR_POSITIONAL not in kinds
        if first and bare:
            yield "*"
        yield str(parameter)
        last = parameter.kind not in kinds[number + 1 :]
        if last and parameter.kind is parameter.POSITIONAL_ONLY:
            yield "/"


def _plain(text: str) -> str:
    """Annotations without quotes, functions without their addresses."""
    text = re.sub(r"ForwardRef\('([^']*)'\)", r"\1", text)
    text = re.sub(r"<(?:built-in )?function (\w+)(?: at 0x[0-9a-f]+)?>", r"<\1>", text)
    return re.sub(r"(: |-> )'([^']*)'", r"\1\2", text)


def undocumented() -> Iterator[str]:
    """Public things, and public functions of them, that nothing is said of."""
    for home, names in HOMES.items():
        for name in names:
            thing = getattr(import_module(home), name)
            if callable(thing) and not _documented(thing):
                yield f"{home}.{name}"
            members = vars(thing).items() if isinstance(thing, type) else ()
            for member, found in members:
                spoken = inspect.isfunction(found) or isinstance(found, classmethod | property)
                if spoken and not member.startswith("_") and not _documented(found):
                    yield f"{home}.{name}.{member}"


def _documented(thing: object) -> bool:
    said = getattr(thing, "__doc__", None) or ""
    return bool(said.strip()) and not said.startswith(f"{getattr(thing, '__name__', '')}(")


def _in_a_project() -> str:
    """In a process of its own: Django's models want a project, which other tests set up too."""
    words = [sys.executable, "-m", "tests.test_public_api"]
    return subprocess.run(words, check=True, capture_output=True, text=True, timeout=60).stdout


def test_public_names_are_these_and_take_this() -> None:
    told, _, silent = _in_a_project().partition("\n\n")
    assert told == PUBLIC.strip()
    assert silent == ""


def test_star_gives_the_facade() -> None:
    names: dict[str, object] = {}
    exec("from pixelpair import *", names)
    del names["__builtins__"]
    assert names == {name: getattr(pixelpair, name) for name in pixelpair.__all__}


def test_a_thing_without_a_docstring_would_be_noticed() -> None:
    class Silent:
        def verb(self) -> None: ...

    assert not _documented(Silent)
    assert not _documented(Silent.verb)
    assert _documented(pixelpair.track)


if __name__ == "__main__":
    import django
    from django.conf import settings

    settings.configure()
    django.setup()
    print("\n".join(described()), end="\n\n")
    print("".join(f"{name} has no docstring\n" for name in undocumented()), end="")
