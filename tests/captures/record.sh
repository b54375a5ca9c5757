#!/usr/bin/env bash
# Records this folder's captures with real clients and servers in two network
# namespaces joined by a veth pair, and writes expected.json with expect.py.
# Nothing leaves the machine. The captures are committed: run this only to add
# or replace one, as root, with the packages and requirements.txt of README.md.
#
#     record.sh            all of them
#     record.sh dns tls    those two
set -euo pipefail
cd "$(dirname "$0")"

readonly CLIENT=weir-client SERVER=weir-server      # namespaces
readonly C4=192.0.2.1 S4=192.0.2.2                  # RFC 5737
readonly C6=2001:db8::1 S6=2001:db8::2              # RFC 3849
readonly SILENT4=192.0.2.9                          # resolves, never answers
OUT=$PWD
PYTHON=${PYTHON:-python3}
WORK=$(mktemp -d)
STARTED=()

cleanup() {
    stop_all
    ip netns del $CLIENT 2>/dev/null || true
    ip netns del $SERVER 2>/dev/null || true
    rm -rf "$WORK"
}
trap cleanup EXIT

client() { ip netns exec $CLIENT "$@"; }
server() { ip netns exec $SERVER "$@"; }

stop_all() {
    local pid
    for pid in "${STARTED[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${STARTED[@]}"; do wait "$pid" 2>/dev/null || true; done
    STARTED=()
}

# until_line FILE TEXT: waits until a started program has said TEXT, if any.
until_line() {
    local tries
    [ -n "$2" ] || return 0
    for tries in $(seq 200); do
        grep -qF -- "$2" "$1" 2>/dev/null && return
        sleep 0.05
    done
    echo "no '$2' after $tries tries:" >&2
    cat "$1" >&2
    return 1
}

# start READY NAMESPACE COMMAND…: leaves it running once it has printed READY.
start() {
    local ready=$1 namespace=$2 log="$WORK/log.${#STARTED[@]}"
    shift 2
    : >"$log"
    # Not through client or server: its process id must be the command's own.
    ip netns exec "$namespace" "$@" >"$log" 2>&1 </dev/null &
    STARTED+=($!)
    until_line "$log" "$ready"
}

# capture NAME TCPDUMP-OPTIONS…, then traffic, then captured.
capture() {
    local name=$1 log="$WORK/tcpdump.log"
    shift
    : >"$log"
    ip netns exec "${CAPTURE_IN:-$CLIENT}" \
        tcpdump -Z root --immediate-mode -U -w "$OUT/$name" "$@" >/dev/null 2>"$log" </dev/null &
    CAPTURING=$!
    until_line "$log" "listening on"
}

captured() {
    sleep 0.3 # the last packets are on their way
    kill -INT $CAPTURING
    wait $CAPTURING
    stop_all
}

network() {
    ip netns add $CLIENT
    ip netns add $SERVER
    ip link add c0 netns $CLIENT address 02:00:00:00:00:01 type veth \
        peer name s0 netns $SERVER address 02:00:00:00:00:02
    client ip address add $C4/24 dev c0
    client ip address add $C6/64 dev c0 nodad
    server ip address add $S4/24 dev s0
    server ip address add $S6/64 dev s0 nodad
    local side
    for side in client server; do
        $side ip link set lo up
        # Real checksums instead of those left to the hardware.
        $side ethtool -K ${side:0:1}0 tx off tso off gso off gro off >/dev/null
        $side ip link set ${side:0:1}0 up
    done
    # The link is up once both ends answer; then they forget each other again,
    # so that captures show ARP and neighbour discovery.
    client ping -q -c 1 -w 5 $S4 >/dev/null
    client ping -q -c 1 -w 5 $S6 >/dev/null
    client ip neighbour flush dev c0
    server ip neighbour flush dev s0
    client ip neighbour add $SILENT4 lladdr 02:00:00:00:00:09 dev c0
}

