"""The written calibration. Answers: hashlib over the file's own text, and the rules of append-only files."""

from __future__ import annotations

import hashlib
import json

import msgspec
import pytest

from perpscope.core.errors import DataError, UserError
from perpscope.engine.graph import Graph
from perpscope.research.calibration.artefact import (
    empty_artefact,
    filter_settings,
    hashed,
    read_artefact,
    write_artefact,
)
from perpscope.research.calibration.calibrate import ladder_mix
from research.calibration.world import instrument

ONE = empty_artefact("binance", "BTCUSDT")


def test_what_was_written_is_read_back_and_its_name_says_what_it_is(tmp_path):
    path = write_artefact(ONE, tmp_path)
    assert path.name == "mix-binance-BTCUSDT-1970-01-01.json"
    assert msgspec.structs.replace(read_artefact(path), hash="").pi == ONE.pi
    plain = json.loads(path.read_text())
    assert plain["schema"] == "perpscope.mix/2"
    assert {"pi0", "pi", "kap", "w_0", "tiers", "bootstrap", "fit", "skill", "trials", "data", "params"} <= plain.keys()


def test_the_hash_is_that_of_everything_else():
    body = msgspec.json.encode(msgspec.structs.replace(ONE, hash=""))
    assert hashed(ONE).hash == hashlib.sha256(body).hexdigest()
    assert hashed(msgspec.structs.replace(ONE, w_0=0.5)).hash != hashed(ONE).hash


def test_a_changed_file_is_refused(tmp_path):
    path = write_artefact(ONE, tmp_path)
    path.write_text(path.read_text().replace('"trials": 0', '"trials": 1'))
    with pytest.raises(DataError, match="changed after it was written"):
        read_artefact(path)


def test_artefacts_are_added_and_never_overwritten(tmp_path):
    path = tmp_path / "one.json"
    assert write_artefact(ONE, path) == path
    assert write_artefact(ONE, path) == path
    with pytest.raises(UserError, match="never overwritten"):
        write_artefact(msgspec.structs.replace(ONE, w_0=0.5), path)


def test_what_is_no_calibration_is_refused_in_a_sentence(tmp_path):
    with pytest.raises(UserError, match="There is no calibration"):
        read_artefact(tmp_path / "none.json")
    other = tmp_path / "other.json"
    other.write_text('{"a": 1}')
    with pytest.raises(DataError, match="no calibration"):
        read_artefact(other)


def test_a_mix_known_later_than_the_data_is_refused_unless_it_is_a_replay():
    later = msgspec.structs.replace(ONE, known_ts=10**18)
    with pytest.raises(UserError, match="told with later knowledge"):
        filter_settings(later, first_ts=10**18 - 1)
    assert filter_settings(later, first_ts=10**18)["position_flows"]["flow_fraction"] == 0.35
    assert filter_settings(later, first_ts=0, replay=True)["liquidation_exposure"]["mix"] == tuple(ONE.pi)


def test_the_filter_takes_the_settings_of_an_artefact():
    fixed = msgspec.structs.replace(ONE, pi=list(ladder_mix()))
    settings = filter_settings(fixed, 0)
    graph = Graph(instrument(), ["liquidation_heatmap"], {"bars@1h", "open_interest"}, "1h", settings)
    assert graph.nodes["liquidation_exposure@1h"].fold.params.mix == ladder_mix()
