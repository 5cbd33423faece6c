#!/bin/sh
# Sends this node's traffic for providers through Hushgate's transparent listener, and undoes it.
#
#   redirect.sh up [--to PORT] [--user NAME] [--ports 443,80] [--in INTERFACE] [--only ADDRESS,...] [--app NAME,...]
#   redirect.sh down
#   redirect.sh show
#
# --user is whom Hushgate runs as. --app: of this machine's traffic only that of these users (a pod, a host of one
# application), and none that it forwards. Users are names or numbers.
# Everything is in one nftables table of its own: `up` puts it in place in one transaction (a second `up`
# replaces the first), `down` removes it. Needs root (CAP_NET_ADMIN) and nft. Nothing is kept over a reboot:
# the unit hushgate-redirect.service runs it.
set -eu

TABLE="inet hushgate_redirect"
to=8443 user=hushgate ports=443,80 in="" only="" app=""

usage() {
    sed -n '2,13s/^# \{0,1\}//p' "$0" >&2
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
        --app) app=$2 ;;
        --only) of addresses 0-9a-fA-F:.,/ "$1" "$2" && only=$2 ;;
        *) usage ;;
        esac
        shift 2
    done
}

# number OPTION USER: what the kernel knows the user as. In a pod a number need not have a name.
number() {
    case $2 in
    "" | *[!0-9]*) id -u -- "$2" 2>/dev/null || fail "$1: there is no user '$2'" ;;
    *) echo "$2" ;;
    esac
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
    id=$(number --user "$user") whose=""
    for name in $(echo "$app" | tr ',' ' '); do
        one=$(number --app "$name")
        whose=${whose:+$whose, }$one
    done
    whose=${whose:+meta skuid \{ $whose \}}
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
$(rules "$whose" tcp "redirect to :$to")
    }
    chain others {
        type nat hook prerouting priority -100;
        fib daddr type local accept
$([ -n "$whose" ] || rules "$through" tcp "redirect to :$to")
    }
    chain node_quic {
        type filter hook output priority 0;
        meta skuid $id accept
$(rules "$whose" udp reject)
    }
    chain others_quic {
        type filter hook forward priority 0;
$([ -n "$whose" ] || rules "$through" udp reject)
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
