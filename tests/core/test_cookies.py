from __future__ import annotations

from http.cookies import SimpleCookie

import pytest
from hypothesis import given
from hypothesis import strategies as st
from publicsuffixlist import PublicSuffixList

from pixelpair.core.cookies import (
    HEADER_LIMIT,
    HOSTS_REMEMBERED,
    CookieDomains,
    click_id,
    fbc_for,
    meta_cookies,
    new_fbc,
    new_fbp,
    set_cookie,
    valid_fbc,
    valid_fbp,
)

FBP = "fb.1.1596403881668.1116446470"
FBC = "fb.1.1554763741205.AbCdEfGhIjKlMnOpQrStUvWxYz1234567890"
SUFFIXES = PublicSuffixList()

# --- reading -------------------------------------------------------------------------------------

READ = {
    "none": (b"", {}),
    "others": (b"a=1; x_fbp=2; _fbpx=3; _fb=4; _FBP=5", {}),
    "one": (b"_fbp=1", {"_fbp": "1"}),
    "both_among_others": (b"a=1; _fbc=2; b=3; _fbp=4; c=5", {"_fbc": "2", "_fbp": "4"}),
    "value_with_equals": (b"_fbp=b=c==", {"_fbp": "b=c=="}),
    "first_of_two_wins": (b"_fbp=1; _fbp=2", {"_fbp": "1"}),
    "empty_first_wins_too": (b"_fbp=; _fbp=2", {"_fbp": ""}),
    "no_space_after_semicolon": (b"_fbp=1;_fbc=2;;", {"_fbp": "1", "_fbc": "2"}),
    "white_space_around": (b" _fbp = 1 ;\t_fbc=2 3 ", {"_fbp": "1", "_fbc": "2 3"}),
    "without_a_value": (b"_fbp; _fbc=2", {"_fbc": "2"}),
    "bad_name_spoils_no_other": (b'a[]=1; {"x":1}=2; =3; _fbp=' + FBP.encode(), {"_fbp": FBP}),
    "quotes_stay": (b'_fbp="x"', {"_fbp": '"x"'}),
    "in_a_value_of_another": (b"a=_fbp=1; b= _fbc=2", {}),
    "latin_1": (b"_fbp=\xe5\xff", {"_fbp": "åÿ"}),
}  # fmt: skip


@pytest.mark.parametrize("case", READ)
def test_reads_metas_cookies(case: str) -> None:
    header, cookies = READ[case]
    assert meta_cookies(header) == cookies


def test_stops_reading_at_the_limit_and_cuts_no_value() -> None:
    header = b"_fbp=1; big=" + b"x" * (HEADER_LIMIT - 20) + b"; _fbc=" + b"y" * 50
    assert meta_cookies(header) == {"_fbp": "1"}
    assert meta_cookies(b"_fbp" * HEADER_LIMIT) == {}


def read(header: str) -> dict[str, str]:
    """The plain way to read a Cookie header, which the short way must agree with."""
    found: dict[str, str] = {}
    for pair in header.split(";"):
        name, equals, value = pair.partition("=")
        if equals:
            found.setdefault(name.strip(), value.strip())
    return {name: found[name] for name in ("_fbp", "_fbc") if name in found}


PARTS = st.sampled_from(["_fbp", "_fbc", "=", ";", " ", "\t", "a", "1", "_", "é"])


@given(st.lists(PARTS, max_size=30).map("".join))
def test_reads_as_the_plain_way_does(header: str) -> None:
    assert meta_cookies(header.encode("latin-1")) == read(header)


@given(st.binary())
def test_reading_garbage_never_raises(header: bytes) -> None:
    meta_cookies(header)
    meta_cookies(b"_fbp=" + header)


# --- _fbp and _fbc -------------------------------------------------------------------------------

VALID_FBP = [
    FBP,
    "fb.0.1.1",
    "fb.1.1749651650057.639940942831715561",  # 18 digits, as pixel 2.9.207 writes them
    "fb.2.1596403881668.1116446470.Bg",
    "fb.2.1596403881668.1116446470.AQICAQMC",
]
VALID_FBC = [
    FBC,
    "fb.1.1554763741205.IwAR0_-x",
    "fb.1.1554763741205.IwAR0_-x.Ag",
    "fb.1.1554763741205.IwAR0_-x.AQIAAQMC",
    "fb.1.1554763741205." + "x" * 500,
]
INVALID = [
    "",
    "fb",
    "fb.1.1596403881668",
    "fb.1.1596403881668.",
    "fb..1596403881668.1",
    "fb.1..1",
    "fb.a.1596403881668.1",
    "fb.1.b.1",
    "fb.1.1596403881668.1.",
    "fb.1.1596403881668.1.zz",
    "fb.1.1596403881668.1.123456789",
    "fb.1.1596403881668.1.AQ.AQ",
    "FB.1.1596403881668.1",
    "xb.1.1596403881668.1",
    "garbage.1.2.3",
    " fb.1.1596403881668.1",
    "fb.1.1596403881668.1\n",
    "fb.1.1596403881668.1;",
    "fb.1.1596403881668.<b>",
    "fb.1.1596403881668.%41",
    "fb.1.1596403881668.é",
    "fb.1.١٢٣.1",
    "fb.1.1596403881668.١",
    "fb.1.1596403881668." + "1" * 501,
]


