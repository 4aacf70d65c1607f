"""A scripted InfluxDB, strict about what is sent, that answers as v1, v2 and v3 document.

It stands in for v2 and v3, of which no server is at hand; 1.6.7 is tested for real. Its answers are those of
the servers' own sources: http/write_handler.go (2.7), influxdb3_server/src/http.rs (3.x).
"""

import asyncio
import threading

from aiohttp import web
from line_parser import parse

PATHS = {"v1": "/write", "v2": "/api/v2/write", "v3": "/api/v3/write_lp"}
QUERIES = {
    "v1": {"db": "iot", "precision": "ms"},
    "v2": {"org": "my org", "bucket": "iot", "precision": "ms"},
    "v3": {"db": "iot", "precision": "millisecond", "accept_partial": "true"},
}


def error(version, status, message, **headers):
    key = "message" if version == "v2" else "error"
    document = {key: message, **({"code": "…"} if version == "v2" else {})}
    return web.json_response(document, status=status, headers=headers)


def partial(version, refused, lines):
    """What a server says that refused these (places → why) and wrote the others."""
    if not refused:
        return None
    if version == "v3":
        data = [
            {"error_message": why, "line_number": place + 1, "original_line": lines[place][:20]}
            for place, why in refused.items()
        ]
        return web.json_response(
            {"error": "partial write of line protocol occurred", "data": data}, status=400
        )
    why = next(iter(refused.values()))
    message = f"partial write: {why} dropped={len(refused)}"
    if version == "v1":
        return error("v1", 400, message)
    message = f"failure writing points to database: {message} for database: 0f for retention policy: autogen"
    return error("v2", 422, message)


class Server:
    """Answers by `script(lines, number)` of a call: a response, an error (a reset), or None: all is written.

    Attributes:
        refuse: why a line is refused, or None.
        tokens, user: what is let in.
        points: what is written: fields by (tags, time).
        calls: the lines of each call, as text.
        wrong: what no client of ours should have sent.
    """

    def __init__(self, version):
        self.version = version
        self.script = lambda lines, number: None
        self.refuse = lambda line: None
        self.tokens = {"token"}
        self.user = None
        self.authorizations = []
        self.points = {}
        self.calls = []
        self.wrong = []
        self.gzip = True
        self.delays_s = []
        self.under_way = self.most_under_way = 0
        self.connections = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.url = self._run(self._start())

    def close(self):
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    async def _start(self):
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        return f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"

    async def _stop(self):
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await self._runner.cleanup()

    async def _answer(self, request):
        try:
            lines = await self._checked(request)
        except Exception as error_:
            self.wrong.append(repr(error_))
            return web.Response(status=418, text=repr(error_))
        self.connections.add(request.transport.get_extra_info("peername"))
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            return await self._scripted(request, lines)
        finally:
            self.under_way -= 1

    async def _scripted(self, request, lines):
        await asyncio.sleep(self.delays_s.pop(0) if self.delays_s else 0)
        authorization = request.headers.get("Authorization", "")
        self.authorizations.append(authorization)
        scheme = "Bearer" if self.version == "v3" else "Token"
        if authorization not in {f"{scheme} {token}" for token in self.tokens} | {self.user}:
            return (
                web.Response(status=401) if self.version == "v3" else error(self.version, 401, "unauthorized")
            )
        self.calls.append(lines)
        answer = self.script(lines, len(self.calls) - 1)
        if isinstance(answer, Exception):
            request.transport.abort()
            raise answer
        if answer is not None:
            return answer
        parsed = [parse(line, self.version)[0] for line in lines]
        refused = {place: why for place, line in enumerate(parsed) if (why := self.refuse(line))}
        for place, line in enumerate(parsed):
            if place not in refused:
                self.points.setdefault((line.tags, line.time_ms), {}).update(line.fields)
        return partial(self.version, refused, lines) or web.Response(status=204)

    async def _checked(self, request):
        """The lines, if all is as it should be."""
        assert request.method == "POST"
        assert request.path == PATHS[self.version]
        assert dict(request.query) == QUERIES[self.version]
        assert request.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert request.headers["Host"] == self.url.removeprefix("http://")
        encoding = request.headers.get("Content-Encoding")
        assert encoding == ("gzip" if self.gzip else None)
        # aiohttp has inflated it.
        text = (await request.read()).decode("utf-8")
        lines = text.split("\n")
        assert all(lines)
        return lines
