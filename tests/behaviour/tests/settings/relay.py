"""A mail relay on a free port of the loopback address: prints where it listens, then one JSON line for each letter."""

import asyncio
import email
import email.policy
import json

from aiosmtpd.smtp import SMTP


class Print:
    async def handle_DATA(self, server, session, envelope):
        letter = email.message_from_bytes(envelope.content, policy=email.policy.default)
        parts = [part for part in letter.walk() if not part.is_multipart()]
        told = {
            "to": envelope.rcpt_tos,
            "subject": letter["subject"],
            "types": [part.get_content_type() for part in parts],
            "text": parts[0].get_content(),
        }
        print(json.dumps(told), flush=True)
        return "250 taken"


async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Print(), loop=loop), "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    print(f"listens at {host}:{port}", flush=True)
    await server.serve_forever()


asyncio.run(main())
