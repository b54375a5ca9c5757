"""A RabbitMQ of Debian's on loopback ports of its own, for the checks of the broker.

As a program: `rabbitmq.py COMMAND…` runs a command with these variables set:

WEIR_TEST_AMQP   amqp://USER:PASSWORD@HOST:PORT/%2F
WEIR_TEST_AMQPS  the same over TLS
WEIR_TEST_AMQP_CA  the certificate of who signed the server's
WEIR_TEST_AMQP_START, WEIR_TEST_AMQP_STOP  commands for sh that start the server and stop it
WEIR_TEST_AMQP_CTL  the same that is rabbitmqctl
"""

import contextlib
import json
import os
import pathlib
import pwd
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import pair

SERVER = "/usr/lib/rabbitmq/bin/rabbitmq-server"
CTL = "/usr/lib/rabbitmq/bin/rabbitmqctl"
# It starts within seconds; on a busy machine in some more.
START_SECONDS = 120
STOP_SECONDS = 60


class Server:
    """One whose files are all in a folder."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.env = json.loads((self.folder / "environment.json").read_text())

    def command(self, program):
        """As the user of Debian's package where that is possible: it is not meant for root."""
        environment = ["env", "-i", *(f"{name}={value}" for name, value in self.env.items()), program]
        return ["runuser", "-u", "rabbitmq", "--", *environment] if os.getuid() == 0 else environment

    def listens(self):
        with contextlib.suppress(OSError), socket.create_connection(
                ("127.0.0.1", int(self.env["RABBITMQ_NODE_PORT"])), timeout=1):
            return True
        return False

    def pid(self):
        with contextlib.suppress(OSError, ValueError):
            return int(pathlib.Path(self.env["RABBITMQ_PID_FILE"]).read_text())
        return None

    def start(self):
        with open(self.folder / "console.log", "ab") as log:
            server = subprocess.Popen(
                self.command(SERVER), cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True)
        deadline = time.monotonic() + START_SECONDS
        while not self.listens():
            if server.poll() is not None or time.monotonic() > deadline:
                sys.stderr.write((self.folder / "console.log").read_text(errors="replace")[-4000:])
                raise ChildProcessError("rabbitmq-server does not start")
            time.sleep(0.1)

    def stop(self):
        """In order, or in the end by force."""
        pid = self.pid()
        for sign in (signal.SIGTERM, signal.SIGKILL):
            deadline = time.monotonic() + STOP_SECONDS
            with contextlib.suppress(ProcessLookupError, TypeError):
                os.kill(pid, sign)
                while time.monotonic() < deadline:
                    os.kill(pid, 0)
                    with contextlib.suppress(ChildProcessError):
                        os.waitpid(pid, os.WNOHANG)
                    time.sleep(0.1)
                continue
            return

    def call(self, *arguments):
        """What rabbitmqctl says."""
        called = subprocess.run(
            [*self.command(CTL), "--quiet", *arguments], cwd=self.folder, stdin=subprocess.DEVNULL,
            capture_output=True, text=True)
        if called.returncode != 0:
            raise ChildProcessError(f"rabbitmqctl {arguments[0]}: {called.stderr}")
        return called.stdout


def make_certificates(folder):
    """Somebody who signs, and a server's certificate by them for localhost."""
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Weir tests", "-days", "2")
    (folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    openssl("req", *key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
            "-out", "server.pem", "-days", "2", "-extfile", "names")
    (folder / "server.key").chmod(0o644)


@contextlib.contextmanager
def rabbitmq():
    """Yields a server that runs, and the variables that name it."""
    port, tls, distribution, mapper = (pair.free_port() for _ in range(4))
    user, password = "weir", secrets.token_hex(12)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-rabbitmq-"))
    folder.chmod(0o755)
    home = folder / "home"
    home.mkdir()
    if os.getuid() == 0:
        owner = pwd.getpwnam("rabbitmq")
        os.chown(home, owner.pw_uid, owner.pw_gid)
    make_certificates(folder)
    (folder / "rabbitmq.conf").write_text(f"""\
listeners.tcp.1 = 127.0.0.1:{port}
listeners.ssl.1 = 127.0.0.1:{tls}
ssl_options.certfile = {folder}/server.pem
ssl_options.keyfile = {folder}/server.key
ssl_options.verify = verify_none
default_user = {user}
default_pass = {password}
# The disk of a machine for tests may be nearly full.
disk_free_limit.absolute = 50MB
""")
    (folder / "plugins").write_text("[].\n")
    (folder / "environment").write_text("")
    (folder / "environment.json").write_text(json.dumps({
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "RABBITMQ_NODENAME": f"weir-{port}@localhost",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(distribution),
        "RABBITMQ_MNESIA_BASE": f"{home}/mnesia",
        "RABBITMQ_LOG_BASE": f"{home}/log",
        "RABBITMQ_PID_FILE": f"{home}/pid",
        "RABBITMQ_CONFIG_FILE": f"{folder}/rabbitmq.conf",
        "RABBITMQ_CONF_ENV_FILE": f"{folder}/environment",
        "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/plugins",
        # A port mapper of our own, on loopback.
        "ERL_EPMD_PORT": str(mapper),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_MAX_PORTS": "4096",
    }))
    server = Server(folder)
    this = f"{shlex.quote(sys.executable)} {shlex.quote(os.path.abspath(__file__))}"
    try:
        server.start()
        yield server, {
            "WEIR_TEST_AMQP": f"amqp://{user}:{password}@127.0.0.1:{port}/%2F",
            "WEIR_TEST_AMQPS": f"amqps://{user}:{password}@localhost:{tls}/%2F",
            "WEIR_TEST_AMQP_CA": f"{folder}/ca.pem",
            "WEIR_TEST_AMQP_START": f"{this} --start {folder}",
            "WEIR_TEST_AMQP_STOP": f"{this} --stop {folder}",
            "WEIR_TEST_AMQP_CTL": f"{this} --ctl {folder}",
        }
    finally:
        server.stop()
        subprocess.run(["epmd", "-port", str(mapper), "-kill"], capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


def main(*command):
    match command:
        case ["--start", folder]:
            return Server(folder).start()
        case ["--stop", folder]:
            return Server(folder).stop()
        case ["--ctl", folder, *arguments]:
            return sys.stdout.write(Server(folder).call(*arguments))
    # So that the server ends with a stage that is stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with rabbitmq() as (_, environment):
        status = subprocess.run(command, env={**os.environ, **environment}).returncode
    sys.exit(status)


if __name__ == "__main__":
    main(*sys.argv[1:])