@pytest.mark.parametrize("value", VALID_FBP)
def test_takes_browser_ids_that_pixels_and_builders_write(value: str) -> None:
    assert valid_fbp(value)


@pytest.mark.parametrize("value", VALID_FBC)
def test_takes_click_ids_that_pixels_and_builders_write(value: str) -> None:
    assert valid_fbc(value)


@pytest.mark.parametrize("value", [*INVALID, FBC])
def test_refuses_other_browser_ids(value: str) -> None:
    assert not valid_fbp(value)


@pytest.mark.parametrize("value", INVALID)
def test_refuses_other_click_ids(value: str) -> None:
    assert not valid_fbc(value)


COUNTS = st.integers(0, 9)
MOMENTS = st.integers(0, 10**13)
CLICKS = st.from_regex(r"[A-Za-z0-9_-]{1,500}", fullmatch=True)


@given(COUNTS, MOMENTS, st.integers(0, 2**63))
def test_new_browser_ids_are_valid(index: int, ms: int, random: int) -> None:
    assert new_fbp(index, ms, random) == f"fb.{index}.{ms}.{random}"
    assert valid_fbp(new_fbp(index, ms, random))


@given(COUNTS, MOMENTS, CLICKS)
def test_new_click_ids_are_valid_and_read_back(index: int, ms: int, click: str) -> None:
    value = new_fbc(index, ms, click)
    assert valid_fbc(value)
    assert fbc_for(value, click, 9, 9) == (value, False)


# --- fbclid --------------------------------------------------------------------------------------

QUERIES = {
    "": None,
    "q=x": None,
    "fbclid=IwAR0_-x": "IwAR0_-x",
    "a=1&fbclid=IwAR0": "IwAR0",
    "fbclid=IwAR0&utm_source=fb": "IwAR0",
    "fbclid=": None,
    "fbclid": None,
    "fbclid=&fbclid=second": "second",
    "fbclid=first&fbclid=second": "first",
    "fbclid=a.b": None,
    "fbclid=a%2Db": None,
    "fbclid=a b": None,
    "fbclid=a;b": None,
    "fbclid=a\n": None,
    "fbclid=é": None,
    "xfbclid=1": None,
    "fbclidx=1": None,
    "FBCLID=1": None,
    "next=/p?fbclid=1": None,
    "fbclid=" + "x" * 500: "x" * 500,
    "fbclid=" + "x" * 501: None,
}


@pytest.mark.parametrize("query", QUERIES)
def test_finds_the_click_id_of_a_query(query: str) -> None:
    assert click_id(query) == QUERIES[query]


@given(st.text("fbclid=&x?%;.") | st.text())
def test_a_click_id_found_makes_a_valid_cookie(query: str) -> None:
    found = click_id(query)
    assert found is None or (found in query and valid_fbc(new_fbc(1, 1, found)))


APPENDED = "fb.2.1554763741205.IwAR0.AQIAAQMC"
CHOICES = {
    "nothing": (None, None, (None, False)),
    "cookie_only": (FBC, None, (FBC, False)),
    "click_only": (None, "IwAR0", ("fb.1.77.IwAR0", True)),
    "same_click": ("fb.2.5.IwAR0", "IwAR0", ("fb.2.5.IwAR0", False)),
    "same_click_under_an_appendix": (APPENDED, "IwAR0", (APPENDED, False)),
    "click_equal_to_the_appendix": (APPENDED, "AQIAAQMC", ("fb.1.77.AQIAAQMC", True)),
    "another_click": (FBC, "IwAR0", ("fb.1.77.IwAR0", True)),
    "another_case": ("fb.2.5.iwar0", "IwAR0", ("fb.1.77.IwAR0", True)),
    "garbage_cookie": ("garbage.1.2.3", None, (None, False)),
    "empty_cookie": ("", None, (None, False)),
    "garbage_cookie_and_click": ("garbage", "IwAR0", ("fb.1.77.IwAR0", True)),
}


@pytest.mark.parametrize("case", CHOICES)
def test_writes_the_click_cookie_only_for_a_new_click(case: str) -> None:
    cookie, click, expected = CHOICES[case]
    assert fbc_for(cookie, click, 1, 77) == expected


# --- domains -------------------------------------------------------------------------------------

