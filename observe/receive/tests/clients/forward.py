"""fluent-logger for Python sends numbered records, over TCP and a Unix socket: forward.py PORT SOCKET COUNT."""

import sys

from fluent import asyncsender, sender

port, socket, count = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
plain = sender.FluentSender("python", host="127.0.0.1", port=port, nanosecond_precision=True)
for number in range(count):
    stamp = sender.EventTime(1795867200 + number, 7)
    assert plain.emit_with_time("plain", stamp, {"message": f"plain {number}", "number": number, "nested": {"deep": [1, "zwei"]}})
plain.close()
later = asyncsender.FluentSender("python", host="127.0.0.1", port=port)
for number in range(count):
    later.emit_with_time("async", 1795867200 + number, {"message": f"async {number}", "level": "warn"})
later.close()
near = sender.FluentSender("python", host=f"unix://{socket}")
for number in range(count):
    assert near.emit("near", {"message": f"near {number}"})
near.close()
assert plain.last_error is None and later.last_error is None, (plain.last_error, later.last_error)
