#!/bin/sh
# Keeps the servers' states for HAProxy's next start, so that drained servers stay drained. HAProxy would take ports from
# there too, over those of a new configuration: servers whose address or ports are about to change are left out.
set -eu
cd /var/lib/haproxy
echo 'show servers state' | socat - /run/haproxy/admin.sock | awk '
    NR == FNR {
        if ($1 == "server") wanted[$2] = $3
        for (i = 1; i < NF; i++) if ($i == "agent-port") agent = $(i + 1)
        next
    }
    FNR <= 2 || (NF && wanted[$4] == $5 ":" $19 && $NF == agent + 0)
' /etc/haproxy/haproxy.cfg - > server-state.new
mv server-state.new server-state
