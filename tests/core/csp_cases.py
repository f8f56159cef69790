"""Policies and what they permit. Chromium is asked the same in tests/page_csp.

`{here}` is the page's host and port, `{meta}` that of Meta's script; both speak http.
"""

from __future__ import annotations

from dataclasses import dataclass

from pixelpair.core.csp import Permission

_HASH = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"


def _meta(policy: str) -> str:
    return f'<meta http-equiv="Content-Security-Policy" content="{policy}">'


@dataclass(frozen=True, slots=True)
class Case:
    """An answer's policies: enforced, report-only and in its head; and the verdict."""

    enforced: tuple[str, ...]
    verdict: Permission
    reported: tuple[str, ...] = ()
    head: str = ""


def _case(policy: str, way: str, nonce: str = "", pixel: str = "loads", **more: object) -> Case:
    enforced = (policy,) if policy else ()
    return Case(enforced, Permission(way, nonce.encode(), pixel), **more)  # type: ignore[arg-type]


def _inside(head: str, way: str, nonce: str = "", pixel: str = "loads") -> Case:
    return _case("", way, nonce, pixel, head=head)


def _watched(policy: str, reported: str, way: str, nonce: str = "", pixel: str = "loads") -> Case:
    return _case(policy, way, nonce, pixel, reported=(reported,))


