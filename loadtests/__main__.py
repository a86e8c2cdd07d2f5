"""What `tidegate gate load` starts: runs a plan and prints the verdict as JSON. Refusals are lines on stderr.

The options are those of the locustfile, with `--host`, `--processes` and `--preferred`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pydantic import TypeAdapter

from loadtests.arguments import ARGUMENTS, ROOT, read_plan
from loadtests.pictures import pictures_of
from loadtests.run import read, run
from loadtests.sent import sent_in
from tidegate.endings import lines_of, program_code
from tidegate.gates.evidence.pictures.data import PICTURES
from tidegate.gates.verdict import Verdict


def main() -> int:
    """Whatever the verdict is, the program has done its work."""
    parser = argparse.ArgumentParser(prog="python -m loadtests", description=__doc__)
    for argument in ARGUMENTS:
        parser.add_argument(argument.option, default=argument.default, help=argument.what)
    parser.add_argument("--host", default="", help="where the model answers")
    parser.add_argument("--processes", type=int, default=1, help="of the generator")
    parser.add_argument("--preferred", action="store_true", help="let the kernel run the generator before all other work, where it may")
    parser.add_argument("--judge", default="", help="judge the recording in this file again, and send nothing")
    parser.add_argument("--requests", default="", help="say what became of each request of the recording in this file")
    parser.add_argument("--pictures", default="", help="say what the recording in this file looks like, as data of pictures")
    options = parser.parse_args()
    try:
        if options.judge:
            return _say(read(Path(options.judge)).verdict)
        if options.requests:
            recording = read(Path(options.requests)).recording
            sys.stdout.write(f"{sent_in(recording).model_dump_json() if recording else ''}\n")
            return 0
        if options.pictures:
            recording = read(Path(options.pictures)).recording
            sys.stdout.write(PICTURES.dump_json(pictures_of(recording) if recording else ()).decode() + "\n")
            return 0
        plan, out = read_plan(vars(options))
        plan = plan.model_copy(update={"processes": options.processes, "preferred": plan.preferred or options.preferred})
        judged = run(ROOT, plan, out and Path(out).absolute())
    except Exception as error:  # noqa: BLE001 - the one place where what nobody foresaw becomes an exit code
        sys.stderr.write(f"{lines_of(error)}\n")
        return program_code(error)
    return _say(judged.verdict)


def _say(verdict: Verdict) -> int:
    sys.stdout.write(f"{TypeAdapter(Verdict).dump_json(verdict).decode()}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
