"""Logs through python-logging-loki.

Usage: loki.py URL
"""

import logging
import sys

import logging_loki

logging_loki.emitter.LokiEmitter.level_tag = "level"
handler = logging_loki.LokiHandler(url=f"{sys.argv[1]}/loki/api/v1/push", tags={"app": "python-loki"}, version="1")
# The handler swallows what goes wrong; this one does not.
handler.handleError = lambda record: sys.exit("a record was not taken")
logger = logging.getLogger("shop")
logger.addHandler(handler)
for number in range(20):
    logger.warning("line %d", number, extra={"tags": {"user": "u1"}})
print("taken")
