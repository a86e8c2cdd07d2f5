"""Wakes a greenlet at a moment. gevent's own timers count whole milliseconds, a schedule needs hundredths of one."""

from __future__ import annotations

import ctypes
import os

import gevent.hub

_LIBC = ctypes.CDLL(None, use_errno=True)
_CLOCK_MONOTONIC, _ABSOLUTE = 1, 1


class _Spec(ctypes.Structure):
    """`struct itimerspec`: the interval, which is none, and the moment."""

    _fields_ = (("every_s", ctypes.c_long), ("every_ns", ctypes.c_long), ("at_s", ctypes.c_long), ("at_ns", ctypes.c_long))


class Alarm:
    """A timer of the kernel that gevent's loop waits for as for a socket; Python has it from 3.13 on."""

    def __init__(self) -> None:
        self._number: int = _LIBC.timerfd_create(_CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if self._number < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        self._hub = gevent.hub.get_hub()
        self._watcher = self._hub.loop.io(self._number, 1)

    def wait_until(self, moment: float) -> None:
        """Returns at `moment` of `time.monotonic()`, or at once when it is past."""
        seconds = int(moment)
        spec = _Spec(0, 0, seconds, int((moment - seconds) * 1e9) or 1)  # zero would mean never
        _LIBC.timerfd_settime(self._number, _ABSOLUTE, ctypes.byref(spec), None)
        self._hub.wait(self._watcher)
        os.read(self._number, 8)

    def close(self) -> None:
        """The timer."""
        self._watcher.stop()
        self._watcher.close()
        os.close(self._number)
