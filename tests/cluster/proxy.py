"""
A TCP proxy between a client and a host that can swallow what the client sends.

Bytes are counted for each connection, so that a test can let the small requests of a protocol's first round pass, and
cut off the large ones of the second: exactly there, every time.
"""

import contextlib
import socket
import threading


class Proxy:
    """Listens on a free port of 127.0.0.1. Use it in a with statement."""

    def __init__(self, target_port):
        self._target_port = target_port
        self._bytes_max = None  # of one connection, from client to host; None: all
        self._lock = threading.Lock()
        self._sockets = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
        self._listener.close()
        with self._lock:
            sockets = list(self._sockets)
        for each in sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def swallow_after(self, bytes_max):
        """From now on the host sees only so many bytes of a connection; the rest vanishes. None: all of them."""
        self._bytes_max = bytes_max

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # the listener was closed
            try:
                host = socket.create_connection(("127.0.0.1", self._target_port))
            except OSError:
                client.close()  # the host is down
                continue
            with self._lock:
                self._sockets |= {client, host}
            threading.Thread(target=self._pump, args=(client, host, True), daemon=True).start()
            threading.Thread(target=self._pump, args=(host, client, False), daemon=True).start()

    def _pump(self, source, sink, is_limited):
        passed_bytes = 0
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if is_limited and self._bytes_max is not None:
                    data = data[: max(self._bytes_max - passed_bytes, 0)]
                passed_bytes += len(data)
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._sockets.discard(source)
        source.close()
