"""Which calls a page makes by itself, read from its bytes."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pixelpair.core.shadow_calls import Call
from pixelpair.core.shadow_page import MOST_BYTES, MOST_CALLS, Existing, existing

BASE = """!function(f,b,e,v,n,t,s){if(f.fbq)return;n=f.fbq=function(){n.callMethod?
n.callMethod.apply(n,arguments):n.queue.push(arguments)};if(!f._fbq)f._fbq=n;n.push=n;n.loaded=!0;
n.version='2.0';n.queue=[];t=b.createElement(e);t.async=!0;t.src=v;s=b.getElementsByTagName(e)[0];
s.parentNode.insertBefore(t,s)}(window,document,'script','https://connect.facebook.net/x.js');"""
ALL = frozenset({"value", "currency", "content_ids", "contents"})


def script(code: str, tag: str = "<script>") -> Existing:
    return existing(f"<!doctype html><html><head>{tag}{code}</script></head>".encode())


def test_reads_the_base_code_with_its_image() -> None:
    page = f"""<!doctype html><html><head><script>{BASE}
        fbq('init', '123', {{em: 'x'}});
        fbq('track', 'PageView');</script>
        <noscript><img height="1" src="https://www.facebook.com/tr?id=123&amp;ev=PageView&noscript=1"/>
        </noscript></head>"""
    assert existing(page.encode()) == Existing(("123",), (Call("PageView", {}),), ("123",))


CALLS = {
    "fbq('track', 'Lead')": Call("Lead", {}),
    "window.fbq('track', 'Lead')": Call("Lead", {}),
    "fbq ( 'trackCustom' , \"Own\", {} )": Call("Own", {}),
    "fbq('track','A',{value: 12.5, currency: 'SEK'})": Call(
        "A", {"value": 12.5, "currency": "SEK"}
    ),
    "fbq('track','A',{content_ids:['1',2],contents:[{id:'1',quantity:1}]})": Call(
        "A", {"content_ids": ["1", 2], "contents": [{"id": "1", "quantity": 1}]}
    ),
    "fbq('track','A',{value: total, currency: 'SEK'})": Call(
        "A", {"currency": "SEK"}, unread=frozenset({"value"})
    ),
    "fbq('track','A',{value, currency})": Call("A", {}, unread=frozenset({"value", "currency"})),
    "fbq('track','A',data)": Call("A", {}, unread=ALL),
    "fbq('track','A',{},{eventID:'x'})": Call("A", {}, True),
    "fbq('track','A',{},{event_id: 7})": Call("A", {}, True),
    "fbq('track','A',{},{eventID: ''})": Call("A", {}, False),
    "fbq('track','A',{},{eventID: makeId()})": Call("A", {}, True),
    "fbq('track','A',{},options)": Call("A", {}, None),
    "fbq('trackSingle','9','A',{value:1},{eventID:'x'})": Call("A", {"value": 1}, True, pixel="9"),
    "fbq('trackSingleCustom',9,'A')": Call("A", {}, pixel="9"),
    "/* { */ // {\n'{'; fbq('track','A')": Call("A", {}),
    "(function () { fbq('track','A') })()": Call("A", {}),
    "!function(){fbq('track','A')}()": Call("A", {}),
    "(async () => { fbq('track','A') })()": Call("A", {}),
    "$(function(){ fbq('track','A') })": Call("A", {}),
    "$(document).ready(function(){ fbq('track','A') })": Call("A", {}),
    "document.addEventListener('DOMContentLoaded', () => { fbq('track','A') })": Call("A", {}),
    "window.onload = function () { fbq('track','A') }": Call("A", {}),
    "b.addEventListener('click', () => { fbq('track','A') })": Call("A", {}, sure=False),
    "function bought() { fbq('track','A') }": Call("A", {}, sure=False),
    "if (paid) { fbq('track','A') }": Call("A", {}, sure=False),
    "function a(){} fbq('track','A')": Call("A", {}),
    "window.fbq?.('track','A')": Call("A", {}),
    "try { fbq('track','A') } catch (e) {}": Call("A", {}),
    "if (typeof fbq !== 'undefined') { fbq('track','A') }": Call("A", {}),
    "if (window.fbq) { fbq('track','A') }": Call("A", {}),
    "addEventListener('load', e => { fbq('track','A') })": Call("A", {}),
    "a=/[/'\"]/.test(b),c=d/2;u='https://x';fbq('track','A')": Call("A", {}),
    "return /\"/.test(b) ;fbq('track','A')": Call("A", {}),
    "fbq('track','A',{eventID:'x'})": Call("A", {"eventID": "x"}),  # custom data
    "fbq('track','A',{eventID:id},{})": Call("A", {}),
    "fbq('track','A',{eventID:id},{a:1})": Call("A", {}, None),
    "fbq('track','A',{},{eventId:'x'})": Call("A", {}),
    "fbq('track','A',{},{eventID:`a-${id}`})": Call("A", {}, True),
    "fbq('track','A',{},{...options})": Call("A", {}, None, unread=ALL),
    "fbq('track','A',...rest)": Call("A", {}, None, unread=ALL),
    "fbq('track','A',{...base,currency:'SEK'})": Call(
        "A", {"currency": "SEK"}, unread=ALL - {"currency"}
    ),
}
UNREAD = {
    "fbq('track','A',{content_ids:[id]})": {"content_ids"},
    "fbq('track','A',{content_ids:['1',[`${id}`]]})": {"content_ids"},
    "fbq('track','A',{contents:[{id:sku,quantity:1}]})": {"contents"},
}


@pytest.mark.parametrize("code", UNREAD)
def test_lists_with_something_that_only_the_script_knows_are_unread(code: str) -> None:
    """Seen: other content_ids (<..._Unreadable object at 0x7fd4d0c92090> / a)."""
    assert [call.unread for call in script(code).calls] == [UNREAD[code]]


@pytest.mark.parametrize("code", CALLS)
def test_reads_a_call(code: str) -> None:
    assert script(code) == Existing((), (CALLS[code],))


@pytest.mark.parametrize(
    "code",
    [
        "fbq('consent','grant')",
        "fbq('set','autoConfig',false,'1')",
        "_fbq('track','A')",
        "xfbq('a')",
    ],
)
def test_leaves_what_is_no_event(code: str) -> None:
    assert script(code) == Existing()


@pytest.mark.parametrize(
    "code",
    [
        *("fbq(verb,'A')", "fbq('track',name)", "fbq()", "fbq('init',id)", "fbq(...given)"),
        *("fbq.apply(null,['track','A'])", "window['fbq']('track','A')"),
        "b.setAttribute('onclick', \"fbq('track','A')\")",
    ],
)
def test_says_that_a_call_is_not_written_out(code: str) -> None:
    assert script(code) == Existing(whole=False)


HIDDEN = {
    "a comment": "<!-- <script>fbq('track','A')</script> -->",
    "JSON": "<script type='application/ld+json'>{\"a\": \"fbq('track','A')\"}</script>",
    "a template": "<script type=text/x-template>fbq('track','A')</script>",
    "prose": "<p>fbq('track', 'A')</p>",
    "another attribute": "<p title=\"fbq('track', 'A')\">",
    "a class": "<p class=fbq(>",
    "an image in a comment": "<!-- <img src='https://www.facebook.com/tr?id=1&ev=A'> -->",
    "an image in a script": "<script>a='<img src=https://www.facebook.com/tr?id=1&ev=A>'</script>",
    "a link": "<a href='https://www.facebook.com/tr?id=1&ev=A'>",
}


@pytest.mark.parametrize("where", HIDDEN)
def test_leaves_what_does_not_run(where: str) -> None:
    assert existing(HIDDEN[where].encode()) == Existing()


def test_goes_on_behind_what_does_not_run() -> None:
    page = "".join(HIDDEN.values()) + "<script>fbq('track','Seen')</script>"
    assert existing(page.encode()).calls == (Call("Seen", {}),)


@pytest.mark.parametrize(
    "tag",
    [
        "<script type='text/plain' data-cookieconsent=marketing>",
        "<script data-type='application/javascript' type='text/plain'>",
    ],
)
def test_takes_a_script_that_waits_for_consent_as_unsure(tag: str) -> None:
    found = script("fbq('track','A')", tag)
    assert found.calls == (Call("A", {}, sure=False),)


def test_reads_scripts_of_older_types() -> None:
    assert script("fbq('track','A')", "<script type=text/x-javascript>").calls == (Call("A", {}),)


def test_one_of_two_branches_starts_the_pixel() -> None:
    code = "if (known) { fbq('init', '1', {em: mail}) } else { fbq('init', '1') }"
    assert script(code).inits == ("1",)
    assert script(f"fbq('init','1');{code}").inits == ("1",)
    assert script(f"{code};fbq('init','1')").inits == ("1", "1")


def test_names_the_tag_managers_that_it_cannot_see_into() -> None:
    page = b"<script src='https://www.googletagmanager.com/gtm.js?id=GTM-1'></script>"
    assert existing(page) == Existing(managers=("Google Tag Manager",))


@pytest.mark.parametrize(
    "tag",
    [
        "<button onclick=\"fbq('track','A',{value:3})\">",
        "<a @click.once=\"fbq('track','A',{value:3})\">",
        "<a x-on:click=\"fbq('track','A',{value:3})\">",
        "<a hx-on::after-request=\"fbq('track','A',{value:3})\">",
        "<a href=\"javascript:fbq('track','A',{value:3})\">",
        "<BUTTON class=x ONCLICK = 'fbq(&quot;track&quot;, &#39;A&#39;, {value: 3})'>",
    ],
)
def test_reads_a_handler(tag: str) -> None:
    assert existing(tag.encode()).calls == (Call("A", {"value": 3}, sure=False),)


def test_reads_an_image_that_everybody_loads() -> None:
    tag = "<img src='https://www.facebook.com/tr/?id=1&amp;ev=Lead&amp;cd[value]=3&amp;eid=7'>"
    assert existing(tag.encode()).calls == (Call("Lead", {"value": "3"}, True, pixel="1"),)


def test_reads_the_page_in_its_encoding() -> None:
    page = "<script>fbq('track','A',{content_ids:['å']})</script>"
    assert existing(page.encode("cp1252"), "iso-8859-1").calls[0].data == {"content_ids": ["å"]}


def test_says_that_it_did_not_read_a_long_page_to_its_end() -> None:
    call = b"<script>fbq('track','A')</script>"
    assert existing(call + b" " * MOST_BYTES) == Existing((), (Call("A", {}),), whole=False)
    assert existing(b" " * MOST_BYTES + call) == Existing(whole=False)


def test_says_that_it_did_not_read_all_of_many_calls() -> None:
    found = script("fbq('track','A');" * (MOST_CALLS + 1))
    assert (found.whole, len(found.calls) <= MOST_CALLS) == (False, True)


PIECES = [
    *("<script>", "</script>", "<script type=text/plain>", "<noscript>", "</noscript>", "<!--"),
    *("-->", "<img src='https://www.facebook.com/tr?id=1&ev=A&cd[", '<p onclick="', "fbq(", "fbq"),
    *("'track',", "'init',", "'trackSingle',", "'A'", "{", "}", "[", "]", "(", ")", ",", ":", '"'),
    *("'", "`", "\\", "/*", "*/", "//", "\n", "value", "1e999", "function(){", "&#x110000;", "\0"),
    *("é", "\ud83d", "...", "${", "%ff", "&", "=", ">", "<", " "),
]


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=60))
@example(["<script>", "fbq(", "'init',", "1" * 5000, ")"])
@example(["<script>", "fbq('track','A',{a:", "[" * 500])
@example(["<img src='https://www.facebook.com/tr?", "a=1&" * 200])
def test_never_raises(pieces: list[str]) -> None:
    found = existing("".join(pieces).encode("utf-8", "surrogatepass"))
    assert len(found.calls) <= MOST_CALLS


@given(st.binary(max_size=400), st.sampled_from([None, "utf-8", "shift_jis", "nonsense"]))
def test_never_raises_on_bytes(page: bytes, charset: str | None) -> None:
    existing(page, charset)
    existing(b"<script>fbq(" + page, charset)


COSTLY = {
    "fbq": b"fbq",
    "words": b"<p>fbq (",
    "unclosed scripts": b"<script>fbq(",
    "scripts": b"<script>fbq(</script>",
    "braces": b"{",
    "strings": b'"',
    "brackets": b"[{",
    "numbers": b"1,",
    "handlers": b'<a onclick="fbq(',
    "comments": b"<!-- fbq( ",
    "code comments": b"/*",
    "images": b"<img src=facebook.com/tr?",
    "other words": b"xfbq(",
    "newlines before braces": b"\n" * 100 + b"{",
    "regular expressions": b"=/[a]",
    "almost noscript": b"<noscrip ",
    "names of data": b"value_eventID_",
    "templates": b"${",
    "program": b'var a=function(b){return c("d",{e:1})};\n',
}


@pytest.mark.parametrize("what", COSTLY)
@pytest.mark.parametrize("within", [b"", b"<script>fbq('track','A',", b"<script>fbq('init',1);"])
def test_takes_bounded_time(what: str, within: bytes) -> None:
    """At most 4 ms where this was written; what grows with the square of a page takes seconds."""
    page = within + COSTLY[what] * (MOST_BYTES // len(COSTLY[what])) + b"fbq('track','A')"
    start = time.process_time()
    existing(page)
    assert time.process_time() - start < 0.1
