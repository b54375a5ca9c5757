"""Small socket peers for what no common tool sends.

    sockets.py options ADDRESS6   UDP to port 9 with IPv6 hop-by-hop and destination options
    sockets.py reset ADDRESS HOST an HTTP request from a fixed port, ended by RST, so that the
                                  next one can use the same ports
    sockets.py unanswered ADDRESS a TCP connection that nobody answers
"""

import socket
import struct
import sys

# PadN of 4 bytes after next header and length: an extension header of 8.
PADDING_OPTIONS = bytes([0, 0, 1, 4, 0, 0, 0, 0])
SOURCE_PORT = 40001


def options(address):
    udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_HOPOPTS, PADDING_OPTIONS)
    udp.sendto(b"hop-by-hop", (address, 9))
    udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_DSTOPTS, PADDING_OPTIONS)
    udp.sendto(b"hop-by-hop and destination", (address, 9))


def reset(address, host):
    tcp = socket.socket()
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    tcp.bind(("", SOURCE_PORT))
    tcp.connect((address, 80))
    tcp.send(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    tcp.recv(4096)
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    tcp.close()


def unanswered(address):
    tcp = socket.socket()
    tcp.settimeout(1.5)
    try:
        tcp.connect((address, 80))
    except TimeoutError:
        return
    sys.exit("somebody answered")


{"options": options, "reset": reset, "unanswered": unanswered}[sys.argv[1]](*sys.argv[2:])
