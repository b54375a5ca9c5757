# Name resolution. Sourced by record.sh.

record_dns() {
    names
    capture dns.pcap -i c0
    ask @$S4 www.weir.test A
    ask @$S4 www.weir.test AAAA
    ask @$S6 alias.weir.test A
    ask @$S4 weir.test MX
    ask @$S4 weir.test TXT
    ask @$S4 weir.test CAA
    ask @$S4 _weir._tcp.weir.test SRV
    ask @$S4 -x 192.0.2.80
    ask @$S4 nowhere.weir.test A        # NXDOMAIN
    ask @$S6 elsewhere.invalid AAAA     # REFUSED: no upstream
    ask @$S4 +noedns big.weir.test TXT  # truncated, then TCP
    ask @$S4 +tcp +keepopen www.weir.test A www.weir.test AAAA weir.test MX
    ask @$SILENT4 unanswered.weir.test A
    captured
}

record_llmnr() {
    start "Starting llmnrd" $SERVER stdbuf -oL llmnrd -H sensor-2 -i s0 -6
    capture llmnr.pcap -i c0 udp port 5355
    client llmnr-query -I c0 -T A sensor-2
    client llmnr-query -I c0 -T A nobody-home
    captured
}

record_mdns() {
    client ip route add 224.0.0.0/4 dev c0
    server ip route add 224.0.0.0/4 dev s0
    capture mdns.pcap -i c0 udp port 5353
    start ready $SERVER "$PYTHON" peers/mdns.py announce $S4
    client "$PYTHON" peers/mdns.py browse $C4
    captured
}
