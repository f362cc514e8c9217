"""Runs flagd's scenarios with PyPI's providers: provider.py SCENARIOS LAUNCHPAD KIND. KIND is rpc, in-process or file
with the flagd provider, or ofrep with the OFREP provider. Prints a line of JSON for each."""

import json
import os
import queue
import sys
import threading
import time
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor

from openfeature import api
from openfeature.contrib.provider.flagd import FlagdProvider
from openfeature.contrib.provider.flagd.config import CacheType, Config, ResolverType
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.event import ProviderEvent
from openfeature.provider import ProviderStatus

SIDE_BY_SIDE = 12
# How long an event may take, in seconds.
PATIENCE = 30
EVENTS = {
    "ready": ProviderEvent.PROVIDER_READY,
    "error": ProviderEvent.PROVIDER_ERROR,
    "stale": ProviderEvent.PROVIDER_STALE,
    "change": ProviderEvent.PROVIDER_CONFIGURATION_CHANGED,
}
# Held while the environment is changed, or a line is printed.
environment = threading.Lock()


def snake(name):
    return "".join("_" + c.lower() if c.isupper() else c for c in name)


def typed(kind, text):
    if kind == "Boolean":
        return text.lower() == "true"
    if kind in ("Integer", "Long"):
        return int(text)
    if kind == "Float":
        return float(text)
    if kind == "Object":
        return json.loads(text.replace('\\"', '"'))
    if kind == "CacheType":
        return CacheType(text)
    if kind == "ResolverType":
        return ResolverType(text.lower())
    if kind == "StringList":
        return [part.strip() for part in text.split(",")] if text else []
    return text


def quoted(step, count):
    parts = step.split('"', 2 * count - 1)[1::2]
    parts[-1] = parts[-1].rstrip().removesuffix('"')
    return parts


