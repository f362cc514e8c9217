"""Commands of a peer from standard input, one a line, each answered with a line of JSON, in which are the seconds that it took and those of CPU."""

import json
import os
import sys
import time


def serve(commands):
    """Has each command, by its name, take the rest of the line. Ends with the input."""
    for line in sys.stdin:
        name, _, rest = line.strip().partition(" ")
        began, cpu = time.monotonic(), os.times()
        answer = commands[name](rest) or {}
        after = os.times()
        answer["seconds"] = time.monotonic() - began
        answer["cpu"] = after.user + after.system - cpu.user - cpu.system
        print(json.dumps(answer), flush=True)
