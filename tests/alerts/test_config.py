"""Answers: the rules of docs/definitions/alerts.md, by hand; addresses by hypothesis against Python's own `ipaddress`."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpscope.alerts.center import build_sinks
from perpscope.alerts.config import AlertConfig, read_config
from perpscope.alerts.secret import Secret
from perpscope.alerts.sinks.address import check_url, is_public
from perpscope.alerts.text import markup, plain
from perpscope.core.errors import UserError

GOOD = """
[sink.log]
kind = "log"
[rule.near]
kind = "cluster_approach"
sinks = ["log"]
"""


def config(folder: Path, text: str) -> AlertConfig:
    path = folder / "rules.toml"
    path.write_text(text)
    return read_config(path)


@pytest.mark.parametrize(
    ("wrong", "right", "said"),
    [
        ('kind = "cluster_approach"', 'kind = "cluster_aproach"', "cluster_approach"),
        ('kind = "log"', 'kind = "lgo"', "'log'"),
        ('sinks = ["log"]', 'sinks = ["logg"]', "'log'"),
        ('sinks = ["log"]', "sinks = []", "tells nobody"),
        ('sinks = ["log"]', 'sinks = ["log"]\nsigm = 2.0', "'sigma'"),
        ('sinks = ["log"]', 'sinks = ["log"]\nsigma = "wide"', "takes a float"),
        ('sinks = ["log"]', 'sinks = ["log"]\ncooldown = "soon"', "length of time"),
        ('sinks = ["log"]', 'sinks = ["log"]\ninstruments = ["BTCUSDT"]', "binance:BTCUSDT"),
        ("[rule.near]", "[rules.near]", "'rule'"),
        ("[sink.log]", "[sink.log", "no TOML"),
        ("[rule.near]", "[settings]\nmax_age = '1x'\n[rule.near]", "length of time"),
        ("[rule.near]", "[settings]\nattempts = 99\n[rule.near]", "1 to 10 attempts"),
        ('kind = "log"', 'kind = "webhook"\nurl = "https://hooks.example.com/x"', "'allow'"),
        ('kind = "log"', 'kind = "webhook"\nurl = 5\nallow = []', "takes a text"),
    ],
)
def test_every_mistake_is_one_sentence_with_what_was_meant(wrong: str, right: str, said: str, tmp_path: Path) -> None:
    config(tmp_path, GOOD)
    with pytest.raises(UserError) as mistake:
        config(tmp_path, GOOD.replace(wrong, right))
    assert said in str(mistake.value)
    assert "\n" not in str(mistake.value)


def test_a_file_without_rules_or_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no rule"):
        config(tmp_path, '[sink.log]\nkind = "log"\n')
    with pytest.raises(UserError, match="cannot be read"):
        read_config(tmp_path / "none.toml")


def test_an_address_may_live_in_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = GOOD.replace('kind = "log"', 'kind = "webhook"\nurl_env = "PERPSCOPE_TEST_HOOK"\nallow = ["hooks.example.com"]')
    made = config(tmp_path, text)
    with pytest.raises(UserError, match=r"\[sink.log\] .*PERPSCOPE_TEST_HOOK"):
        build_sinks(made, {"log"})
    monkeypatch.setenv("PERPSCOPE_TEST_HOOK", "https://hooks.example.com/secret")
    assert set(build_sinks(made, {"log"})) == {"log"}
    both = text.replace("allow", 'url = "https://hooks.example.com/x"\nallow')
    with pytest.raises(UserError, match="either"):
        build_sinks(config(tmp_path, both), {"log"})


def test_a_secret_is_stars_everywhere() -> None:
    secret = Secret("token")
    assert "token" not in f"{secret} {secret!r} {[secret]}"
    assert secret.reveal() == "token"
    assert secret == Secret("token")
    assert secret != Secret("other")


@given(st.text(max_size=300))
def test_plain_text_is_one_line_of_visible_characters(text: str) -> None:
    shown = plain(text)
    assert shown.isprintable()
    assert len(shown) <= 500
    assert shown == shown.strip()
    assert plain(shown.replace("@ ", "@")) == shown
    assert not set("<>") & set(markup(text))


@given(st.text(max_size=120), st.sampled_from(["https://", "http://", "https://a.example.com", ""]))
def test_any_text_is_an_address_or_a_sentence(text: str, start: str) -> None:
    try:
        target = check_url(start + text, ["a.example.com"])
    except UserError:
        return
    assert (target.scheme, target.host, target.port) == ("https", "a.example.com", 443)


@given(st.ip_addresses(v=4))
def test_an_address_of_the_old_internet_is_judged_as_the_registry_does(address: ipaddress.IPv4Address) -> None:
    expected = address.is_global and not address.is_multicast and not address.is_reserved
    assert is_public(str(address)) == expected
    assert not is_public(f"::ffff:{address}")


@given(st.ip_addresses(v=6))
def test_an_address_of_the_new_internet_is_public_only_where_it_was_given_out(address: ipaddress.IPv6Address) -> None:
    if is_public(str(address)):
        assert address.is_global
        assert int(address) >> 125 == 1
        assert int(address) >> 112 != 0x2002
