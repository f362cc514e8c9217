"""Sends messages by a stock library: send.py LIBRARY URL WRITE_KEY HOW_MANY"""

import datetime
import sys

library, url, write_key, many = sys.argv[1:]
failed = []


def on_error(error, _items):
    failed.append(error)


if library == "segment":
    from segment.analytics.client import Client

    client = Client(write_key, host=url, on_error=on_error, debug=False)
else:
    from rudderstack.analytics.client import Client

    client = Client(write_key, host=url, on_error=on_error, debug=False)

for i in range(int(many) - 4):
    properties = {"product_id": f"prd_{i}", "price": 29.5, "seen": datetime.datetime.now(datetime.timezone.utc)}
    client.track(f"u-{i % 7}", "Product Viewed", properties)
client.identify("u-1", {"plan": "gold"})
client.page(anonymous_id="a-1", name="Home")
client.group("u-1", "g-1")
client.alias("a-1", "u-1")
client.flush()
client.join()
if failed:
    raise SystemExit(f"{failed[0]}")
