#!/bin/sh
# Sends this node's traffic for providers through Hushgate's transparent listener, and undoes it.
#
#   redirect.sh up [--to PORT] [--user NAME] [--ports 443,80] [--in INTERFACE] [--only ADDRESS,...]
#   redirect.sh down
#   redirect.sh show
#
# Everything is in one nftables table of its own: `up` puts it in place in one transaction (a second `up`
# replaces the first), `down` removes it. Needs root (CAP_NET_ADMIN) and nft. Nothing is kept over a reboot:
# the unit hushgate-redirect.service runs it.
set -eu

TABLE="inet hushgate_redirect"
to=8443 user=hushgate ports=443,80 in="" only=""

usage() {
    sed -n '2,11s/^# \{0,1\}//p' "$0" >&2
    exit 2
}

fail() {
    echo "redirect.sh: $1" >&2
    exit 1
}

# of KIND SIGNS OPTION VALUE: the value has no other sign; nothing else gets into the table.
of() {
    case $4 in
    "" | *[!$2]*) fail "$3: found '$4', expected $1" ;;
    esac
}

options() {
    while [ $# -gt 0 ]; do
        [ $# -ge 2 ] || usage
        case $1 in
        --to) of "port numbers" 0-9 "$1" "$2" && to=$2 ;;
        --user) user=$2 ;;
        --ports) of "port numbers" 0-9, "$1" "$2" && ports=$2 ;;
        --in) of "an interface" A-Za-z0-9_.- "$1" "$2" && in=$2 ;;
        --only) of addresses 0-9a-fA-F:.,/ "$1" "$2" && only=$2 ;;
        *) usage ;;
        esac
        shift 2
    done
}

# Of "10.0.0.1,2001:db8::1" the addresses with a colon (6) or those without (4).
family() {
    found=""
    for address in $(echo "$only" | tr ',' ' '); do
        case $address in *:*) kind=6 ;; *) kind=4 ;; esac
        [ $kind != "$1" ] || found=${found:+$found, }$address
    done
    echo "$found"
}

# rules MATCH PROTOCOL VERDICT: the lines of one chain, for all addresses or for those of --only.
rules() {
    if [ -z "$only" ]; then
        echo "        $1 $2 dport { $ports } $3"
        return
    fi
    four=$(family 4) six=$(family 6)
    [ -z "$four" ] || echo "        $1 ip daddr { $four } $2 dport { $ports } $3"
    [ -z "$six" ] || echo "        $1 ip6 daddr { $six } $2 dport { $ports } $3"
}

up() {
    options "$@"
    id=$(id -u "$user" 2>/dev/null) || fail "--user: there is no user '$user' (the one Hushgate runs as)"
    through=${in:+iifname \"$in\"}
    # UDP is refused so that HTTP/3 falls back to TCP. What Hushgate itself sends goes out as it is: it would
    # come back to it for ever.
    nft -f - <<EOF
table $TABLE
delete table $TABLE
table $TABLE {
    chain node {
        type nat hook output priority -100;
        meta skuid $id accept
        oifname "lo" accept
$(rules "" tcp "redirect to :$to")
    }
    chain others {
        type nat hook prerouting priority -100;
        fib daddr type local accept
$(rules "$through" tcp "redirect to :$to")
    }
    chain node_quic {
        type filter hook output priority 0;
        meta skuid $id accept
$(rules "" udp reject)
    }
    chain others_quic {
        type filter hook forward priority 0;
$(rules "$through" udp reject)
    }
}
EOF
}

case ${1:-} in
up) shift && up "$@" ;;
down) nft delete table $TABLE 2>/dev/null || true ;;
show) nft list table $TABLE ;;
*) usage ;;
esac
