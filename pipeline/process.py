"""How the command line's own process is set up; a process that the library is a guest in is left as it is."""

from __future__ import annotations

import atexit
import ctypes
import gc
import io
import os
import sys

# glibc's numbers of what mallopt sets (malloc.h), and to what.
_MALLOPT = {
    -8: 1,  # M_ARENA_MAX: memory that one thread gives back is there for any other
    -3: 32 << 20,  # M_MMAP_THRESHOLD: up to its maximum, a block is not given back to the kernel when freed
    -1: 64 << 20,  # M_TRIM_THRESHOLD: nor are so many bytes at the end
}


def set_up() -> None:
    """Less work for the collector, memory kept for the next slice, no threads that nobody needs."""
    gc.set_threshold(500_000, 50, 50)  # imports alone make 170,000 objects, which stay; a run of records, few
    atexit.register(gc.freeze)  # what is left goes with the process
    for descriptor in range(3):  # one that is closed would be given to the next socket, and be written to
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for stream in (sys.stdout, sys.stderr):  # whatever the locale, a name that it lacks is no fault
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # nothing here multiplies matrices
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # to look for some takes 10 ms
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):  # musl has none
        for parameter, value in _MALLOPT.items():
            libc.mallopt(parameter, value)
