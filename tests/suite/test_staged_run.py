"""Stages, units and locks in real pytest sessions, with and without workers, on tests that only write down when they ran."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import textwrap
from pathlib import Path

import pytest
from pydantic import BaseModel

from tests.root import ROOT

CONFTEST = """
import os, time
from pathlib import Path
import pytest
from tests.suite.staged_run import StagedRun

HERE = Path(__file__).parent
REGIONS = {"live-1": ["fraud", "credit"], "live-2": ["fraud", "credit"]}

def pytest_configure(config):
    config.addinivalue_line("markers", "touches(regions, tenant, alone): what a test uses")
    config.pluginmanager.register(StagedRun(config, HERE, REGIONS, lambda node: 1.0, first_seconds=1))

@pytest.fixture
def work(request):
    def go(seconds=0.3):
        begin = time.time()
        time.sleep(seconds)
        with (HERE.parent / "log").open("a") as log:
            log.write(f"{request.node.nodeid} {begin} {time.time()} {os.getpid()}\\n")
    return go
"""


class Ran(BaseModel):
    begin: float
    end: float
    process: int

    def overlaps(self, other: Ran) -> bool:
        return self.begin < other.end and other.begin < self.end


class Session:
    """A folder of tests in stages, and what a pytest session made of it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / "top").mkdir()
        (folder / "top" / "conftest.py").write_text(CONFTEST, encoding="utf-8")
        (folder / "pytest.ini").write_text("[pytest]\naddopts = -p no:cacheprovider --import-mode=importlib\n", encoding="utf-8")

    def file(self, name: str, text: str) -> None:
        path = self._folder / "top" / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        head = "import os, signal, time, pytest\nfrom pathlib import Path\n"
        path.write_text(head + textwrap.dedent(text), encoding="utf-8")

    def run(self, *options: str, seconds: float = 300) -> tuple[int, str]:
        """Exit code and output; fails when it does not end."""
        command = [str(ROOT / ".venv/bin/python"), "-m", "pytest", "-p", "xdist", "top", "-v", *options]
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        done = subprocess.run(
            command,
            cwd=self._folder,
            env={**clean, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def move_down(self) -> None:
        """Puts the folder of stages into another one, which is then the one that is asked for."""
        (self._folder / "top").rename(self._folder / "inner")
        (self._folder / "top").mkdir()
        (self._folder / "inner").rename(self._folder / "top" / "inner")

    def ran(self) -> dict[str, Ran]:
        """When each test ran, by the end of its node id."""
        lines = [line.rsplit(" ", 3) for line in (self._folder / "log").read_text(encoding="utf-8").splitlines()]
        return {
            node.partition("::")[2]: Ran(begin=float(begin), end=float(end), process=int(process)) for node, begin, end, process in lines
        }


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session(tmp_path)


def fill(session: Session) -> None:
    """A test of every kind; named so that the alphabet would have the stages the other way round."""
    session.file("ending/test_a", "def test_end(work): work()")
    for letter in "xyz":
        session.file(f"steady/test_{letter}", f"@pytest.mark.parametrize('n', range(2))\ndef test_look_{letter}(work, n): work()")
    session.file("steady/test_both", """
        @pytest.mark.parametrize("region", ["live-1", "live-2"])
        def test_look_both(work, region): work(2)
        @pytest.mark.parametrize("region", ["live-1", "live-2"])
        def test_look_again(work, region): work(2)
    """)  # fmt: skip
    session.file("steady/test_flood", "@pytest.mark.touches(tenant='fraud')\ndef test_look_flood(work): work(1.5)")
    session.file("steady/test_quiet", "@pytest.mark.touches(asks=[])\ndef test_look_quiet(work): work(2)")
    for number, region in enumerate(("live-1", "live-1", "live-2", "live-2")):
        session.file(f"disturbing/test_{number}", f"""
            pytestmark = pytest.mark.touches(regions=["{region}"])
            def test_break_{number}(work): work(1.5)
        """)  # fmt: skip
    session.file("disturbing/test_broken", """
        @pytest.fixture(scope="module")
        def broken():
            flag = Path(__file__).parents[2] / "broken"
            flag.touch()
            yield
            flag.unlink()
        def test_break_first(broken, work): work()
        def test_break_second(broken, work): work()
    """)  # fmt: skip
    session.file("disturbing/test_mended", """
        def test_break_mended(work):
            assert not (Path(__file__).parents[2] / "broken").exists()
            work()
    """)  # fmt: skip


COUNT = 20


@pytest.fixture(scope="module")
def side_by_side(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Ran], str]:
    """When each test ran with four workers, and what was said."""
    session = Session(tmp_path_factory.mktemp("side-by-side"))
    fill(session)
    code, said = session.run("-n", "4")
    assert code == 0, said
    return session.ran(), said


def in_order(ran: dict[str, Ran]) -> bool:
    """Whether no stage began before the one before it had ended."""
    stages = [[one for name, one in ran.items() if name.startswith(f"test_{what}")] for what in ("look", "break", "end")]
    return all(max(one.end for one in earlier) <= min(one.begin for one in later) for earlier, later in itertools.pairwise(stages))


def test_stages_follow_each_other_in_one_process(session: Session) -> None:
    fill(session)
    code, said = session.run("-n", "0")
    assert code == 0, said
    ran = session.ran()
    assert len(ran) == COUNT
    assert in_order(ran)
    assert len({one.process for one in ran.values()}) == 1


def test_stages_follow_each_other_over_all_workers(side_by_side: tuple[dict[str, Ran], str]) -> None:
    ran, _ = side_by_side
    assert len(ran) == COUNT
    assert in_order(ran)
    assert len({one.process for one in ran.values()}) == 4


def test_steady_tests_of_a_file_go_on_side_by_side_in_their_regions(side_by_side: tuple[dict[str, Ran], str]) -> None:
    ran, _ = side_by_side
    first, second = ([ran[f"test_look_{name}[{region}]"] for name in ("both", "again")] for region in ("live-1", "live-2"))
    assert any(one.overlaps(other) for one in first for other in second)


def test_tenant_that_is_flooded_is_asked_by_nobody_meanwhile(side_by_side: tuple[dict[str, Ran], str]) -> None:
    ran, _ = side_by_side
    beside = {name for name, one in ran.items() if name != "test_look_flood" and one.overlaps(ran["test_look_flood"])}
    assert beside <= {"test_look_quiet"}


def test_who_disturbs_keeps_its_region_and_leaves_the_other(side_by_side: tuple[dict[str, Ran], str]) -> None:
    ran, _ = side_by_side
    first, second = ([ran[f"test_break_{number}"] for number in pair] for pair in ((0, 1), (2, 3)))
    assert not first[0].overlaps(first[1])
    assert not second[0].overlaps(second[1])
    assert any(one.overlaps(other) for one in first for other in second)


def test_module_fixture_lives_while_its_unit_holds_its_locks(side_by_side: tuple[dict[str, Ran], str]) -> None:
    """The test that would see the broken thing passed; it was kept off, too."""
    ran, _ = side_by_side
    broken = Ran(begin=ran["test_break_first"].begin, end=ran["test_break_second"].end, process=0)
    assert not broken.overlaps(ran["test_break_mended"])


def test_waiting_names_the_holder(side_by_side: tuple[dict[str, Ran], str]) -> None:
    _, said = side_by_side
    assert re.search(r"waits 1 s so far for live-[12], held by disturbing/test_", said)


DYING = """
def test_before(work): work()
def test_dying():
    time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGKILL)
def test_after(work): work()
"""


def test_dead_worker_hangs_nobody_and_its_other_tests_are_run(session: Session) -> None:
    session.file("steady/test_dying", DYING)
    session.file("steady/test_other", "def test_other(work): work()")
    session.file("disturbing/test_later", "@pytest.mark.parametrize('n', range(3))\ndef test_later(work, n): work()")
    code, said = session.run("-n", "2")
    assert code == 1, said
    assert "crashed while running" in said
    assert "1 failed, 6 passed" in said
    ran = session.ran()
    assert ran["test_after"].end <= min(one.begin for name, one in ran.items() if name.startswith("test_later"))


def test_dead_worker_while_it_disturbs_lets_its_region_go(session: Session) -> None:
    session.file("disturbing/test_dying", DYING)
    session.file("disturbing/test_other", "def test_other(work): work()")
    session.file("ending/test_end", "def test_end(work): work()")
    code, said = session.run("-n", "2")
    assert code == 1, said
    assert "1 failed, 4 passed" in said


SLOW_TO_START = """
if os.environ.get("PYTEST_XDIST_WORKER") not in {None, "gw0", "gw1"}:
    time.sleep(5)
def test_slow(work): work()
"""


def test_worker_in_a_dead_ones_place_gets_work_only_once_it_has_its_tests(session: Session) -> None:
    """The other worker ends tests, and so deals work out, while the new one still reads its files."""
    session.file("disturbing/test_dying", DYING)
    session.file("disturbing/test_other", "@pytest.mark.parametrize('n', range(3))\ndef test_other(work, n): work(1)")
    session.file("ending/test_slow", SLOW_TO_START)
    code, said = session.run("-n", "2")
    assert code == 1, said
    assert "1 failed, 6 passed" in said


@pytest.mark.parametrize("options", [["-x"], ["--max-worker-restart=0"]], ids=["first-failure", "no-more-workers"])
def test_run_that_ends_early_does_not_hang_in_a_barrier(session: Session, options: list[str]) -> None:
    session.file("steady/test_dying", DYING if "-x" not in options else "def test_wrong():\n    time.sleep(1)\n    assert False")
    for number in range(8):
        session.file(f"steady/test_{number}", f"@pytest.mark.parametrize('n', range(3))\ndef test_{number}(work, n): work(0.2)")
    session.file("disturbing/test_later", "@pytest.mark.parametrize('n', range(3))\ndef test_later(work, n): work()")
    code, said = session.run("-n", "2", *options)
    assert code in {1, 2}, said


@pytest.mark.parametrize(
    ("file", "text", "reason"),
    [
        ("other/test_it", "def test_it(): ...", "is in none of steady, disturbing, ending: move its file"),
        (
            "steady/test_it",
            "@pytest.mark.touches(region='live-1')\ndef test_it(): ...",
            "touches takes alone, asks, regions, tenant by name",
        ),
        ("steady/test_it", "@pytest.mark.touches(regions=['live-9'])\ndef test_it(): ...", "no region live-9; there are live-1, live-2"),
        ("steady/test_it", "@pytest.mark.touches(tenant='nobody')\ndef test_it(): ...", "no tenant live-1/nobody, live-2/nobody"),
    ],
    ids=["no-stage", "unknown-word", "unknown-region", "unknown-tenant"],
)
def test_wrong_declaration_is_refused_by_name(session: Session, file: str, text: str, reason: str) -> None:
    session.file(file, text)
    code, said = session.run("-n", "0")
    assert code == 4, said
    assert reason in said


def test_workers_that_were_not_told_refuse_instead_of_waiting(session: Session) -> None:
    """Asked for the folder above, pytest loads the plugin too late for its controller."""
    session.file("steady/test_it", "def test_it(work): work()")
    code, said = session.run("-n", "2")
    assert code == 0, said
    session.move_down()
    code, said = session.run("-n", "2")
    assert code == 1, said
    assert "by its path" in said