DOMAINS = {
    "example.com": ("example.com", 1),
    "www.example.com": ("example.com", 1),
    "a.b.c.Example.COM:8000": ("example.com", 1),
    "shop.example.co.uk": ("example.co.uk", 2),
    "example.co.uk:443": ("example.co.uk", 2),
    "my-shop.herokuapp.com": ("my-shop.herokuapp.com", 2),
    "a.my-shop.herokuapp.com": ("my-shop.herokuapp.com", 2),
    "herokuapp.com": (None, 1),
    "co.uk": (None, 1),
    "www.ck": ("www.ck", 1),
    "shop.anything.ck": ("shop.anything.ck", 2),
    "anything.ck": (None, 1),
    "www.xn--85x722f.xn--55qx5d.cn": ("xn--85x722f.xn--55qx5d.cn", 2),
    "xn--55qx5d.cn": (None, 1),
    "www.shop.test": ("shop.test", 1),
    "shop": (None, 0),
    "localhost": (None, 0),
    "localhost:8000": (None, 0),
    "127.0.0.1": (None, 0),
    "127.0.0.1:8000": (None, 0),
    "127.1": (None, 0),
    "1.0x7f": (None, 0),
    "2130706433": (None, 0),
    "[::1]": (None, 0),
    "[2001:db8::1]:8000": (None, 0),
    "::1": (None, 0),
    "": (None, 0),
    ":80": (None, 0),
    ".": (None, 0),
    ".example.com": (None, 0),
    "example.com.": (None, 0),
    "a..example.com": (None, 0),
    "example.com:80:80": (None, 0),
    "example.com:abc": (None, 0),
    "exa mple.com": (None, 0),
    "example.com\r\nSet-Cookie: a=b": (None, 0),
    "example.com\n": (None, 0),
    "example.com;x": (None, 0),
    "user@example.com": (None, 0),
    "example.com/path": (None, 0),
    "bücher.example": (None, 0),
    "\N{KELVIN SIGN}.com": (None, 0),
    "a" * 300 + ".com": (None, 0),
    "a" * 64 + ".com": (None, 0),
    "a." * 150 + "com": (None, 0),
}


@pytest.mark.parametrize("host", DOMAINS)
def test_finds_the_widest_domain_a_browser_accepts(host: str) -> None:
    domains = CookieDomains(SUFFIXES.privatesuffix)
    assert domains(host) == DOMAINS[host]
    assert domains(host) == DOMAINS[host]


LABELS = st.sampled_from(
    ["a", "shop", "co", "uk", "com", "herokuapp", "ck", "jp", "kobe", "1", "é"]
)
HOSTS = st.lists(LABELS, max_size=6).map(".".join) | st.text()


@given(HOSTS, st.sampled_from(["", ":80", ":", "."]))
def test_a_domain_is_never_a_public_suffix_nor_a_stranger(name: str, end: str) -> None:
    domain, index = CookieDomains(SUFFIXES.privatesuffix)(name + end)
    if domain is not None:
        assert f".{name.lower()}".endswith(f".{domain}")
        assert not SUFFIXES.is_public(domain)
        assert index == len(domain.split(".")) - 1


def test_asks_once_per_host_and_forgets_before_it_grows() -> None:
    asked: list[str] = []
    domains = CookieDomains(lambda host: asked.append(host))
    for _ in range(2):
        for number in range(HOSTS_REMEMBERED):
            domains(f"h{number}.example.com")
    assert len(asked) == HOSTS_REMEMBERED
    domains("one.more.example.com")
    domains("h0.example.com")
    assert len(asked) == HOSTS_REMEMBERED + 2


# --- writing -------------------------------------------------------------------------------------


def test_sets_a_cookie_for_a_domain() -> None:
    header = set_cookie("_fbp", FBP, max_age=7776000, domain="example.com", secure=True)
    assert header == (
        b"_fbp=fb.1.1596403881668.1116446470; Max-Age=7776000; Domain=example.com; "
        b"Path=/; SameSite=Lax; Secure"
    )


def test_sets_a_cookie_for_one_host_over_plain_http() -> None:
    header = set_cookie("a", "", max_age=0, domain=None, secure=False, http_only=True)
    assert header == b"a=; Max-Age=0; Path=/; SameSite=Lax; HttpOnly"


@pytest.mark.parametrize(
    ("name", "value", "domain"),
    [
        ("a b", "1", None),
        ("", "1", None),
        ("a", "1; Domain=evil.example", None),
        ("a", "1\r\nX: y", None),
        ("a", "å", None),
        ("a", "1\n", None),
        ("a", "1", "example.com; Secure"),
        ("a", "1", ""),
    ],
)
def test_refuses_parts_that_break_out(name: str, value: str, domain: str | None) -> None:
    with pytest.raises(ValueError, match="a character no cookie may have"):
        set_cookie(name, value, max_age=1, domain=domain, secure=False)


COOKIE_VALUES = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters='",;\\')
)


@given(COOKIE_VALUES, st.none() | st.just("example.com"), st.booleans(), st.booleans())
def test_the_standard_library_reads_what_is_set(
    value: str, domain: str | None, secure: bool, http_only: bool
) -> None:
    header = set_cookie("a", value, max_age=5, domain=domain, secure=secure, http_only=http_only)
    morsel = SimpleCookie(header.decode())["a"]
    assert {key: kept for key, kept in morsel.items() if kept} == {
        "max-age": "5",
        "path": "/",
        "samesite": "Lax",
        **({"domain": domain} if domain else {}),
        **({"secure": True} if secure else {}),
        **({"httponly": True} if http_only else {}),
    }
    assert morsel.value == value
