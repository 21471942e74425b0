"""Checks of settings: each names the account and the setting, and says what would do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest

from jexkit import checks
from jexkit.errors import ConfigurationError


def even(setting: str, values: Any) -> None:
    if any(len(value) % 2 for value in values):
        raise ConfigurationError(f"{setting} has an odd one", setting=setting)


@checks.told_in_words
@attrs.frozen(kw_only=True)
class Desk:
    """As an account is made, small."""

    key: str = attrs.field(validator=checks.credential)
    secret: str = attrs.field(validator=checks.credential)
    names: Any = attrs.field(default=(), converter=checks.as_texts, validator=checks.named(even))
    ca_bundle: str | None = attrs.field(default=None, validator=checks.ca_bundle)

    def __attrs_post_init__(self) -> None:
        checks.differ(self, "key", "secret")
        checks.not_swapped(self, "key", "secret")


def refused(*args: Any, **settings: Any) -> tuple[str, str]:
    with pytest.raises(ConfigurationError) as caught:
        Desk(*args, **settings)
    return caught.value.setting, str(caught.value)


def test_all_that_is_missing_is_named_at_once() -> None:
    assert refused() == ("key", "Desk: key and secret missing; give key=..., secret=...")
    assert refused(key="k") == ("secret", "Desk: secret missing; give secret=...")


def test_a_setting_that_there_is_not() -> None:
    assert refused(key="k", secret="s", nmaes=()) == ("nmaes", "Desk has no setting nmaes; did you mean names?")
    assert refused(zzz=1) == ("zzz", "Desk has no setting zzz; it has key, secret, names, ca_bundle")


def test_values_without_names() -> None:
    assert refused("k", "s") == ("key", "Desk takes its settings by name, such as key=...")


def test_what_is_right_is_made() -> None:
    assert Desk(key="k", secret="s", names="ab").names == ("ab",)
    assert attrs.evolve(Desk(key="k", secret="s"), key="j").key == "j"


def test_a_misplaced_secret_names_both_settings() -> None:
    assert refused(key="same", secret="same") == (
        "secret",
        "Desk: secret is the same text as key; one of the two is misplaced",
    )
    assert refused(key="k" * 20, secret="s" * 11) == (
        "key",
        "Desk: key and secret look swapped; the secret is the longer one",
    )


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (5, "Desk: names is 5; give a text or a list of texts"),
        (b"ab", "Desk: names is b'ab'; give a text or a list of texts"),
        (["ab", 5], "Desk: names has an empty or odd entry: 5"),
        (["ab", " cd"], "Desk: names has an empty or odd entry: ' cd'"),
        (["ab", "ab"], "Desk: names names the same thing twice: ab, ab"),
        (["abc"], "Desk: names has an odd one"),
    ],
)
def test_lists_of_names(value: Any, told: str) -> None:
    assert refused(key="k", secret="s", names=value) == ("names", told)


def test_a_bundle_that_cannot_be_read_is_no_raw_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text("-----BEGIN CERTIFICATE-----")

    def unreadable(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", unreadable)
    setting, told = refused(key="k", secret="s", ca_bundle=str(bundle))
    assert setting == "ca_bundle"
    assert "cannot be read: Permission denied" in told
