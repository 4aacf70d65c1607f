"""A scripted WriteRecords server, which checks every signature by botocore."""

import asyncio
import datetime as dt
import json
import threading

import pytest
from aiohttp import web
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

ACCESS_KEY, SECRET_KEY = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


def error(status, code, message="said so", **more):
    return status, {"__type": f"com.amazonaws.timestream.v20181101#{code}", "message": message, **more}


def done(body):
    count = len(body["Records"])
    return 200, {"RecordsIngested": {"Total": count, "MemoryStore": count, "MagneticStore": 0}}


class Server:
    """Answers by `script(body, number of the call)`: (status, document), a response, or an error: a reset.

    Each call waits for `delay_s`; the first ones for `delays_s`. DescribeEndpoints answers `described`.
    """

    def __init__(self, ssl_context=None):
        self.described = error(400, "UnknownOperationException")
        self.times_described = 0
        self.script = lambda body, number: done(body)
        self.bodies = []
        self.connections = set()
        self.secrets = {ACCESS_KEY: SECRET_KEY}
        self.access_keys = []
        self.under_way = self.most_under_way = 0
        self.delay_s = 0.0
        self.delays_s = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.url = self._run(self._start(ssl_context))

    @property
    def records(self):
        return [record for body in self.bodies for record in body["Records"]]

    def close(self):
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    async def _start(self, ssl_context):
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_post("/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=ssl_context)
        await site.start()
        scheme = "https" if ssl_context else "http"
        return f"{scheme}://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"

    async def _stop(self):
        # Handlers outlive clients that gave up on them.
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await self._runner.cleanup()

    async def _answer(self, request):
        data = await request.read()
        self._check_signature(request, data)
        if request.headers["X-Amz-Target"] == "Timestream_20181101.DescribeEndpoints":
            self.times_described += 1
            return self._json(self.described)
        assert request.headers["X-Amz-Target"] == "Timestream_20181101.WriteRecords"
        self.connections.add(request.transport.get_extra_info("peername"))
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await asyncio.sleep(self.delays_s.pop(0) if self.delays_s else self.delay_s)
            body = json.loads(data)
            self.bodies.append(body)
            answer = self.script(body, len(self.bodies) - 1)
            if isinstance(answer, web.Response):
                return answer
            if isinstance(answer, Exception):
                request.transport.abort()
                raise answer
            return self._json(answer)
        finally:
            self.under_way -= 1

    @staticmethod
    def _json(answer):
        status, document = answer
        return web.json_response(document, status=status, content_type="application/x-amz-json-1.0")

    def _check_signature(self, request, data):
        given = request.headers["Authorization"]
        access_key = given.partition("Credential=")[2].partition("/")[0]
        self.access_keys.append(access_key)
        names = given.partition("SignedHeaders=")[2].partition(",")[0].split(";")
        headers = {name: request.headers[name] for name in names if name != "x-amz-date"}
        signed = AWSRequest("POST", str(request.url), headers=headers, data=data)
        moment = dt.datetime.strptime(request.headers["X-Amz-Date"] + "+0000", "%Y%m%dT%H%M%SZ%z")
        with pytest.MonkeyPatch.context() as monkeypatch:
            monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: moment)
            credentials = Credentials(access_key, self.secrets[access_key])
            SigV4Auth(credentials, "timestream", "us-east-1").add_auth(signed)
        assert signed.headers["Authorization"] == given