certificate() {
    [ -e "$WORK/key.pem" ] || openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=weir.test \
        -addext "subjectAltName=DNS:*.weir.test" -keyout "$WORK/key.pem" -out "$WORK/cert.pem" 2>/dev/null
}

# tap_pair LINK-OPTIONS…: 198.51.100.0/24 over links that tag, lose or reorder.
# Both ends tag alike; only the client's end loses and reorders.
tap_pair() {
    local option tags=()
    for option in "$@"; do [[ $option != --tag=* ]] || tags+=("$option"); done
    start ready $CLIENT "$PYTHON" peers/link.py c1 c0 "$@"
    start ready $SERVER "$PYTHON" peers/link.py s1 s0 "${tags[@]}"
    client ip address add 198.51.100.1/24 dev c1
    server ip address add 198.51.100.2/24 dev s1
    client ip link set c1 address 02:00:00:00:01:01 up
    server ip link set s1 address 02:00:00:00:01:02 up
}

web() {
    mkdir -p "$WORK/www/list" "$WORK/nginx"
    echo '<!doctype html><title>weir</title><p>hello' >"$WORK/www/index.html"
    seq 1 9000 >"$WORK/www/numbers.txt"
    touch "$WORK/www/list/"{a,b,c}
    cat >"$WORK/nginx.conf" <<CONF
daemon off; user root; worker_processes 1; pid $WORK/nginx/pid; error_log stderr notice;
events { worker_connections 64; }
http {
    access_log off; absolute_redirect off; types { text/html html; text/plain txt; }
    client_body_temp_path $WORK/nginx/body; proxy_temp_path $WORK/nginx/proxy;
    fastcgi_temp_path $WORK/nginx/fcgi; uwsgi_temp_path $WORK/nginx/uwsgi; scgi_temp_path $WORK/nginx/scgi;
    server {
        listen 80; listen [::]:80; listen 8080; root $WORK/www;
        location /list/ { autoindex on; }
        location /zipped/ { alias $WORK/www/; gzip on; gzip_min_length 0; gzip_types text/plain; }
        location /form { error_page 405 =200 \$uri; root $WORK/www; proxy_pass http://127.0.0.1:8081; }
        location /moved { return 301 /; }
    }
    server { listen 127.0.0.1:8081; location / { return 200 "taken\n"; } }
}
CONF
    start "start worker process" $SERVER nginx -c "$WORK/nginx.conf" -p "$WORK/nginx" -e stderr
}

names() {
    local big
    big=$(printf "%s%0180d," $(for i in $(seq 14); do echo "part$i-" "$i"; done))
    start "started" $SERVER dnsmasq -d -C /dev/null --no-resolv --no-hosts --user=root --pid-file= \
        --listen-address=$S4,$S6 --bind-interfaces --local=/weir.test/ --edns-packet-max=4096 \
        --host-record=www.weir.test,192.0.2.80,2001:db8::80 --cname=alias.weir.test,www.weir.test \
        --mx-host=weir.test,mail.weir.test,10 --mx-host=weir.test,mail2.weir.test,20 \
        --txt-record=weir.test,"v=spf1 mx -all" --txt-record=big.weir.test,"${big%,}" \
        --srv-host=_weir._tcp.weir.test,www.weir.test,7301,0,5 --caa-record=weir.test,0,issue,ca.weir.test \
        --ptr-record=80.2.0.192.in-addr.arpa,www.weir.test
}

ask() { client dig +tries=1 +time=1 "$@" >>"$WORK/dig.log" || [ $? = 9 ]; } # 9: no answer

for part in peers/record-*.sh; do
    # shellcheck source=/dev/null
    . "$part"
done

main() {
    local all=(dns llmnr mdns http web_snapped tls quic ssh icmp extension_headers vlan lossy
        fragments tcp_ends scan sctp two_interfaces cooked http2 grpc quic_more dhcp mail) name
    for name in "${@:-${all[@]}}"; do
        network
        echo "recording $name"
        "record_$name"
        ip netns del $CLIENT
        ip netns del $SERVER
    done
    "$PYTHON" expect.py
}
main "$@"
