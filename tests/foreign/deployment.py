"""The deployment, checked without a container engine.

The image's steps are carried out (images.py). Each container of the compose
file, as compose-go reads it, then runs as a process tree of its own: network,
process and mount namespaces, its image's root, user and environment, its
volumes, no capabilities, a read-only root where the file says so, process id 1.
Jaeger's image is its program built from source.
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import images
import pair
from images import FOLDER, PROJECT

NETWORK = "weir-net"  # the namespace of the bridge and of the caller
SUBNET = "172.30.73"
CALLER = f"{SUBNET}.1"
CAPTURE = PROJECT / "tests" / "captures" / "http.pcap"


def run(*command, **options):
    return subprocess.run(command, check=True, stdin=subprocess.DEVNULL, **options)


def output(*command):
    return run(*command, capture_output=True, text=True).stdout


class Container:
    def __init__(self, name, service, image, number):
        self.name, self.service, self.image = name, service, image
        self.namespace, self.address = f"weir-{name}", f"{SUBNET}.{number}"
        self.base = FOLDER / f"container-{name}"
        self.base.mkdir()
        self.process = None

    def plug_in(self):
        run("ip", "netns", "add", self.namespace)
        run("ip", "link", "add", "eth0", "netns", self.namespace, "type", "veth",
            "peer", "name", self.namespace, "netns", NETWORK)
        run("ip", "-n", NETWORK, "link", "set", self.namespace, "master", "br0", "up")
        run("ip", "-n", self.namespace, "address", "add", f"{self.address}/24", "dev", "eth0")
        run("ip", "-n", self.namespace, "link", "set", "eth0", "up")
        run("ip", "-n", self.namespace, "link", "set", "lo", "up")

    def volumes(self, root):
        for volume in self.service.get("volumes", []):
            source, target = FOLDER / f"volume-{volume['source']}", root / volume["target"].lstrip("/")
            if not source.exists():  # a new volume takes what the image has there
                yield f"cp -a {target} {source}"
            yield f"mount --bind {source} {target}"
            if volume.get("read_only"):
                yield f"mount -o remount,bind,ro {target}"

    def environment(self):
        return {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", **self.image.env, **self.service.get("environment", {})}

    def as_user(self, command):
        user, _, group = self.image.user.partition(":")
        limits = ["--bounding-set=-all", "--inh-caps=-all"] if self.service.get("cap_drop") == ["ALL"] else []
        new = ["--no-new-privs"] if "no-new-privileges:true" in self.service.get("security_opt", []) else []
        return ["setpriv", f"--reuid={user}", f"--regid={group or user}", "--clear-groups", *limits, *new, *command]

    def start(self, hosts):
        root = self.base / "root"
        (self.base / "etc").mkdir(parents=True, exist_ok=True)
        (self.base / "layer" / "etc").mkdir(parents=True, exist_ok=True)
        (self.base / "layer" / "etc" / "hosts").write_text(hosts)
        script = ["set -eu", images.mount_script(
            [*self.image.layers, self.base / "layer"], self.base / "upper", self.base / "work", root)]
        script += self.volumes(root)
        script.append(f"mount -t proc proc {root}/proc")
        if self.service.get("read_only"):
            script.append(f"mount -o remount,bind,ro {root}")
        script.append(f'exec chroot {root} "$@"')
        command = self.as_user([*self.image.entrypoint, *(self.service.get("command") or self.image.command)])
        self.log = open(self.base / "log", "ab")
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", self.namespace, "unshare", "--mount", "--pid", "--fork", "--kill-child",
             "bash", "-c", "\n".join(script), "bash", *command],
            env=self.environment(), stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def first_process(self):
        """Process 1 of the container, by its number out here."""
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        pair.wait_until(children.read_text, f"the first process of {self.name}")
        return children.read_text().split()[0]

    def inside(self, command):
        return subprocess.run(
            ["nsenter", f"--target={self.first_process()}", "--net", "--pid", "--mount", "--root", *command],
            env=self.environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True)

    def healthy(self):
        if self.process.poll() is not None:
            sys.exit(f"{self.name} ended with {self.process.returncode}:\n{self.logged()}")
        return self.inside(self.as_user(self.image.healthcheck)).returncode == 0

    def stop(self):
        """SIGTERM, as an engine sends it; what is not over in the grace time has failed."""
        grace = int(self.service["stop_grace_period"].removesuffix("s"))
        begun = time.monotonic()
        os.kill(int(self.first_process()), signal.SIGTERM)
        status = self.process.wait(grace)
        assert status == 0, f"{self.name} answered SIGTERM with {status}:\n{self.logged()}"
        print(f"{self.name}: SIGTERM, exit status 0 after {time.monotonic() - begun:.1f} s")

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        subprocess.run(["ip", "netns", "del", self.namespace], stderr=subprocess.DEVNULL)

    def logged(self):
        return (self.base / "log").read_text(errors="replace")[-3000:]


def make_network():
    run("ip", "netns", "add", NETWORK)
    run("ip", "-n", NETWORK, "link", "add", "br0", "type", "bridge")
    run("ip", "-n", NETWORK, "address", "add", f"{CALLER}/24", "dev", "br0")
    run("ip", "-n", NETWORK, "link", "set", "br0", "up")
    run("ip", "-n", NETWORK, "link", "set", "lo", "up")


def check_programs(images_by_target):
    """The runtime image holds glibc and libgcc, nothing more."""
    for image in images_by_target.values():
        for program in (image.layers[-1] / "usr/local/bin").iterdir():
            needed = {line.split()[0].split(".")[0].rsplit("/")[-1] for line in output("ldd", program).splitlines()}
            allowed = {"linux-vdso", "libgcc_s", "libc", "libm", "libdl", "libpthread", "librt", "ld-linux-x86-64"}
            assert needed <= allowed, f"{program.name} needs {needed - allowed}"


def check_arrangement(containers):
    ingest, analyzer = containers["ingest"], containers["analyzer"]
    for container in (ingest, analyzer):
        status = pathlib.Path(f"/proc/{container.first_process()}/status").read_text()
        assert "\nUid:\t10001\t10001\t" in status and "\nCapBnd:\t0000000000000000\n" in status, status
    store = "/var/lib/weir/store"
    for container, path in ((analyzer, store), (analyzer, "/usr"), (ingest, "/usr")):
        assert container.inside(["touch", f"{path}/probe"]).returncode != 0, f"{container.name} wrote {path}"
    as_caller = ["ip", "netns", "exec", NETWORK]
    weir = ingest.image.layers[-1] / "usr/local/bin/weir"
    endpoint = ["--endpoint", f"http://{ingest.address}:7301"]
    lines = output(*as_caller, weir, "analyze", *endpoint, "--format", "json", CAPTURE).splitlines()
    assert json.loads(lines[-1])["summary"]["verdict"] == "VERDICT_COMPLETE", lines[-1]
    ingest.stop()
    ingest.start(hosts(containers))
    pair.wait_until(ingest.healthy, "ingest after its restart")
    assert CAPTURE.name in output(*as_caller, weir, "captures", *endpoint), "the capture outlives a restart"

    def traced():
        url = f"http://{containers['jaeger'].address}:16686/api/services"
        seen = output(*as_caller, "curl", "-sS", url)
        return {"ingest-service", "analyzer-service"} <= set(json.loads(seen)["data"] or [])
    pair.wait_until(traced, "the trace of both services in Jaeger")


def hosts(containers):
    return "127.0.0.1 localhost\n" + "".join(f"{other.address} {other.name}\n" for other in containers.values())


def main(compose_go, jaeger, cargo_target):
    images.private_mounts()
    model = json.loads(output(compose_go, "--format", "json", PROJECT / "docker-compose.yml"))
    # Those of a profile are not started by default.
    model["services"] = {name: service for name, service in model["services"].items() if not service.get("profiles")}
    builder = images.Builder(cargo_target)
    built = {name: builder.build(service["build"]["target"])
             for name, service in model["services"].items() if "build" in service}
    check_programs(built)
    built["jaeger"] = images.Image(entrypoint=[os.path.abspath(jaeger)])
    containers = {}
    try:
        make_network()
        for number, (name, service) in enumerate(model["services"].items(), 10):
            containers[name] = Container(name, service, built[name], number)
            containers[name].plug_in()
        for name in ("jaeger", "analyzer", "ingest"):
            container = containers[name]
            for other, wanted in container.service.get("depends_on", {}).items():
                assert wanted["condition"] == "service_healthy"
                assert containers[other].healthy(), f"{name} starts after {other}"
            container.start(hosts(containers))
            if container.image.healthcheck:
                pair.wait_until(container.healthy, name)
        check_arrangement(containers)
        containers["ingest"].stop()
        containers["analyzer"].stop()
    except BaseException:
        for container in containers.values():
            print(f"--- {container.name}\n{container.logged() if container.process else 'not started'}", file=sys.stderr)
        raise
    finally:
        for container in containers.values():
            container.kill()
        subprocess.run(["ip", "netns", "del", NETWORK], stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    main(*sys.argv[1:])