CASES = {
    # which list counts
    "no_script_list": _case("img-src 'none'; style-src 'self'", "inline"),
    "empty": _case(" ; ,", "inline"),
    "unsafe_inline": _case("script-src 'unsafe-inline' {meta}", "inline"),
    "unsafe_inline_alone": _case("script-src 'Unsafe-Inline'", "inline", pixel="blocked"),
    "default_list": _case("default-src 'self' {meta}", "external"),
    "script_list_over_default": _case("default-src *; script-src 'none'", "never", "", "blocked"),
    "element_list_over_script": _case(
        "script-src 'none'; script-src-elem 'unsafe-inline' {meta}", "inline"
    ),
    "attribute_list_is_another": _case("script-src-attr 'none'", "inline"),
    "first_of_two": _case("script-src 'none'; script-src *", "never", "", "blocked"),
    "upper_case": _case("SCRIPT-SRC 'SELF' HTTP://{meta}", "external"),
    "odd_whitespace": _case("\tscript-src\t 'self'  {meta} ;;", "external"),
    "empty_list": _case("script-src", "never", "", "blocked"),
    "none_beside_others": _case("script-src 'none' 'self'", "external", pixel="blocked"),
    "directive_not_ascii": _case("script-src 'none' \xe9", "inline"),
    # nonces
    "nonce": _case("script-src 'nonce-aB3+/w==' {meta}", "inline", "aB3+/w=="),
    "nonce_of_another_alphabet": _case("script-src 'nonce-a_-b' *", "inline", "a_-b"),
    "nonce_keyword_in_any_case": _case("script-src 'NONCE-aBc' {meta}", "inline", "aBc"),
    "nonce_alone": _case("script-src 'nonce-abc'", "inline", "abc", "blocked"),
    "nonce_beats_unsafe_inline": _case(
        "script-src 'unsafe-inline' 'nonce-abc' {meta}", "inline", "abc"
    ),
    "styles_nonce": _case("style-src 'nonce-abc'; script-src 'self' {meta}", "external"),
    "malformed_nonce": _case("script-src 'unsafe-inline' {meta} 'nonce-a!b'", "inline"),
    "empty_nonce": _case("script-src 'unsafe-inline' {meta} 'nonce-'", "inline"),
    "unended_nonce": _case("script-src 'unsafe-inline' {meta} 'nonce-abc", "inline"),
    "two_nonces": _case("script-src 'nonce-one' 'nonce-two' {meta}", "inline", "one"),
    # several policies
    "nonces_that_differ": _case(
        "script-src 'nonce-one' {meta}, script-src 'nonce-two' {meta}", "never", "", "blocked"
    ),
    "nonce_of_both": _case(
        "script-src 'nonce-one' 'nonce-two' {meta}, script-src 'nonce-two' {meta}",
        "inline",
        "two",
    ),
    "nonce_and_own_file": _case(
        "script-src 'nonce-one' {meta}, script-src 'self' {meta}", "external", "one"
    ),
    "two_headers": Case(
        ("default-src 'self' {meta}", "script-src 'self' 'unsafe-inline' {meta}"),
        Permission("external"),
    ),
    "inline_and_own_file": _case(
        "script-src 'unsafe-inline' {meta}, script-src 'self' {meta}", "never", "", "blocked"
    ),
    # hashes
    "hash_beats_unsafe_inline": _case(
        f"script-src 'unsafe-inline' {_HASH} 'self' {{meta}}", "external"
    ),
    "hashes_alone": _case(f"script-src {_HASH}", "never", "", "blocked"),
    "hash_of_odd_length": _case(
        "script-src 'unsafe-inline' 'sha256-abc' 'self' {meta}", "external"
    ),
    # 'strict-dynamic'
    "dynamic_and_nonce": _case("script-src 'strict-dynamic' 'nonce-abc'", "inline", "abc"),
    "dynamic_and_hashes": _case(
        f"script-src 'strict-dynamic' {_HASH} 'self' {{meta}} 'unsafe-inline'",
        "never",
        "",
        "blocked",
    ),
    "dynamic_as_google_advises": _case(
        "object-src 'none'; base-uri 'none'; script-src 'nonce-abc' 'unsafe-inline'"
        " 'unsafe-eval' 'strict-dynamic' https: http:",
        "inline",
        "abc",
    ),
    # addresses
    "any": _case("script-src *", "external"),
    "scheme": _case("script-src http:", "external"),
    "scheme_of_tls": _case("script-src https:", "never", "", "blocked"),
    "host": _case("script-src {here} {meta}", "external"),
    "host_without_port": _case("script-src 127.0.0.1 {meta}", "never", "", "blocked"),
    "host_with_any_port": _case("script-src 127.0.0.1:* {meta}", "external"),
    "any_host_with_any_port": _case("script-src *:*", "external"),
    "any_host_of_scheme": _case("script-src http://*:*", "external"),
    "host_by_tls": _case("script-src https://{here} {meta}", "never", "", "blocked"),
    "wildcard": _case("script-src 'self' *.localhost:*", "external", "", "loads"),
    "wildcard_is_not_the_host_itself": _case(
        "script-src 'self' *.shop.localhost:*", "external", "", "blocked"
    ),
    "folder": _case("script-src {here}/_pixelpair/ {meta}", "external"),
    "file": _case("script-src {here}/_pixelpair/pixel.js {meta}", "external"),
    "file_in_disguise": _case("script-src {here}/_pixelpair/p%69xel.js?x=1 {meta}", "external"),
    "folder_without_slash": _case("script-src {here}/_pixelpair {meta}", "never", "", "blocked"),
    "other_folder": _case("script-src {here}/static/ {meta}", "never", "", "blocked"),
    "folder_below": _case("script-src {here}/_pixelpair/pixel.js/ {meta}", "never", "", "blocked"),
    "meta_folder": _case("script-src 'self' {meta}/en_US/", "external"),
    "meta_other_folder": _case("script-src 'self' {meta}/de_DE/", "external", "", "blocked"),
    "no_source_at_all": _case("script-src 'self' ht!tp://x ? / :80 {meta}", "external"),
    # sandboxes and trusted types
    "sandbox": _case("sandbox allow-forms", "never", "", "blocked"),
    "sandbox_with_scripts": _case("sandbox allow-scripts allow-same-origin", "inline"),
    "sandbox_of_another_origin": _case(
        "sandbox Allow-Scripts; script-src 'self' {meta}", "external"
    ),
    "trusted_types": _case("require-trusted-types-for 'script'", "external", "", "trusted"),
    "trusted_types_and_nonce": _case(
        "require-trusted-types-for 'script'; trusted-types default; script-src 'nonce-abc' {meta}",
        "external",
        "abc",
        "trusted",
    ),
    "trusted_types_of_another_case": _case("require-trusted-types-for 'Script'", "inline"),
    "trusted_types_that_ask_nothing": _case("trusted-types x default", "inline"),
    # report-only policies
    "watched_nonce": _watched("", "script-src 'nonce-abc' {meta}", "inline", "abc"),
    "watched_own_file": _watched("", "script-src 'self' {meta}", "external"),
    "watched_in_vain": _watched("", "script-src {meta}", "inline"),
    "watched_and_enforced": _watched(
        "script-src 'unsafe-inline' {meta}", "script-src 'nonce-new' {meta}", "inline", "new"
    ),
    "watched_by_another_nonce": _watched(
        "script-src 'nonce-one' {meta}", "script-src 'nonce-two' {meta}", "inline", "one"
    ),
    "watched_sandbox": _watched("", "sandbox", "inline"),
    # in the page
    "meta": _inside(_meta("script-src 'nonce-abc' {meta}"), "inline", "abc"),
    "meta_of_entities": _inside(
        _meta("script-src &#39;nonce-abc&apos; {meta}"), "inline", "abc"
    ),
    "meta_in_single_quotes": _inside(
        "<META content='script-src &#39;self&#39; {meta}' HTTP-EQUIV='content-security-policy' />",
        "external",
    ),
    "meta_without_quotes": _inside(
        "<meta http-equiv=Content-Security-Policy content=script-src>", "never", "", "blocked"
    ),
    "meta_of_odd_attributes": _inside(
        "<meta data-x=don't a><meta/http-equiv = content-security-policy\ncontent"
        ' = "script-src {here} {meta}"/content="script-src *">',
        "external",
    ),
    "meta_twice": _inside(
        _meta("script-src 'nonce-abc' {meta}") + _meta("script-src 'self' {meta}"),
        "external",
        "abc",
    ),
    "meta_of_two_policies": _inside(
        _meta("script-src 'self' 'unsafe-inline' {meta}, script-src 'self' {meta}"),
        "external",
    ),
    "meta_in_comment": _inside(f"<!-- > {_meta('script-src')} -->", "inline"),
    "meta_after_empty_comment": _inside(
        f"<!-->{_meta('script-src')}<!-- -->", "never", "", "blocked"
    ),
    "meta_in_script": _inside(
        f"<script type=x>'{_meta('script-src')}'</script >", "inline"
    ),
    "meta_in_noscript": _inside(f"<noscript>{_meta('script-src')}</noscript>", "inline"),
    "meta_in_template": _inside(f"<template>{_meta('script-src')}</template>", "inline"),
    "meta_report_only": _inside(
        '<meta http-equiv="content-security-policy-report-only" content="script-src">', "inline"
    ),
    "meta_with_padding": _inside(
        '<meta http-equiv=" content-security-policy " content="script-src">', "inline"
    ),
    "meta_sandbox": _inside(_meta("sandbox"), "inline"),
    "meta_and_header": _case(
        "script-src 'nonce-abc' {meta}", "external", "abc", head=_meta("script-src {here}"),
        pixel="blocked",
    ),
    "meta_of_other_things": _inside('<meta http-equiv="refresh" content="script-src">', "inline"),
}  # fmt: skip
