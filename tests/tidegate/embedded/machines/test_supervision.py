"""What supervisor is told must be what was asked for, whatever characters are in it."""

from __future__ import annotations

import configparser
import shlex

import pytest

from tidegate.embedded.machines import supervision
from tidegate.embedded.machines.facts import SupervisedProgram
from tidegate.errors import UsageError


def test_every_program_is_restarted_and_logged_by_its_name() -> None:
    text = supervision.configuration(
        {"etcd": SupervisedProgram(command=("/opt/bin/etcd",)), "kubelet": SupervisedProgram(command=("/opt/bin/kubelet",))}
    )
    read = configparser.RawConfigParser()
    read.read_string(text)
    for name, priority in (("etcd", "0"), ("kubelet", "1")):
        section = read[f"program:{name}"]
        assert section["autorestart"] == "true"
        assert section["stdout_logfile"] == f"/var/log/machine/{name}.log"
        assert section["priority"] == priority


def test_arguments_with_spaces_quotes_and_percent_arrive_whole() -> None:
    command = ("/usr/bin/socat", "UNIX-LISTEN:/run/host/a b.sock,mode=600", "it's 100%")
    read = configparser.RawConfigParser()
    read.read_string(supervision.configuration({"relay": SupervisedProgram(command=command, environment={"RATE": "5%"})}))
    section = read["program:relay"]
    assert tuple(shlex.split(section["command"].replace("%%", "%"))) == command
    assert section["environment"] == 'RATE="5%%"'


def test_placeholders_are_filled() -> None:
    programs = supervision.filled({"proxy": SupervisedProgram(command=("/opt/bin/x", "--node=${node}"))}, {"node": "live-1-node-1"})
    assert programs["proxy"].command == ("/opt/bin/x", "--node=live-1-node-1")


def test_a_placeholder_without_a_value_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="clusters/embedded names a value that does not exist: 'nodde'"):
        supervision.fill("--node=${nodde}", {"node": "x"})
