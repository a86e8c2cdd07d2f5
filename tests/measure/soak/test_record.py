"""What the soak has done is kept, and a file that is none counts as nothing done."""

from __future__ import annotations

from pathlib import Path

from tests.measure.soak.kill_trial import Trial
from tests.measure.soak.record import AcceptanceRun, LongTest, MutantResult, Record


def test_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    record = Record(
        kill_trials=[Trial(seed=1, after_seconds=5.6, victim="etcd", left_over=())],
        acceptance_runs=[AcceptanceRun(number=1, seconds=900, exit_code=1, red=("tests/acceptance/steady/test_status.py::test_x",))],
        long_tests=[LongTest(file="tests/environment/test_generated.py", seconds=700, exit_code=0, red=())],
        mutants=[MutantResult(name="one", caught=True, red=("a",))],
    )
    record.write(tmp_path / "soak.json")
    assert Record.read(tmp_path / "soak.json") == record


def test_missing_or_broken_file_is_nothing_done(tmp_path: Path) -> None:
    assert Record.read(tmp_path / "soak.json") == Record()
    (tmp_path / "soak.json").write_text('{"kill_trials": 3}', encoding="utf-8")
    assert Record.read(tmp_path / "soak.json") == Record()
