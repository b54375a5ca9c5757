"""mDNS peers by python-zeroconf: `mdns.py announce ADDRESS` registers a service
until it is killed, `mdns.py browse ADDRESS` finds it and resolves it."""

import signal
import socket
import sys
import threading

from zeroconf import IPVersion, ServiceBrowser, ServiceInfo, Zeroconf

TYPE = "_weir._tcp.local."
NAME = f"sensor 1.{TYPE}"


class Found(threading.Event):
    def add_service(self, zeroconf, kind, name):
        info = zeroconf.get_service_info(kind, name, timeout=3000)
        print(name, info.server, info.parsed_addresses(), info.port)
        self.set()

    def update_service(self, *_):
        pass

    def remove_service(self, *_):
        pass


def main(role, address):
    zeroconf = Zeroconf(interfaces=[address], ip_version=IPVersion.V4Only)
    if role == "announce":
        info = ServiceInfo(TYPE, NAME, addresses=[socket.inet_aton(address)], port=7301,
                           properties={"txtvers": "1"}, server="sensor-1.local.")
        zeroconf.register_service(info)
        print("ready", flush=True)
        signal.sigwait([signal.SIGTERM])
        zeroconf.unregister_service(info)
    else:
        found = Found()
        ServiceBrowser(zeroconf, TYPE, found)
        if not found.wait(10):
            sys.exit("no service found")
    zeroconf.close()


signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
main(*sys.argv[1:])
