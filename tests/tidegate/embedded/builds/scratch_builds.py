"""A checkout with two tiny programs to build, and a go command that can be watched and held."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.embedded.builds import go_programs

MAIN = """package main

import "os"

var greeting = "nobody set me"

func main() { os.Stdout.WriteString(greeting + mark + "\\n") }
"""
PROGRAMS = """families:
  - name: greetings
    release: 1.2.3
    variables:
      main.greeting: hello
    binaries:
      - name: greeter
        package: .
      - name: shouter
        release: 1.2.4
        package: .
        tags: [loud]
"""


def scratch_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """A checkout with one family of two programs, and an empty cache of our own; Go keeps its cache."""
    monkeypatch.setenv("GOCACHE", tools.run(["go", "env", "GOCACHE"]).stdout.strip())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return make_checkout(tmp_path / "checkout")


def make_checkout(root: Path) -> Checkout:
    family = root / go_programs.PROGRAMS_FILE.parent / "greetings"
    family.mkdir(parents=True)
    (root / go_programs.PROGRAMS_FILE).write_text(PROGRAMS)
    for name in ("cdktf.json", "pyproject.toml"):
        (root / name).touch()
    (family / "go.mod").write_text("module example.org/greetings\n\ngo 1.24\n")
    (family / "main.go").write_text(MAIN)
    (family / "quiet.go").write_text('//go:build !loud\n\npackage main\n\nconst mark = "."\n')
    (family / "loud.go").write_text('//go:build loud\n\npackage main\n\nconst mark = "!"\n')
    return Checkout(root)


def edit(checkout: Checkout, file: str, old: str, new: str) -> None:
    path = checkout.root / go_programs.PROGRAMS_FILE.parent / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def quietly(_program: str, _happened: str) -> None:
    pass


def said_by(path: Path) -> str:
    return tools.run([str(path)]).stdout.strip()


def left_in_cache() -> set[str]:
    """Names of all that is in the folders of programs."""
    return {path.name for path in Path(os.environ["XDG_CACHE_HOME"]).glob("tidegate/builds/*/**/*")}


def watch_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that lists what is asked of the go command from now on, a word each."""
    log = tmp_path / "go-calls"
    log.touch()
    stand_in_for_go(tmp_path, monkeypatch, f'echo "$1" >> {log}')
    return log


def stand_in_for_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str) -> Path:
    """Puts a `go` first on PATH that runs the shell text `before` and then is the real one."""
    folder = tmp_path / "stand-in"
    folder.mkdir()
    (folder / "go").write_text(f'#!/bin/sh\n{before}\nexec {tools.find("go")} "$@"\n')
    (folder / "go").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder
