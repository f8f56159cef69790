"""The links and forms of a page, as a browser would follow and send them, and which of them a guest
may touch: nothing that ends, changes, orders or signs up. Pure.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote, urljoin, urlsplit

from selectolax.lexbor import LexborHTMLParser

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selectolax.lexbor import LexborNode

    from pixelpair.commands.doctor.http import Answer, Visitor

# Shops have links that change something when they are merely opened. A part of an address or of a
# query that is, or begins with, one of these words is such a link.
_VERBS: Final = (
    "add|ajouter|lagg|hinzu|remove|delete|del|destroy|clear|empty|update|edit|cancel|undo|approve|"
    "subscribe|unsubscribe|accept|reject|decline|confirm|verify|activate|deactivate|reset|"
    "impersonate|restore|rate|upvote|downvote|wishlist|favou?rites?|compare|toggle"
)
# These begin names of products too ("like-new", "switch-oled"): only as a whole, or at the end.
_WHOLE: Final = "like|vote|follow|save|pay|buy|admin|wp-admin|api"
_LAST: Final = "order|switch|select|change|set"
_ACTS: Final = re.compile(
    rf"(?i)(?:^|[/?&=;])(?:(?:{_VERBS})(?![^\W_])|(?:{_WHOLE})(?=[/?&=;]|$)|(?:{_LAST})/?(?=[?&=;]|$))"
)
_LEAVES: Final = re.compile(
    r"(?i)(?<!b)log[-_]?(?:out|off)|sign[-_]?(?:out|off)|logga?[-_]?ut\b|log[-_]ud\b|abmelden|ausloggen"
    r"|uitloggen|d[eé]connexion|cerrar[-_]sesi|esci\b|wyloguj|kirjaudu[-_]ulos|loguit"
)
_WORDS: Final = re.compile(
    r"(?i)^\s*(?:log|sign) ?(?:out|off)|^\s*logga ut|^\s*(?:remove|delete|ta bort|add to)\b"
)
# What only a script or a confirmation makes of a link.
_SCRIPTED: Final = ("download", "onclick", "data-method", "data-confirm", "data-turbo-method")
# A form that adds to a cart asks for none of these.
_PERSONAL: Final = frozenset({"email", "password", "tel", "file", "textarea"})
_NOT_ADDING: Final = re.compile(
    r"(?i)remove|delete|clear|empty|cancel|update|checkout|pay|coupon|voucher|discount|wish|"
    r"subscri|newsletter|buy|order|express|save"
)


class Form(NamedTuple):
    """A form as a browser would send it."""

    method: str
    action: str
    fields: dict[str, str]
    texts: tuple[str, ...]  # the fields that a person types into
    kinds: frozenset[str]

    @property
    def may_add(self) -> bool:
        """Whether it can be one that adds to a cart, and does nothing else."""
        acts = (urlsplit(self.action).path, *map(self.fields.get, ("action", "_action", "do")))
        override = self.fields.get("_method", "post").lower()
        harmless = not any(_NOT_ADDING.search(unquote(act)) for act in acts if act)
        return harmless and override == "post" and not self.kinds & _PERSONAL


def is_act(url: str) -> bool:
    """Whether opening this address may change something."""
    parts = urlsplit(url)
    said = f"{unquote(parts.path)}?{unquote(parts.query)}"
    return bool(_ACTS.search(said) or _LEAVES.search(said))


def links(answer: Answer, visitor: Visitor) -> list[str]:
    """The addresses of the shop that a page links to and that only show something, each once."""
    found = []
    for node in LexborHTMLParser(answer.body).css("a[href]"):
        url = _joined(answer.url, node.attributes.get("href") or "")
        if url and visitor.is_ours(url) and url != answer.url and _is_plain(node):
            found.append(url)
    return list(dict.fromkeys(found))


def forms_of(answer: Answer, visitor: Visitor) -> Iterator[Form]:
    """The forms of a page that are sent to the shop."""
    for node in LexborHTMLParser(answer.body).css("form"):
        action = _joined(answer.url, node.attributes.get("action") or answer.url)
        if action and visitor.is_ours(action):
            yield _form(node, action)


def _is_plain(node: LexborNode) -> bool:
    given = node.attributes
    if not given.keys().isdisjoint(_SCRIPTED) or any(name.startswith("hx-") for name in given):
        return False
    # Where a link adds to a cart or sorts a list, shops tell robots to leave it.
    return "nofollow" not in (given.get("rel") or "").lower() and not _WORDS.search(node.text())


def _joined(base: str, href: str) -> str:
    try:
        return urljoin(base, href.strip()).partition("#")[0]
    except ValueError:
        return ""


def _form(node: LexborNode, action: str) -> Form:
    method = (node.attributes.get("method") or "get").upper()
    fields: dict[str, str] = {}
    texts, kinds = [], set()
    for control in node.css("input[name], select[name], textarea[name]"):
        name, kind = control.attributes.get("name") or "", _kind(control)
        kinds.add(kind)
        value = _value(control, kind)
        if value is not None and name not in fields:
            fields[name] = value
            texts += [name] if kind not in ("hidden", "select", "checkbox", "radio") else []
    for button in node.css("button, input[type=submit]"):
        if _is_for(button):
            _press(button, fields)
            break
    return Form(method, action, fields, tuple(texts), frozenset(kinds))


def _is_for(button: LexborNode) -> bool:
    """Whether this button sends the form where it says, and to no express checkout."""
    given = button.attributes
    said = f"{given.get('name') or ''} {given.get('value') or ''}"
    kind = (given.get("type") or "submit").lower()
    return kind == "submit" and not given.get("formaction") and not _NOT_ADDING.search(said)


def _press(button: LexborNode, fields: dict[str, str]) -> None:
    name = button.attributes.get("name")
    if name:
        fields.setdefault(name, button.attributes.get("value") or "")


def _kind(control: LexborNode) -> str:
    if control.tag != "input":
        return str(control.tag)
    return (control.attributes.get("type") or "text").lower()


def _value(control: LexborNode, kind: str) -> str | None:
    """What a browser sends for it; None where that is nothing."""
    given = control.attributes
    if kind in ("submit", "button", "image", "reset", "file"):
        return None
    if kind == "select":
        options = control.css("option[selected]") or control.css("option")
        chosen = options[0].attributes.get("value") if options else None
        return chosen if chosen is not None else options[0].text() if options else None
    if kind == "textarea":
        return control.text()
    if kind == "checkbox":
        ticked = "checked" in given or "required" in given
        return given.get("value") or "on" if ticked else None
    return given.get("value") or ""
