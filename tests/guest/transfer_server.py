# SPDX-License-Identifier: Apache-2.0
"""transfer_server.py PAYLOAD UPLOADED: prints its port; sends PAYLOAD to the first connection, then keeps what the
second one sends in UPLOADED."""
import socket
import sys

listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)

first, _ = listener.accept()
with open(sys.argv[1], "rb") as payload:
    first.sendall(payload.read())
first.shutdown(socket.SHUT_WR)

second, _ = listener.accept()
with open(sys.argv[2], "wb") as uploaded:
    while chunk := second.recv(65536):
        uploaded.write(chunk)
        uploaded.flush()
second.close()
first.close()