class Scenario:
    def __init__(self, scenario, launchpad, resolver):
        self.scenario, self.launchpad, self.resolver = scenario, launchpad, resolver
        self.domain = f"scenario-{scenario['n']}"
        self.options, self.context, self.key = {}, {}, None
        self.environment, self.at, self.provider = {}, None, None
        self.events = queue.Queue()

    def post(self, path, **query):
        url = f"{self.launchpad}/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(urllib.request.Request(url, method="POST")) as answer:
            return json.load(answer)

    def start(self, config):
        texts = " ".join(step for step, _ in self.scenario["steps"])
        own = "connection is lost" in texts or "was modified" in texts
        query = {"config": config, "own": str(own).lower(), "source": self.options.get("selector", "")}
        version = next((tag[-2:] for tag in self.scenario["tags"] if tag.startswith("@fractional-v")), "")
        self.at = self.post("start", fractional=version, **query)
        options = {snake(name): value for name, value in self.options.items()}
        # As the testbed's own suites have it: sooner than in production.
        usual = {"deadline_ms": 3000, "retry_backoff_ms": 100, "retry_backoff_max_ms": 500, "retry_grace_period": 2}
        options = {**usual, **options}
        if "@grace" in self.scenario["tags"]:
            options["retry_grace_period"] = 2
        if self.resolver == ResolverType.FILE:
            options["offline_flag_source_path"] = self.at["file"]
        if config == "ssl":
            options |= {"tls": True, "cert_path": self.at["cert"]}
        if self.resolver is None:
            scheme = "https" if config == "ssl" else "http"
            headers = (lambda: {"Flagd-Selector": self.options["selector"]}) if "selector" in self.options else None
            self.provider = OFREPProvider(f"{scheme}://localhost:{self.at['port']}", headers_factory=headers, timeout=5)
            return self.follow(config)
        with environment:
            # The provider takes this from its variable alone.
            os.environ["FLAGD_OFFLINE_POLL_MS"] = "100"
            self.provider = FlagdProvider(host="localhost", port=self.at["port"], resolver_type=self.resolver, **options)
            del os.environ["FLAGD_OFFLINE_POLL_MS"]
        self.follow(config)

    def follow(self, config):
        for name, event in EVENTS.items():
            api.get_client(self.domain).add_handler(event, lambda details, name=name: self.events.put((name, details)))
        if config in ("unavailable", "forbidden"):
            api.set_provider(self.provider, self.domain)
        else:
            api.set_provider_and_wait(self.provider, self.domain)
        self.client = api.get_client(self.domain)

    def evaluate(self):
        kind, key, default = self.flag
        kind = {"Boolean": "boolean", "String": "string", "Integer": "integer", "Float": "float", "Object": "object"}[kind]
        context = EvaluationContext(self.key, self.context)
        self.details = getattr(self.client, f"get_{kind}_details")(key, default, context)

    def fired(self, name, within=PATIENCE):
        """Waits for an event; those before it are past."""
        until = time.monotonic() + within
        while True:
            try:
                fired, self.event = self.events.get(timeout=max(until - time.monotonic(), 0))
            except queue.Empty:
                raise AssertionError(f"no {name} within {within} s") from None
            if fired == name:
                return

    def configure(self):
        options = {snake(name): value for name, value in self.options.items()}
        with environment:
            os.environ.update(self.environment)
            try:
                self.config, self.failure = Config(**options), None
            except Exception as problem:
                self.config, self.failure = None, problem
            finally:
                for name in self.environment:
                    del os.environ[name]

    def equal(self, seen, expected):
        assert seen == expected, f"expected {expected!r}, and it is {seen!r}"

    def step(self, step, table):
        if step.startswith("an option "):
            name, kind, value = quoted(step, 3)
            self.options[name] = typed(kind, value)
        elif step.startswith("an environment variable "):
            name, value = quoted(step, 2)
            self.environment[name] = value
        elif step == "a config was initialized":
            self.configure()
        elif step == "we should have an error":
            assert self.failure is not None
        elif step.startswith("the option "):
            name, kind, value = quoted(step, 3)
            assert self.failure is None, self.failure
            self.equal(getattr(self.config, snake(name)), None if value == "null" else typed(kind, value))
        elif step.endswith(" flagd provider"):
            self.start(step.split()[1])
        elif "-flag with key" in step:
            key, default = quoted(step, 2)
            kind = step.split()[1].removesuffix("-flag")
            self.flag = (kind, key, typed(kind, default))
        elif step.startswith("a context containing a key"):
            key, kind, value = quoted(step, 3)
            self.context[key] = typed(kind, value)
        elif step.startswith("a context containing a targeting key"):
            self.key = quoted(step, 1)[0]
        elif step.startswith("a context containing a nested property"):
            outer, inner, value = quoted(step, 3)
            self.context[outer] = {inner: value}
        elif step == "the flag was evaluated with details":
            self.evaluate()
        elif step.startswith("the resolved details value should be"):
            self.equal(self.details.value, typed(self.flag[0], quoted(step, 1)[0]))
        elif step.startswith("the reason should be"):
            self.equal(str(self.details.reason).split(".")[-1], quoted(step, 1)[0])
        elif step.startswith("the variant should be"):
            self.equal(self.details.variant, quoted(step, 1)[0])
        elif step.startswith("the error-code should be"):
            code = self.details.error_code
            self.equal(str(code).split(".")[-1] if code else "", quoted(step, 1)[0])
        elif step == "the resolved metadata is empty":
            self.equal(dict(self.details.flag_metadata), {})
        elif step == "the resolved metadata should contain":
            expected = {name: typed(kind, value) for name, kind, value in table[1:]}
            self.equal({name: self.details.flag_metadata.get(name) for name in expected}, expected)
        elif step.endswith(" event handler"):
            pass  # All are there from the beginning.
        elif "event handler should have been executed" in step:
            within = int(step.split()[-1].removesuffix("ms")) / 1000 if "within" in step else PATIENCE
            self.fired(step.split()[1], within)
        elif step.endswith("event was fired"):
            self.fired(step.split()[1])
        elif step.startswith("the connection is lost for"):
            self.post("lose", id=self.at["id"], seconds=step.split()[-1].removesuffix("s"))
        elif step == "the flag was modified":
            self.post("change", id=self.at["id"])
        elif step == "the flag should be part of the event payload":
            assert self.flag[1] in self.event.flags_changed, self.event
        elif step == "the client should be in fatal state":
            self.equal(self.client.get_provider_status(), ProviderStatus.FATAL)
        else:
            raise NotImplementedError(step)

    def run(self):
        at = None
        try:
            for step, table in self.scenario["steps"]:
                at = step
                self.step(step, table)
            outcome = {"passed": True}
        except BaseException as problem:
            outcome = {"passed": False, "step": at, "problem": f"{type(problem).__name__}: {problem}"}
        if self.provider:
            self.provider.shutdown()
        with environment:
            print(json.dumps({"n": self.scenario["n"], **outcome}), flush=True)


if __name__ == "__main__":
    scenarios = json.load(open(sys.argv[1]))
    kind = None if sys.argv[3] == "ofrep" else ResolverType(sys.argv[3])
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        list(pool.map(lambda scenario: Scenario(scenario, sys.argv[2], kind).run(), scenarios))
    os._exit(0)
