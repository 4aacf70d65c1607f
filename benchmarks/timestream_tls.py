"""The local Timestream behind TLS, as a program: clients talk to the real one by nothing else.

python -m timestream_tls --pki DIRECTORY --database NAME --table NAME
"""

import argparse
import asyncio
import ssl
import time
from pathlib import Path

from iotstream.local.pki import Pki
from iotstream.local.process import announce, wait_for_stop
from iotstream.local.timestream.server import serve
from iotstream.local.timestream.service import Timestream


def main():
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pki", type=Path, required=True)
    parser.add_argument("--database", required=True)
    parser.add_argument("--table", required=True)
    parser.add_argument("--watch-stdin", action="store_true")
    arguments = parser.parse_args()
    service = Timestream(None)
    service.call("CreateDatabase", {"DatabaseName": arguments.database}, time.time())
    table = {
        "DatabaseName": arguments.database,
        "TableName": arguments.table,
        "MagneticStoreWriteProperties": {"EnableMagneticStoreWrites": True},
    }
    service.call("CreateTable", table, time.time())
    server = serve(service, 0)
    files = Pki(arguments.pki).server
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files.certificate, files.key)
    # The handshake is each connection's own thread's, so that none waits for another's.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    port = server.server_address[1]
    service.address = f"https://127.0.0.1:{port}"
    announce("timestream", port=port)
    asyncio.run(wait_for_stop(watch_stdin=arguments.watch_stdin))
    server.shutdown()
    server.server_close()


if __name__ == "__main__":
    main()
