# The layers below applications, and kinds of capture files. Sourced by record.sh.

record_ssh() {
    ssh-keygen -q -t ed25519 -N '' -f "$WORK/host" && ssh-keygen -q -t ed25519 -N '' -f "$WORK/user"
    cp "$WORK/user.pub" "$WORK/authorized"
    mkdir -p /run/sshd
    start "Server listening on 0.0.0.0" $SERVER "$(command -v sshd)" -D -e -f /dev/null -h "$WORK/host" \
        -o PidFile=none -o UsePAM=no -o StrictModes=no -o AuthorizedKeysFile="$WORK/authorized"
    capture ssh.pcap -i c0
    client ssh -F /dev/null -i "$WORK/user" -o BatchMode=yes -o StrictHostKeyChecking=no \
        -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR "root@$S4" true
    captured
}

record_icmp() {
    capture icmp.pcap -i c0
    client ping -q -c 3 -i 0.2 $S4 >/dev/null
    client ping -q -c 3 -i 0.2 $S6 >/dev/null
    client ping -q -c 2 -i 0.2 -W 1 $SILENT4 >/dev/null || true # never answered
    echo closed | client nc -u -w 1 $S4 9 || true               # port unreachable
    echo closed | client nc -u -w 1 $S6 9 || true
    captured
}

record_extension_headers() {
    capture ipv6-extension-headers.pcap -i c0
    client "$PYTHON" peers/sockets.py options $S6
    captured
}

record_vlan() {
    web
    capture vlan.pcap -i c0
    local tags
    for tags in "8021q:10" "8021ad:100 8021q:10" "8021ad:100 8021q:11"; do
        # shellcheck disable=SC2086
        set -- $tags
        local first=${#STARTED[@]}
        tap_pair "${@/#/--tag=}"
        client ping -q -c 1 198.51.100.2 >/dev/null
        client "$PYTHON" peers/sockets.py reset 198.51.100.2 "${1/:/-}.vlan.weir.test"
        kill "${STARTED[@]:first}"
        wait "${STARTED[@]:first}" || true
        STARTED=("${STARTED[@]:0:first}")
    done
    captured
}

record_lossy() {
    web
    tap_pair --drop-every=9 --swap-every=14
    capture tcp-loss-and-reordering.pcap -i c1
    client curl -sS -o /dev/null -H 'Host: lossy.weir.test' http://198.51.100.2/numbers.txt
    captured
}

record_fragments() {
    names
    capture fragments.pcap -i c0
    client ping -q -c 2 -i 0.2 -s 4000 $S4 >/dev/null
    client ping -q -c 2 -i 0.2 -s 4000 $S6 >/dev/null
    ask @$S4 +bufsize=4096 big.weir.test TXT
    ask @$S6 +bufsize=4096 big.weir.test TXT
    captured
}

record_tcp_ends() {
    web
    capture tcp-ends.pcap -i c0
    client curl -sS -o /dev/null -H 'Host: fin.weir.test' http://$S4/
    client "$PYTHON" peers/sockets.py reset $S4 reset.weir.test
    client "$PYTHON" peers/sockets.py reset $S4 same-ports.weir.test
    client "$PYTHON" peers/sockets.py unanswered $SILENT4
    client nc -z $S4 81 || true # refused
    captured
}

record_scan() {
    web
    capture scan.pcap -i c0
    client nmap -n -Pn -sS -p 1-200 --max-retries 0 -T4 $S4 >/dev/null
    captured
}

record_sctp() {
    start "" $SERVER /usr/lib/usrsctp/daytime_server
    sleep 1 # it says nothing and listens on no socket that ss shows
    capture sctp.pcap -i c0
    client timeout 5 /usr/lib/usrsctp/client $S4 13 >/dev/null </dev/null || true
    captured
}

record_two_interfaces() {
    start "starting data transfer loop" $SERVER socat -d -d TUN:198.51.100.2/24,tun-name=t1,iff-up UDP4-DATAGRAM:$C4:5555,bind=:5555
    start "starting data transfer loop" $CLIENT socat -d -d TUN:198.51.100.1/24,tun-name=t0,iff-up UDP4-DATAGRAM:$S4:5555,bind=:5555
    capture raw-ip-nanosecond.pcap -i t0 --time-stamp-precision=nano
    start "File:" $CLIENT dumpcap -q -i c0 -i t0 -w "$WORK/two.pcapng"
    client ping -q -c 3 -i 0.2 198.51.100.2 >/dev/null
    client ping -q -c 3 -i 0.2 $S6 >/dev/null
    captured
    install -m 644 "$WORK/two.pcapng" two-interfaces.pcapng
}

record_cooked() {
    names
    local version
    for version in SLL SLL2; do
        capture cooked-${version,,}.pcap -i any -y LINUX_$version
        client ping -q -c 1 127.0.0.1 >/dev/null
        client ping -q -c 1 $S4 >/dev/null
        ask @$S4 www.weir.test A
        sleep 0.3
        kill -INT $CAPTURING
        wait $CAPTURING
    done
    stop_all
}
