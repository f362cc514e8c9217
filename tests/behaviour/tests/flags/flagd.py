"""OpenFeature's SDK with its stock flagd provider, which resolves over gRPC or evaluates itself what it is sent, and hears of a change."""

import json
import sys
import threading
import urllib.request
from urllib.parse import urlparse

from openfeature import api
from openfeature.contrib.provider.flagd import FlagdProvider
from openfeature.contrib.provider.flagd.config import ResolverType
from openfeature.evaluation_context import EvaluationContext
from openfeature.event import ProviderEvent

# How long a change may take to be heard, in seconds.
PATIENCE = 20


def switch(url, key, enabled):
    flag = json.load(urllib.request.urlopen(f"{url}/api/v1/flags/{key}"))
    body = json.dumps({"enabled": enabled}).encode()
    path = f"/api/v1/flags/{key}/state?revision={flag['revision']}&why=test"
    request = urllib.request.Request(url + path, data=body, headers={"Content-Type": "application/json"})
    assert urllib.request.urlopen(request).status == 200


def evaluate(url, resolver):
    at = urlparse(url)
    changed = threading.Event()
    provider = FlagdProvider(host=at.hostname, port=at.port, tls=False, resolver_type=resolver)
    api.set_provider_and_wait(provider)
    api.add_handler(ProviderEvent.PROVIDER_CONFIGURATION_CHANGED, lambda details: changed.set())
    client = api.get_client()
    swiss = EvaluationContext("cus_1", {"country": "CH"})
    cases = [
        (client.get_boolean_details("bool", False), True, "STATIC", None),
        (client.get_integer_details("int", 1), 10, "STATIC", None),
        (client.get_float_details("float", 1.5), 10.0, "STATIC", None),
        (client.get_string_details("string", "x"), "hello", "DEFAULT", None),
        (client.get_string_details("string", "x", swiss), "hallo", "TARGETING_MATCH", None),
        (client.get_object_details("object", {}), {"n": 1.5}, "STATIC", None),
        (client.get_boolean_details("off", False), False, "DISABLED", None),
        (client.get_boolean_details("code", True), True, "DEFAULT", None),
        (client.get_boolean_details("none", False), False, "ERROR", "FLAG_NOT_FOUND"),
        (client.get_boolean_details("wrong", False), False, "ERROR", "GENERAL"),
        (client.get_boolean_details("int", True), True, "ERROR", "TYPE_MISMATCH"),
    ]
    passed = 0
    for details, value, reason, error in cases:
        seen = [str(text).split(".")[-1] if text else None for text in (details.reason, details.error_code)]
        right = details.value == value and seen == [reason, error]
        passed += right
        if not right:
            print("WRONG", details)
    changed.clear()
    switch(url, "bool", False)
    assert changed.wait(PATIENCE), "the change was not heard"
    details = client.get_boolean_details("bool", False)
    passed += str(details.reason).endswith("DISABLED")
    switch(url, "bool", True)
    api.shutdown()
    print(f"{resolver.value}: {passed} of {len(cases) + 1}")


if __name__ == "__main__":
    for resolver in (ResolverType.RPC, ResolverType.IN_PROCESS):
        evaluate(sys.argv[1], resolver)
