"""An SMTP server with STARTTLS by aiosmtpd: `mail.py CERT KEY ADDRESS`."""

import ssl
import sys
import threading

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink

certificate, key, address = sys.argv[1:]
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(certificate, key)
Controller(Sink(), hostname=address, port=2500, tls_context=context).start()
print("ready", flush=True)
threading.Event().wait()
