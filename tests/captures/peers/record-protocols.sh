# Protocols beside the web's, and the web's newer ones. Sourced by record.sh.

record_http2() {
    mkdir -p "$WORK/www"
    seq 1 2000 >"$WORK/www/numbers.txt"
    echo hello >"$WORK/www/index.html"
    start "listen" $SERVER nghttpd -v --no-tls -d "$WORK/www" 8080
    # In front of it, since it knows no upgrade.
    start "" $SERVER nghttpx --frontend="$S4,8081;no-tls" --backend="127.0.0.1,8080;;proto=h2" \
        --conf=/dev/null --workers=1
    until server ss -ltn | grep -q :8081; do sleep 0.05; done
    capture http2.pcap -i c0
    # Three streams on one connection.
    client nghttp -n http://$S4:8080/ http://$S4:8080/numbers.txt http://$S4:8080/missing \
        -H 'user-agent: weir-recorder/1'
    client curl -sS -o /dev/null --http2-prior-knowledge -d 'name=weir' http://$S4:8080/index.html
    client curl -sS -o /dev/null --http2 -H 'Host: upgraded.weir.test' http://$S4:8081/numbers.txt
    captured
}

record_grpc() {
    start ready $SERVER "$PYTHON" peers/calls.py serve $S4
    capture grpc.pcap -i c0
    client "$PYTHON" peers/calls.py call $S4
    captured
}

record_quic_more() {
    certificate
    start ready $SERVER "$PYTHON" peers/quic.py serve "$WORK/cert.pem" "$WORK/key.pem" $S4 443
    start ready $SERVER "$PYTHON" peers/quic.py serve "$WORK/cert.pem" "$WORK/key.pem" $S4 8444 retry
    capture quic-versions.pcap -i c0
    client "$PYTHON" peers/quic.py ask $S4 version2.weir.test 443 version2
    client "$PYTHON" peers/quic.py ask $S4 retried.weir.test 8444
    # A ClientHello in several packets.
    client "$PYTHON" peers/quic.py ask $S4 long.weir.test 443 long
    captured
}

record_dhcp() {
    # A pool of its own, so that the client keeps the address that it is recorded by.
    start "started" $SERVER dnsmasq -d -C /dev/null --port=0 --user=root --pid-file= --interface=s0 \
        --dhcp-range=192.0.2.50,192.0.2.60,10m --dhcp-leasefile="$WORK/leases" --dhcp-authoritative
    capture dhcp.pcap -i c0 port 67 or port 68
    printf 'send host-name "weir-client";\n' >"$WORK/dhclient.conf"
    local options=(-sf /bin/true -cf "$WORK/dhclient.conf" -lf "$WORK/client.leases" -pf "$WORK/dhclient.pid")
    client dhclient -1 "${options[@]}" c0 2>/dev/null
    client dhclient -r "${options[@]}" c0 2>/dev/null
    captured
}

record_mail() {
    certificate
    start ready $SERVER "$PYTHON" peers/mail.py "$WORK/cert.pem" "$WORK/key.pem" $S4
    printf "listener 1883 %s\nallow_anonymous true\n" $S4 >"$WORK/mosquitto.conf"
    start "" $SERVER mosquitto -c "$WORK/mosquitto.conf"
    until server ss -ltn | grep -q :1883; do sleep 0.05; done
    capture mail-and-mqtt.pcap -i c0
    client openssl s_client -connect $S4:2500 -starttls smtp -servername mail.weir.test -tls1_2 \
        </dev/null >>"$WORK/s_client.log" 2>&1
    client mosquitto_pub -h $S4 -t weir -m hello -V 311
    captured
}
