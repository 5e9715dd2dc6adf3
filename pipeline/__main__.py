"""`python -m pipeline`, and what `netcore-bulk-upload` is.

Signals wait until the command line can take them: Ctrl-C while it is still importing is told like any other.
"""

import signal

signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})

from pipeline.cli import main  # noqa: E402 - not before

if __name__ == "__main__":
    main()
