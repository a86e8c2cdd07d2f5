"""Supervisor's configuration, and what it answers."""

from __future__ import annotations

import configparser
import io
import shlex
from collections.abc import Mapping
from string import Template

from tidegate.embedded.machines.facts import SupervisedProgram
from tidegate.errors import UsageError

LOG_FOLDER = "/var/log/machine"


def fill(text: str, values: Mapping[str, str]) -> str:
    """`text` with every `${name}` replaced. Raises `UsageError` for a name without a value."""
    try:
        return Template(text).substitute(values)
    except (KeyError, ValueError) as error:
        raise UsageError(f"a template under clusters/embedded names a value that does not exist: {error}") from error


def filled(programs: Mapping[str, SupervisedProgram], values: Mapping[str, str]) -> dict[str, SupervisedProgram]:
    """The programs with their placeholders filled."""
    return {
        name: SupervisedProgram(
            command=tuple(fill(part, values) for part in program.command),
            environment={key: fill(value, values) for key, value in program.environment.items()},
        )
        for name, program in programs.items()
    }


def configuration(programs: Mapping[str, SupervisedProgram]) -> str:
    """supervisord.conf for `programs`: each restarted whenever it ends, its output in a file of its own."""
    parser = configparser.RawConfigParser()
    parser["supervisord"] = {
        "logfile": f"{LOG_FOLDER}/supervisord.log", "logfile_maxbytes": "5MB", "logfile_backups": "1",
        "pidfile": "/run/supervisord.pid", "user": "root", "minfds": "1024",
    }  # fmt: skip
    parser["unix_http_server"] = {"file": "/run/host/supervisor.sock", "chmod": "0700"}
    parser["rpcinterface:supervisor"] = {"supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"}
    parser["supervisorctl"] = {"serverurl": "unix:///run/host/supervisor.sock"}
    for priority, (name, program) in enumerate(programs.items()):
        parser[f"program:{name}"] = {
            "command": _escaped(shlex.join(program.command)),
            "environment": _escaped(",".join(f'{key}="{value}"' for key, value in sorted(program.environment.items()))),
            "priority": str(priority),
            "autorestart": "true",
            "startsecs": "1",
            # Programs wait for each other by failing and starting again; nobody is ever given up.
            "startretries": "1000000",
            "stopwaitsecs": "10",
            "stopasgroup": "false",
            "killasgroup": "false",
            "redirect_stderr": "true",
            "stdout_logfile": f"{LOG_FOLDER}/{name}.log",
            "stdout_logfile_maxbytes": "20MB",
            "stdout_logfile_backups": "1",
        }
    text = io.StringIO()
    parser.write(text)
    return text.getvalue()


def _escaped(text: str) -> str:
    """Supervisor expands % in its values."""
    return text.replace("%", "%%")
