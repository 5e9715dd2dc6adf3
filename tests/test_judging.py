"""The judge in its own interpreter says what it says here, ends with its caller, and shows no values."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline.contract import ContractChangedError, load_contract, load_contract_in
from pipeline.contract.judging import Interpreter, JudgeLost, interpreter
from pipeline.contract.memory import Memory
from pipeline.contract.rules import Rules
from pipeline.errors import ConfigError

CONTRACT = """
import pandera.pandas as pa

print("the contract prints")
CONTACT = pa.DataFrameSchema(
    {
        "AGE": pa.Column("Int64", [pa.Check.in_range(0, 120), pa.Check.ne(7)], nullable=True),
        "NAME": pa.Column(str, pa.Check(lambda s: s != "bad", name="not_bad"), default="nobody"),
    }
)
RAISING = pa.DataFrameSchema({"NAME": pa.Column(str, pa.Check(lambda s: s.no_such_thing, name="raises"))})
"""
CELLS = pl.DataFrame({"AGE": ["x", "7", "130", None, "5"], "NAME": ["a", "bad", None, "é", "secret"]})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(CONTRACT)
    return tmp_path


def test_it_says_there_what_it_says_here(folder: Path) -> None:
    here = load_contract("mine.py:CONTACT", base=folder, primary_key=["NAME"]).judge(CELLS)
    with interpreter() as started:
        contract = load_contract_in(started, "mine.py:CONTACT", base=folder, primary_key=["NAME"])
        there = contract.judge(CELLS)
        assert there.failures == here.failures
        assert len(here.failures) == 4
        assert {name: new.to_list() for name, new in there.changed.items()} == {
            name: new.to_list() for name, new in here.changed.items()
        }
        assert there.changed["NAME"][2] == "nobody"
        assert contract.judge(CELLS[4:]).failures == ()


def test_errors_of_the_contract_come_back_as_they_are(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigError) as here:
        load_contract("mine.py:RAISING", base=folder).judge(CELLS.select("NAME"))
    with interpreter() as started, pytest.raises(ConfigError) as there:
        load_contract_in(started, "mine.py:RAISING", base=folder).judge(CELLS.select("NAME"))
    assert (there.value.message, there.value.hint) == (here.value.message, here.value.hint)
    with interpreter() as started, pytest.raises(ConfigError, match="has no CONTACTS"):
        load_contract_in(started, "mine.py:CONTACTS", base=folder)
    shown = capfd.readouterr()
    assert "secret" not in shown.out + shown.err
    assert "the contract prints" in shown.err


def test_a_module_that_is_imported_here_is_judged_here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    module: Any = importlib.import_module("mine")
    module.CONTACT = module.CONTACT.remove_columns(["AGE"])
    with interpreter() as started:
        assert load_contract_in(started, "mine:CONTACT", base=folder).names == ("NAME",)
    del sys.modules["mine"]
    with interpreter() as started:
        assert load_contract_in(started, "mine:CONTACT", base=folder).names == ("AGE", "NAME")
    assert "mine" not in sys.modules


def test_it_is_started_by_python_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/usr/bin/uwsgi")
    with interpreter() as started:
        assert started is None


def test_one_that_is_lost_is_told(folder: Path) -> None:
    with Interpreter() as started:
        contract = load_contract_in(started, "mine.py:CONTACT", base=folder)
        assert started.pid
        os.kill(started.pid, signal.SIGKILL)
        with pytest.raises(JudgeLost):
            contract.judge(CELLS)


PLAIN = """
import pandera.pandas as pa

