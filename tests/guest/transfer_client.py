# SPDX-License-Identifier: Apache-2.0
"""transfer_client.py PORT PAYLOAD RETURNED: sends PAYLOAD to 127.0.0.1:PORT and keeps what comes back in RETURNED."""
import socket
import sys
import threading

payload = open(sys.argv[2], "rb").read()
connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=120)


def send():
    connection.sendall(payload)
    connection.shutdown(socket.SHUT_WR)


sender = threading.Thread(target=send)
sender.start()
with open(sys.argv[3], "wb") as returned:
    while chunk := connection.recv(65536):
        returned.write(chunk)
sender.join()
