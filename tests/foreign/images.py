"""Carries out a Dockerfile's steps without a container engine.

Each stage becomes overlay layers over this machine's own root, which stands in
for every base image: it must be of the same distribution and hold the same
toolchain. Needs root and a private mount namespace (see `private_mounts`).

    images.py STAGE CARGO_TARGET    builds a stage; what cargo builds stays in CARGO_TARGET
"""

import copy
import dataclasses
import fnmatch
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile

PRIVATE = "WEIR_PRIVATE_MOUNTS"
PROJECT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = pathlib.Path(tempfile.gettempdir()) / "weir-images"


def private_mounts():
    """Starts this program again where its mounts die with it, and mounts a tmpfs:
    an overlay's layers must not lie inside the root that it covers."""
    if PRIVATE not in os.environ:
        os.environ[PRIVATE] = "1"
        os.execvp("unshare", ["unshare", "--mount", sys.executable, *sys.argv])
    FOLDER.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "weir-images", FOLDER], check=True)


@dataclasses.dataclass
class Image:
    layers: list = dataclasses.field(default_factory=list)  # lowest first
    env: dict = dataclasses.field(default_factory=dict)
    workdir: str = "/"
    user: str = "0:0"
    entrypoint: list = dataclasses.field(default_factory=list)
    command: list = dataclasses.field(default_factory=list)
    healthcheck: list = dataclasses.field(default_factory=list)


def instructions(text):
    """Pairs of an instruction and its argument, continued lines joined."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        if line.strip():
            name, argument = line.strip().split(maxsplit=1)
            yield name.upper(), argument


def mount_script(layers, upper, work, root):
    lower = ":".join([*map(str, reversed(layers)), "/"])
    return (f"mkdir -p {upper} {work} {root}; "
            f"mount -t overlay overlay -o lowerdir={lower},upperdir={upper},workdir={work} {root}; "
            f"mount --rbind /proc {root}/proc; mount --rbind /dev {root}/dev; ")


class Builder:
    """Of this project's images."""

    def __init__(self, cargo_target):
        self.context = PROJECT
        self.cargo_target = cargo_target
        self.n_layers = 0
        self.built = {}
        self.stages = {}  # by name: the base's name and the steps
        for name, argument in instructions((PROJECT / "Dockerfile").read_text()):
            if name == "FROM":
                base, _, stage = argument.split()
                self.stages[stage] = (base, [])
            else:
                self.stages[stage][1].append((name, argument))

    def build(self, stage):
        """The image of a stage; a base that is no stage is this machine's root."""
        if stage not in self.stages:
            return Image()
        if stage not in self.built:
            base, steps = self.stages[stage]
            image = copy.deepcopy(self.build(base))
            for name, argument in steps:
                print(f"[{stage}] {name} {argument}", flush=True)
                getattr(self, name.lower())(image, argument)
            self.built[stage] = image
        return self.built[stage]

    def new_layer(self):
        self.n_layers += 1
        layer = FOLDER / f"layer{self.n_layers}"
        layer.mkdir()
        return layer

    def inside(self, image, layer, script):
        """Runs a script with the image's root at $ROOT, its changes kept in the layer."""
        root, work = FOLDER / "root", FOLDER / f"work{self.n_layers}"
        mounts = mount_script(image.layers, layer, work, root)
        subprocess.run(["unshare", "--mount", "bash", "-euc", mounts + script], check=True,
                       env={**os.environ, **image.env, "ROOT": str(root)}, stdin=subprocess.DEVNULL)
        image.layers.append(layer)

    def workdir(self, image, argument):
        image.workdir = argument
        self.inside(image, self.new_layer(), f"mkdir -p $ROOT{argument}")

    def run(self, image, argument):
        target = f"$ROOT{image.workdir}/target"
        cache = f"mkdir -p {target} && mount --bind {self.cargo_target} {target}; "
        enter = f"exec env --unset=CARGO_TARGET_DIR chroot $ROOT sh -c {shlex.quote(f'cd {image.workdir} && {argument}')}"
        self.inside(image, self.new_layer(), (cache if "cargo " in argument else "") + enter)

    def copy(self, image, argument):
        *sources, destination = argument.split()
        layer = self.new_layer()
        if sources[0].startswith("--from="):
            stage = self.build(sources.pop(0).removeprefix("--from="))
            found = [self.find(stage, source) for source in sources]
            into = layer / destination.lstrip("/")
            (into if destination.endswith("/") else into.parent).mkdir(parents=True, exist_ok=True)
            subprocess.run(["cp", "-a", *found, into], check=True)
        else:
            assert sources == ["."] and destination == ".", argument
            self.copy_context(layer / image.workdir.lstrip("/"))
        image.layers.append(layer)

    def find(self, stage, path):
        return next(layer / path.lstrip("/") for layer in reversed(stage.layers)
                    if (layer / path.lstrip("/")).exists())

    def copy_context(self, into):
        ignored = (self.context / ".dockerignore").read_text().split()
        listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"],
                                cwd=self.context, check=True, capture_output=True, text=True).stdout
        into.mkdir(parents=True)
        kept = [path for path in listed.splitlines() if (self.context / path).is_file()
                and not any(fnmatch.fnmatch(path, pattern) or path.startswith(f"{pattern}/") for pattern in ignored)]
        subprocess.run(["cp", "-a", "--parents", *kept, into], cwd=self.context, check=True)
        # A folder's time too, which cp leaves as new: cargo would build again.
        for folder in {parent for path in kept for parent in pathlib.PurePath(path).parents}:
            shutil.copystat(self.context / folder, into / folder)

    def env(self, image, argument):
        image.env.update(pair.split("=", 1) for pair in shlex.split(argument))

    def user(self, image, argument):
        image.user = argument

    def expose(self, image, argument):
        assert argument.isdigit(), argument

    def healthcheck(self, image, argument):
        image.healthcheck = json.loads(argument.split("CMD ", 1)[1])

    def entrypoint(self, image, argument):
        image.entrypoint = json.loads(argument)


def main(stage, cargo_target):
    private_mounts()
    Builder(cargo_target).build(stage)


if __name__ == "__main__":
    main(*sys.argv[1:])
