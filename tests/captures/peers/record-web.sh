# HTTP, TLS and QUIC. Sourced by record.sh.

record_http() {
    web
    capture http.pcap -i c0
    get() { client curl -sS -A weir-recorder/1 "$@" >/dev/null; }
    # Keep-alive: four transactions on one connection.
    get -H 'Host: keepalive.weir.test' http://$S4/{,numbers.txt,missing,list/}
    get -H 'Host: zipped.weir.test' --compressed http://$S4/zipped/numbers.txt
    get -H 'Host: head.weir.test' -I http://$S4/numbers.txt
    get -H 'Host: form.weir.test' -d 'name=weir&kind=form' http://$S4/form
    get -H 'Host: chunked.weir.test' -H 'Transfer-Encoding: chunked' --data-binary "@$WORK/www/numbers.txt" \
        -e http://form.weir.test/ http://$S4/form
    get -H 'Host: moved.weir.test' -L http://$S4/moved
    get -H 'Host: old.weir.test' -0 http://$S4/
    get -H 'Host: newer.weir.test' -z "$WORK/www/index.html" http://$S4/
    get -H 'Host: port.weir.test:8080' http://$S4:8080/
    get -H 'Host: six.weir.test' "http://[$S6]/"
    # Pipelining: three requests before the first answer.
    printf 'GET %s HTTP/1.1\r\nHost: pipelined.weir.test\r\n%s\r\n' / '' /numbers.txt '' / $'Connection: close\r\n' |
        client nc $S4 80 >/dev/null
    captured
}

record_web_snapped() {
    web
    capture http-snaplen-96.pcap -i c0 -s 96
    client curl -sS -o /dev/null -H 'Host: snapped.weir.test' http://$S4/numbers.txt
    captured
}

record_tls() {
    certificate
    local identity=(-cert "$WORK/cert.pem" -key "$WORK/key.pem" -quiet -www)
    start "" $SERVER openssl s_server -accept 443 "${identity[@]}" -alpn h2,http/1.1
    start "" $SERVER openssl s_server -accept 8443 "${identity[@]}" -tls1_3
    until server ss -ltn | grep -q :8443; do sleep 0.05; done
    until server ss -ltn | grep -q :443; do sleep 0.05; done
    hello() { client openssl s_client -connect "$@" </dev/null >>"$WORK/s_client.log" 2>&1; }
    capture tls.pcap -i c0
    hello $S4:443 -servername tls13.weir.test -alpn h2,http/1.1 -tls1_3
    hello $S4:443 -servername tls12.weir.test -alpn http/1.1 -tls1_2
    hello $S4:443 -noservername -tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256
    hello $S4:443 -servername resumed.weir.test -tls1_2 -sess_out "$WORK/session"
    hello $S4:443 -servername resumed.weir.test -tls1_2 -sess_in "$WORK/session"
    hello "[$S6]:443" -servername six.weir.test
    hello $S4:8443 -servername port8443.weir.test
    hello $S4:8443 -servername refused.weir.test -tls1_2 || true # fatal alert: protocol_version
    # A ClientHello in several segments: the server's SYN+ACK asks for small ones.
    server ip route replace $C4 dev s0 advmss 128
    hello $S4:443 -servername a-rather-long-name-that-spans-segments.weir.test
    captured
    # The same connections by a capture that began too late for their SYNs.
    tshark -r tls.pcap -Y 'tcp and not tcp.flags.syn == 1' -F pcap -w tls-midstream.pcap
}

record_quic() {
    certificate
    start ready $SERVER "$PYTHON" peers/quic.py serve "$WORK/cert.pem" "$WORK/key.pem" $S4
    capture quic.pcap -i c0
    client "$PYTHON" peers/quic.py ask $S4 quic.weir.test
    captured
}