LIMIT = 7
CONTACT = pa.DataFrameSchema(
    {"NAME": pa.Column(str, pa.Check.str_matches(r"\\w+")), "AGE": pa.Column(int, pa.Check.lt(LIMIT))}
)
"""


def rests(judge: Interpreter) -> bool:
    return judge.pid is None


def test_one_with_little_to_do_may_rest_until_it_is_asked(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(PLAIN)
    cells = pl.DataFrame({"NAME": ["a", "--", "-é"], "AGE": ["7", "6", "5"]})
    young, named = "AGE:less_than(7)", "NAME:str_matches('\\w+')"
    with Interpreter() as started:
        contract = load_contract_in(started, "mine.py:CONTACT", base=tmp_path, may_rest=True)
        assert contract.asks_little
        assert rests(started)
        assert contract.verdict(cells[:2]).failures == ((0, young), (1, named))
        assert rests(started)
        assert contract.verdict(cells).failures == ((0, young), (1, named), (2, named))
        assert not rests(started)
        started.rest()
        (tmp_path / "mine.py").write_text(PLAIN.replace("LIMIT = 7", "LIMIT = 8"))
        with pytest.raises(ConfigError, match="another each time"):
            contract.verdict(cells)


def test_one_with_much_to_do_does_not_rest(folder: Path) -> None:
    with Interpreter() as started:
        contract = load_contract_in(started, "mine.py:CONTACT", base=folder, may_rest=True)
        assert not contract.asks_little
        assert started.pid


def test_a_check_s_name_is_the_same_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONHASHSEED", "random")
    some = "{'IN', 'US', 'GB', 'DE', 'FR', 'BR', 'ZA', 'AE', 'SG', 'JP'}"
    schema = f"pa.DataFrameSchema({{'A': pa.Column(str, pa.Check.isin({some}))}})"
    (tmp_path / "mine.py").write_text(f"import pandera.pandas as pa\nCONTACT = {schema}\n")
    rules = []
    for _ in range(2):
        with Interpreter() as started:
            rules.append(load_contract_in(started, "mine.py:CONTACT", base=tmp_path).rules)
    assert rules[0] == rules[1]


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_it_ends_with_its_caller(folder: Path, end: signal.Signals) -> None:
    program = """
        import signal, sys
        from pathlib import Path
        from pipeline.contract import load_contract_in
        from pipeline.contract.judging import Interpreter

        with Interpreter() as started:
            load_contract_in(started, "mine.py:CONTACT", base=Path(sys.argv[1]))
            print(started.pid, flush=True)
            signal.pause()
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as caller:
        assert caller.stdout
        judge = int(caller.stdout.readline())
        caller.send_signal(end)
        caller.wait(10)
    deadline = time.monotonic() + 10
    while Path(f"/proc/{judge}").exists() and time.monotonic() < deadline:
        if "\nState:\tZ" in Path(f"/proc/{judge}/status").read_text():
            break  # nobody here is its parent any more
        time.sleep(0.05)
    else:
        assert not Path(f"/proc/{judge}").exists()


def test_remembered_rules_are_confirmed(folder: Path) -> None:
    with interpreter() as started:
        rules = load_contract_in(started, "mine.py:CONTACT", base=folder).rules
    assert Memory("mine.py:CONTACT", folder, {}).recall() == rules
    with interpreter() as started:
        contract = load_contract_in(started, "mine.py:CONTACT", base=folder, from_memory=True)
        assert contract.judge(CELLS).failures
        assert contract.confirmed() is contract
    Memory("mine.py:CONTACT", folder, {}).keep(Rules(rules.columns[:1]))
    with interpreter() as started:
        contract = load_contract_in(started, "mine.py:CONTACT", base=folder, from_memory=True)
        assert contract.names == ("AGE",)
        with pytest.raises(ContractChangedError):
            contract.judge(CELLS)
        itself = contract.confirmed()
        assert itself.rules == rules
        assert itself.judge(CELLS).failures
    assert Memory("mine.py:CONTACT", folder, {}).recall() == rules


@pytest.mark.parametrize("kept", [[], {}, {"columns": [1]}, {"columns": [{}]}, None, 7])
def test_what_is_broken_in_memory_is_no_memory(
    folder: Path, monkeypatch: pytest.MonkeyPatch, kept: object
) -> None:
    memory = Memory("mine.py:CONTACT", folder, {})
    memory.keep(Rules(()))
    assert memory.recall() == Rules(())
    monkeypatch.setattr(Rules, "to_json", lambda _: kept)
    memory.keep(Rules(()))
    assert memory.recall() is None


def test_another_text_is_another_contract(folder: Path) -> None:
    Memory("mine.py:CONTACT", folder, {}).keep(Rules(()))
    (folder / "mine.py").write_text(CONTRACT + "\n")
    assert Memory("mine.py:CONTACT", folder, {}).recall() is None
    assert Memory("no.such.module:CONTACT", folder, {}).recall() is None
