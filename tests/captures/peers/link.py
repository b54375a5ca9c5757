"""A link between a TAP device and an Ethernet device, for kernels without
VLAN or packet-loss modules.

Frames that leave the TAP device get the tags given with --tag, outermost
first, and those that arrive lose them. --drop-every and --swap-every make the
link lossy or reorder it, in the direction towards the TAP device.

    link.py TAP DEVICE [--tag 8021ad:100 --tag 8021q:10] [--drop-every N] [--swap-every N]
"""

import argparse
import errno
import fcntl
import select
import socket
import struct

TUNSETIFF = 0x400454CA
IFF_TAP = 0x0002
IFF_NO_PI = 0x1000
SOL_PACKET = 263
PACKET_AUXDATA = 8
# struct tpacket_auxdata: the kernel strips the outermost tag into it.
AUXDATA = struct.Struct("IIIHHHH")
TP_STATUS_VLAN_VALID = 1 << 4
PACKET_OUTGOING = 4
ETH_P_ALL = 0x0003
ETHERTYPES = {"8021q": 0x8100, "8021ad": 0x88A8}
ADDRESSES_LEN = 12
TAG_LEN = 4


def open_tap(name):
    tap = open("/dev/net/tun", "r+b", buffering=0)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TAP | IFF_NO_PI))
    return tap


def open_device(name):
    device = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    device.bind((name, ETH_P_ALL))
    device.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    return device


def parse_tag(text):
    kind, vlan_id = text.split(":")
    return struct.pack("!HH", ETHERTYPES[kind], int(vlan_id))


def receive(device, n_tags):
    """One arriving frame without its tags, or None for one of our own."""
    frame, controls, _, address = device.recvmsg(65536, 256)
    if address[2] == PACKET_OUTGOING:
        return None
    for level, kind, data in controls:
        if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
            status = AUXDATA.unpack(data[: AUXDATA.size])[0]
            n_tags -= bool(status & TP_STATUS_VLAN_VALID)
    return frame[:ADDRESSES_LEN] + frame[ADDRESSES_LEN + TAG_LEN * max(n_tags, 0) :]


def deliver(tap, frame):
    try:
        tap.write(frame)
    except OSError as error:
        if error.errno != errno.EIO:  # the device is not up yet
            raise


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tap")
    parser.add_argument("device")
    parser.add_argument("--tag", type=parse_tag, action="append", default=[])
    parser.add_argument("--drop-every", type=int, default=0)
    parser.add_argument("--swap-every", type=int, default=0)
    args = parser.parse_args()
    tap, device = open_tap(args.tap), open_device(args.device)
    print("ready", flush=True)
    n_frames, held = 0, None
    while True:
        readable, _, _ = select.select([tap, device], [], [])
        if tap in readable:
            frame = tap.read(65536)
            device.send(frame[:ADDRESSES_LEN] + b"".join(args.tag) + frame[ADDRESSES_LEN:])
        if device in readable:
            frame = receive(device, len(args.tag))
            if frame is None:
                continue
            n_frames += 1
            if args.drop_every and n_frames % args.drop_every == 0:
                continue
            if args.swap_every and n_frames % args.swap_every == 0 and held is None:
                held = frame
                continue
            deliver(tap, frame)
            if held is not None:
                deliver(tap, held)
                held = None


main()
