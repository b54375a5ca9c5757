"""Runs the console blocks of one section of a Markdown file and compares what they print.

    readme_commands.py FILE HEADING

A block's lines that start with `$ ` are commands (continued by a trailing
backslash or an open quote); the lines below a command are its output, where `…`
stands for anything, over several lines when it is alone on its line. A command
whose output begins with `ERROR:` must fail, every other must not. The commands
run in order in one shell. Ports 7301 and 7302 become those of
INGEST_ADDRESS and ANALYZER_ADDRESS.
"""

import os
import pathlib
import re
import subprocess
import sys

END = "--- end of command, status"


def section(text, heading):
    match = re.search(rf"^(#+) {re.escape(heading)}\n(.*?)(?=^\1 |\Z)", text, re.M | re.S)
    if not match:
        sys.exit(f"no section '{heading}'")
    return match[2]


def steps(text):
    """Pairs of a command and the output that the section shows."""
    for block in re.findall(r"^```console\n(.*?)^```$", text, re.M | re.S):
        for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
            lines = part.splitlines()
            n_lines = next(n for n in range(1, len(lines) + 1) if is_whole("\n".join(lines[:n])))
            yield "\n".join(lines[:n_lines]), lines[n_lines:]


def is_whole(command):
    checked = subprocess.run(["bash", "-n"], input=command, text=True, capture_output=True)
    return not command.endswith("\\") and checked.returncode == 0 and not checked.stderr


def pattern(lines):
    parts = ["(?:.*\n)*?" if line.strip() == "…"
             else ".*".join(map(re.escape, line.split("…"))) + "\n" for line in lines]
    return "".join(parts)


def main(path, heading):
    found = list(steps(section(pathlib.Path(path).read_text(), heading)))
    if not found:
        sys.exit(f"no commands in '{heading}'")
    script = "".join(f"{command}\necho '{END}' $?\n" for command, _ in found)
    for port, name in (("7301", "INGEST_ADDRESS"), ("7302", "ANALYZER_ADDRESS")):
        script = re.sub(rf"\b(localhost|127\.0\.0\.1):{port}\b", os.environ[name], script)
    ran = subprocess.run(["bash"], input=script, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    outputs = re.split(rf"^{END} (\d+)\n", ran.stdout, flags=re.M)
    failed = 0
    for (command, expected), output, status in zip(found, outputs[:-1:2], outputs[1::2], strict=True):
        fails = expected[:1] == ["ERROR:"]
        good = (status != "0") == fails and re.fullmatch(pattern(expected), output)
        print(f"{'ok' if good else 'DIFFERS'}: $ {command}")
        if not good:
            failed += 1
            print(f"status {status}, printed:\n{output}\nshown:\n" + "\n".join(expected))
    if failed:
        sys.exit(f"{failed} of {len(found)} commands differ")


if __name__ == "__main__":
    main(*sys.argv[1:])
