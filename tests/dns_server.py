"""A DNS server of a test's own, on loopback, that python-dns asks instead of the system's."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.rdatatype
import dns.resolver
import dns.rrset


@contextmanager
def answering(records: Mapping[tuple[str, str], str]) -> Iterator[None]:
    """Answer with `records`, text by name and type (`("_mongodb._tcp.pos.test.", "SRV")`), and with nothing else."""

    class Answer(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            data, socket = self.request
            query = dns.message.from_wire(data)
            reply = dns.message.make_response(query)
            reply.flags |= dns.flags.AA
            name, kind = str(query.question[0].name), dns.rdatatype.to_text(query.question[0].rdtype)
            if record := records.get((name, kind)):
                reply.answer.append(dns.rrset.from_text(name, 60, "IN", kind, record))
            socket.sendto(reply.to_wire(), self.client_address)

    with socketserver.ThreadingUDPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers = ["127.0.0.1"]
        resolver.port = server.server_address[1]
        dns.resolver.default_resolver = resolver
        try:
            yield
        finally:
            dns.resolver.default_resolver = None
            server.shutdown()
