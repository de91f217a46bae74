"""The guarded command: it notes when it starts and when it ends, and takes a while in between.

``python -I -S command.py FILE SECONDS [USER]``. Lines are appended in one write each, so that
several commands can share a file.
"""

import json
import os
import sys
import time


def note(file: int, run: str, what: str) -> None:
    flag, user = os.environ["GATEWAY_FLAG"], os.environ.get("GATEWAY_USER")
    line = json.dumps([run, what, flag, user, time.monotonic()]) + "\n"
    os.write(file, line.encode())


def main() -> None:
    started = time.monotonic()
    file = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    run = f"{os.getpid()}-{started}"
    note(file, run, "start")
    time.sleep(float(sys.argv[2]))
    note(file, run, "end")


if __name__ == "__main__":
    main()
