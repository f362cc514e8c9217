"""PyPI's openfeature-flagd-core: flagd_core.py DEFINITIONS SECONDS. Prints, as JSON, how long the definitions take in milliseconds, and evaluations in a
second of the flags whose keys begin with simple and with fractional."""

import json
import sys
import time

from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext

if __name__ == "__main__":
    text, seconds = open(sys.argv[1]).read(), float(sys.argv[2])
    core = FlagdCore()
    began = time.perf_counter()
    core.set_flags(text)
    told = {"load_ms": 1000 * (time.perf_counter() - began)}
    context = EvaluationContext("cus_4711", {"country": "CH", "email": "ada@example.com"})
    for kind in ("simple", "fractional"):
        keys = [key for key in json.loads(text)["flags"] if key.startswith(kind)]
        began, count = time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            for _ in range(100):
                core.resolve_string_value(keys[(count * 7919) % len(keys)], "x", context)
                count += 1
        told[kind] = count / (time.perf_counter() - began)
    print(json.dumps(told))
